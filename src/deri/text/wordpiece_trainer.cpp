#include "deri/text/wordpiece_trainer.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/text/pair_merges.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

constexpr std::string_view kContinuation = "##";

struct Word {
  std::u32string characters;
  std::int64_t count = 0;
};

// The distinct words with their numbers, in the order of their characters.
std::vector<Word> count_distinct_words(const std::vector<std::string>& texts) {
  std::map<std::u32string, std::int64_t> counts;
  for (const auto& text : texts) {
    for (const auto& token : basic_tokenize(text)) {
      auto word = decode_utf8(token);
      if (word.size() <= kMaxWordCharacters) ++counts[std::move(word)];
    }
  }
  std::vector<Word> words;
  words.reserve(counts.size());
  for (const auto& [characters, count] : counts) words.push_back({characters, count});
  return words;
}

// Punctuation and ideographs always come out of basic_tokenize() alone, so never within a word.
bool stands_alone(char32_t c) {
  return basic_tokenize(encode_utf8(std::u32string_view(&c, 1)) + "a").size() > 1;
}

class Trainer {
 public:
  Trainer(const std::vector<Word>& words, std::size_t size)
      : tokens_{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, pairs_(spelled(words)) {
    if (tokens_.size() > size) {
      fail("a vocabulary of {} tokens has no room for the corpus's alphabet; ask for at least {}", size,
           tokens_.size());
    }
  }

  std::vector<std::string> learn(std::size_t size, std::size_t min_frequency) && {
    while (tokens_.size() < size) {
      const auto best = pairs_.take_best();
      if (!best || static_cast<std::size_t>(best->count) < min_frequency) break;
      const auto [left, right] = best->pair;
      pairs_.merge(best->pair, token_id(tokens_[left] + tokens_[right].substr(kContinuation.size())));
    }
    return std::move(tokens_);
  }

 private:
  // Numbers the alphabet in the order of code points and writes every word in it.
  std::vector<CountedWord> spelled(const std::vector<Word>& words) {
    std::set<char32_t> characters;
    for (const auto& word : words) {
      characters.insert(word.characters.begin(), word.characters.end());
    }
    std::map<char32_t, std::int32_t> initial, continuation;
    for (const char32_t c : characters) initial[c] = token_id(encode_utf8(std::u32string_view(&c, 1)));
    for (const char32_t c : characters) {
      if (!stands_alone(c)) {
        continuation[c] = token_id(std::string(kContinuation) + encode_utf8(std::u32string_view(&c, 1)));
      }
    }
    std::vector<CountedWord> result;
    result.reserve(words.size());
    for (const auto& word : words) {
      auto& pieces = result.emplace_back(CountedWord{{}, word.count}).pieces;
      for (const char32_t c : word.characters) pieces.push_back(pieces.empty() ? initial.at(c) : continuation.at(c));
    }
    return result;
  }

  // The token's id; a new token goes to the end.
  std::int32_t token_id(const std::string& token) {
    const auto [at, is_new] = ids_.emplace(token, static_cast<std::int32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(token);
    return at->second;
  }

  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t> ids_;
  PairMerges pairs_;
};

}  // namespace

WordPiece train_wordpiece(const std::vector<std::string>& texts, std::size_t size, std::size_t min_frequency) {
  const auto words = count_distinct_words(texts);
  if (words.empty()) fail("there is no word to learn a vocabulary from; are the reports empty?");
  return WordPiece(Trainer(words, size).learn(size, min_frequency), "the learnt vocabulary");
}

}  // namespace deri
