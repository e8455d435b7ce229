#include "deri/text/pair_merges.hpp"

#include <functional>

namespace deri {

std::size_t PairMerges::Hash::operator()(const PiecePair& pair) const {
  const auto left = static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first));
  const auto right = static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.second));
  return std::hash<std::uint64_t>()((left << 32 | right) * 0x9E3779B97F4A7C15u);
}

PairMerges::PairMerges(std::vector<CountedWord> words) : words_(std::move(words)) {
  for (std::size_t i = 0; i < words_.size(); ++i) count_pairs(i, +1);
  for (const auto& [pair, statistics] : pairs_) queue_.push({pair, statistics.count});
}

std::optional<PairMerges::Candidate> PairMerges::take_best() {
  while (!queue_.empty()) {
    const auto best = queue_.top();
    queue_.pop();
    const auto count = pairs_.at(best.pair).count;
    if (count == best.count) return best;
    // Merges elsewhere have used some up since it was queued. (Where they made more, it was queued again.)
    if (count > 0 && count < best.count) queue_.push({best.pair, count});
  }
  return std::nullopt;
}

// Adds a word's pairs to the statistics (sign +1), or takes them away (-1).
void PairMerges::count_pairs(std::size_t word, int sign) {
  const auto& [pieces, count] = words_[word];
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    auto& statistics = pairs_[{pieces[i - 1], pieces[i]}];
    statistics.count += sign * count;
    if (sign > 0) statistics.words.insert(word);
  }
}

void PairMerges::merge(const PiecePair& pair, std::int32_t merged) {
  const auto holders = std::move(pairs_.at(pair).words);
  std::unordered_set<PiecePair, Hash> grown;
  for (const auto word : holders) {
    merge_in_word(word, pair, merged);
    const auto& pieces = words_[word].pieces;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      if (pieces[i - 1] == merged || pieces[i] == merged) grown.insert({pieces[i - 1], pieces[i]});
    }
  }
  for (const auto& next : grown) queue_.push({next, pairs_.at(next).count});
}

void PairMerges::merge_in_word(std::size_t word, const PiecePair& pair, std::int32_t merged) {
  count_pairs(word, -1);
  auto& pieces = words_[word].pieces;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i, ++kept) {
    const bool here = i + 1 < pieces.size() && pieces[i] == pair.first && pieces[i + 1] == pair.second;
    pieces[kept] = here ? merged : pieces[i];
    if (here) ++i;
  }
  pieces.resize(kept);
  count_pairs(word, +1);
}

}  // namespace deri
