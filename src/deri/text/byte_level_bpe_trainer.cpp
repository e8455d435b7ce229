#include "deri/text/byte_level_bpe_trainer.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/text/pair_merges.hpp"

namespace deri {
namespace {

constexpr std::size_t kLetters = 256;

// The distinct words with their numbers, pointing into `texts`.
std::unordered_map<std::string_view, std::int64_t> count_words(const std::vector<std::string>& texts) {
  std::unordered_map<std::string_view, std::int64_t> counts;
  for (const auto& text : texts) {
    for (const auto word : byte_level_words(text)) {
      if (word.size() <= kMaxLearntWordBytes) ++counts[word];
    }
  }
  return counts;
}

// The words as ids of the tokenizer's letters.
std::vector<CountedWord> spelled_words(const std::vector<std::string>& texts, const ByteLevelBpe& letters) {
  std::vector<CountedWord> words;
  for (const auto& [word, count] : count_words(texts)) words.push_back({letters.encode(word), count});
  return words;
}

}  // namespace

ByteLevelBpe train_byte_level_bpe(const std::vector<std::string>& texts, std::size_t size,
                                  const std::vector<std::string>& special_tokens, std::size_t min_frequency) {
  auto tokens = special_tokens;
  std::ranges::copy(byte_alphabet(), std::back_inserter(tokens));
  const std::string name = "the vocabulary to learn";
  const ByteLevelBpe letters(tokens, {}, name);  // also checks the special tokens
  if (tokens.size() > size) {
    fail("a vocabulary of {} tokens has no room for the {} bytes and {} special tokens; ask for at least {}", size,
         kLetters, special_tokens.size(), tokens.size());
  }
  PairMerges pairs(spelled_words(texts, letters));
  std::vector<ByteLevelBpe::Merge> merges;
  std::unordered_map<std::string, std::int32_t> ids;
  while (tokens.size() < size) {
    const auto best = pairs.take_best();
    if (!best || static_cast<std::size_t>(best->count) < min_frequency) break;
    const auto& left = tokens[best->pair.first];
    const auto& right = tokens[best->pair.second];
    if (letters.is_special(letters.id(left + right))) continue;
    merges.push_back({left, right});
    // Two pairs can make the same token.
    const auto [merged, is_new] = ids.emplace(left + right, static_cast<std::int32_t>(tokens.size()));
    pairs.merge(best->pair, merged->second);
    if (is_new) tokens.push_back(merged->first);
  }
  return ByteLevelBpe(std::move(tokens), merges, name);
}

}  // namespace deri
