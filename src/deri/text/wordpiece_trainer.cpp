#include "deri/text/wordpiece_trainer.hpp"

#include <cstdint>
#include <map>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using Pair = std::pair<std::int32_t, std::int32_t>;

struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    const auto left = static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first));
    const auto right = static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.second));
    return std::hash<std::uint64_t>()((left << 32 | right) * 0x9E3779B97F4A7C15u);
  }
};

struct Word {
  std::u32string characters;
  std::vector<std::int32_t> pieces;
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
  for (const auto& [characters, count] : counts) words.push_back({characters, {}, count});
  return words;
}

// Punctuation and ideographs always come out of basic_tokenize() alone, so never within a word.
bool stands_alone(char32_t c) {
  return basic_tokenize(encode_utf8(std::u32string_view(&c, 1)) + "a").size() > 1;
}

class Trainer {
 public:
  Trainer(std::vector<Word> words, std::size_t size)
      : tokens_{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, words_(std::move(words)) {
    spell_words();
    if (tokens_.size() > size) {
      fail("a vocabulary of {} tokens has no room for the corpus's alphabet; ask for at least {}", size,
           tokens_.size());
    }
    for (std::size_t i = 0; i < words_.size(); ++i) count_pairs(i, +1);
    for (const auto& [pair, statistics] : pairs_) queue_.push({statistics.count, pair});
  }

  std::vector<std::string> learn(std::size_t size, std::size_t min_frequency) && {
    while (tokens_.size() < size && !queue_.empty()) {
      const auto best = queue_.top();
      queue_.pop();
      const auto count = pairs_.at(best.pair).count;
      if (count < best.count) {  // merges elsewhere have used some up since it was queued
        if (count > 0) queue_.push({count, best.pair});
        continue;
      }
      if (static_cast<std::size_t>(count) < min_frequency) break;
      merge(best.pair);
    }
    return std::move(tokens_);
  }

 private:
  struct Statistics {
    std::int64_t count = 0;
    std::set<std::size_t> words;  // a superset of the words that hold the pair
  };
  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  // Numbers the alphabet in the order of code points and writes every word in it.
  void spell_words() {
    std::set<char32_t> characters;
    for (const auto& word : words_) {
      characters.insert(word.characters.begin(), word.characters.end());
    }
    std::map<char32_t, std::int32_t> initial, continuation;
    for (const char32_t c : characters) initial[c] = token_id(encode_utf8(std::u32string_view(&c, 1)));
    for (const char32_t c : characters) {
      if (!stands_alone(c)) continuation[c] = token_id("##" + encode_utf8(std::u32string_view(&c, 1)));
    }
    for (auto& word : words_) {
      for (const char32_t c : word.characters) {
        word.pieces.push_back(word.pieces.empty() ? initial.at(c) : continuation.at(c));
      }
    }
  }

  // The token's id; a new token goes to the end.
  std::int32_t token_id(const std::string& token) {
    const auto [at, is_new] = ids_.emplace(token, static_cast<std::int32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(token);
    return at->second;
  }

  // Adds a word's pairs to the statistics (sign +1), or takes them away (-1).
  void count_pairs(std::size_t index, int sign) {
    const auto& word = words_[index];
    for (std::size_t i = 1; i < word.pieces.size(); ++i) {
      auto& statistics = pairs_[{word.pieces[i - 1], word.pieces[i]}];
      statistics.count += sign * word.count;
      if (sign > 0) statistics.words.insert(index);
    }
  }

  void merge(const Pair& pair) {
    const auto merged = token_id(tokens_[pair.first] + tokens_[pair.second].substr(2));
    const auto holders = std::move(pairs_.at(pair).words);
    std::set<Pair> grown;
    for (const auto index : holders) {
      auto& pieces = words_[index].pieces;
      count_pairs(index, -1);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < pieces.size(); ++i, ++kept) {
        const bool here = i + 1 < pieces.size() && pieces[i] == pair.first && pieces[i + 1] == pair.second;
        pieces[kept] = here ? merged : pieces[i];
        if (here) ++i;
      }
      pieces.resize(kept);
      count_pairs(index, +1);
      for (std::size_t i = 1; i < kept; ++i) {
        if (pieces[i - 1] == merged || pieces[i] == merged) grown.insert({pieces[i - 1], pieces[i]});
      }
    }
    for (const auto& next : grown) queue_.push({pairs_.at(next).count, next});
  }

  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<Word> words_;
  std::unordered_map<Pair, Statistics, PairHash> pairs_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

WordPiece train_wordpiece(const std::vector<std::string>& texts, std::size_t size, std::size_t min_frequency) {
  auto words = count_distinct_words(texts);
  if (words.empty()) fail("there is no word to learn a vocabulary from; are the reports empty?");
  return WordPiece(Trainer(std::move(words), size).learn(size, min_frequency), "the learnt vocabulary");
}

}  // namespace deri
