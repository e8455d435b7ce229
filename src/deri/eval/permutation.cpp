#include "deri/eval/permutation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kPermutation = 3;  // apart from the bootstrap's draws

// Differences are sums of fractions: what differs by rounding alone counts as equal, which errs towards a larger p.
constexpr double kRounding = 1e-12;

bool every_permutation(std::size_t records, int permutations) {
  return records < 31 && (std::size_t{1} << records) <= static_cast<std::size_t>(permutations);
}

// Twice the mean rank among all records, from the lowest score: whole numbers even for ties.
std::vector<std::uint32_t> doubled_ranks(const RankedLabel& label) {
  const auto& entries = label.entries();
  std::vector<std::uint32_t> ranks(entries.size());
  for (std::size_t start = 0; start < entries.size();) {
    std::size_t end = start;
    while (entries[end].last_tie == 0) ++end;
    const auto doubled = static_cast<std::uint32_t>(2 * entries.size() - start - end);
    for (std::size_t i = start; i <= end; ++i) ranks[entries[i].record] = doubled;
    start = end + 1;
  }
  return ranks;
}

// 2 x (pairs with the positive above) + pairs tied, from the lowest level up. Of each level, positives are in the high
// half of the word and negatives in the low one.
std::uint64_t doubled_wins(const std::vector<std::uint64_t>& counts) {
  std::uint64_t wins = 0, negatives_below = 0;
  for (const std::uint64_t count : counts) {
    const std::uint64_t positives = count >> 32, negatives = count & 0xffffffffU;
    wins += positives * (2 * negatives_below + negatives);
    negatives_below += negatives;
  }
  return wins;
}

}  // namespace

Permutations::Permutations(std::size_t records, int permutations, std::uint64_t seed)
    : records_(records), count_(0), seed_(seed), exact_(every_permutation(records, permutations)) {
  if (permutations < 1) fail("the test needs at least 1 permutation, not {}", permutations);
  count_ = exact_ ? std::size_t{1} << records : static_cast<std::size_t>(permutations);
}

std::vector<std::uint8_t> Permutations::swapped(std::size_t index) const {
  std::vector<std::uint8_t> swapped(records_);
  Rng rng(mix_seed(seed_, {kPermutation, index}));
  std::uint64_t bits = index;  // of an exact test, the permutation itself
  for (std::size_t i = 0; i < records_; ++i) {
    if (!exact_ && i % 64 == 0) bits = rng.next();
    swapped[i] = static_cast<std::uint8_t>(bits >> (i % 64) & 1);
  }
  return swapped;
}

SwappableLabel::SwappableLabel(const RankedLabel& a, const RankedLabel& b)
    : positives_(a.positives()), negatives_(a.negatives()), targets_(a.entries().size()) {
  DERI_CHECK(b.entries().size() == targets_.size());
  for (const RankedLabel::Entry& entry : a.entries()) targets_[entry.record] = entry.positive;
  const std::vector<std::uint32_t> ranks_a = doubled_ranks(a), ranks_b = doubled_ranks(b);
  std::vector<std::uint32_t> distinct = ranks_a;
  distinct.insert(distinct.end(), ranks_b.begin(), ranks_b.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  levels_ = distinct.size();
  const auto level = [&](std::uint32_t rank) {
    return static_cast<std::uint32_t>(std::lower_bound(distinct.begin(), distinct.end(), rank) - distinct.begin());
  };
  for (std::size_t i = 0; i < targets_.size(); ++i) levels_of_.push_back({level(ranks_a[i]), level(ranks_b[i])});
}

double SwappableLabel::difference(const std::vector<std::uint8_t>& swapped, Scratch& scratch) const {
  if (!defined()) return kNaN;
  scratch.a.assign(levels_, 0);
  scratch.b.assign(levels_, 0);
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const std::uint64_t one = targets_[i] != 0 ? std::uint64_t{1} << 32 : 1;
    scratch.a[levels_of_[i][swapped[i]]] += one;
    scratch.b[levels_of_[i][1 - swapped[i]]] += one;
  }
  const auto wins_a = static_cast<std::int64_t>(doubled_wins(scratch.a));
  const auto wins_b = static_cast<std::int64_t>(doubled_wins(scratch.b));
  return static_cast<double>(wins_a - wins_b) / 2 / (static_cast<double>(positives_) * static_cast<double>(negatives_));
}

std::vector<double> permutation_p_values(const Permutations& permutations, const std::vector<double>& observed,
                                         const SwappedDifferences& differences, int threads) {
  constexpr std::size_t kBatch = 16;
  const std::size_t batches = (permutations.count() + kBatch - 1) / kBatch;
  std::vector<std::vector<std::size_t>> extreme(batches, std::vector<std::size_t>(observed.size(), 0));
  parallel_for(batches, threads, [&](std::size_t batch) {
    for (std::size_t i = batch * kBatch; i < std::min(permutations.count(), (batch + 1) * kBatch); ++i) {
      const std::vector<double> permuted = differences(permutations.swapped(i));
      for (std::size_t k = 0; k < observed.size(); ++k)
        extreme[batch][k] += std::abs(permuted[k]) >= std::abs(observed[k]) - kRounding ? 1 : 0;
    }
  });
  // Random permutations may leave out the identity, which is added.
  const std::size_t added = permutations.exact() ? 0 : 1;
  std::vector<double> values;
  for (std::size_t k = 0; k < observed.size(); ++k) {
    std::size_t count = added;
    for (const std::vector<std::size_t>& batch : extreme) count += batch[k];
    const auto all = static_cast<double>(permutations.count() + added);
    values.push_back(std::isnan(observed[k]) ? kNaN : static_cast<double>(count) / all);
  }
  return values;
}

}  // namespace deri
