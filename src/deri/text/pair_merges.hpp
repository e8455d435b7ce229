#pragma once
// The counting inside byte-pair encoding's training (Sennrich et al. 2016): the words of a corpus as rows of pieces,
// and which two neighbours stand together most often.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace deri {

using PiecePair = std::pair<std::int32_t, std::int32_t>;

struct CountedWord {
  std::vector<std::int32_t> pieces;
  std::int64_t count = 0;  // how often the corpus has it
};

class PairMerges {
 public:
  struct Candidate {
    PiecePair pair;
    std::int64_t count = 0;
  };

  explicit PairMerges(std::vector<CountedWord> words);

  // The pair seen most often, of equals the one with the lower left id, then the lower right id; none when no pair is
  // left. Whether it is then merged or not, the pair is not named again unless later merges make it anew.
  std::optional<Candidate> take_best();

  // Makes the pair one piece, in every word from left to right.
  void merge(const PiecePair& pair, std::int32_t merged);

 private:
  struct Statistics {
    std::int64_t count = 0;
    std::unordered_set<std::size_t> words;  // a superset of the words that hold the pair
  };
  struct Hash {
    std::size_t operator()(const PiecePair& pair) const;
  };
  struct ComesAfter {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return a.count != b.count ? a.count < b.count : a.pair > b.pair;
    }
  };

  void count_pairs(std::size_t word, int sign);
  void merge_in_word(std::size_t word, const PiecePair& pair, std::int32_t merged);

  std::vector<CountedWord> words_;
  std::unordered_map<PiecePair, Statistics, Hash> pairs_;
  std::priority_queue<Candidate, std::vector<Candidate>, ComesAfter> queue_;
};

}  // namespace deri
