#pragma once
// The parts of a paired permutation test (paired_test.hpp says what it tests): which records a permutation swaps, a
// label's difference of AUROC after a swap, and the p-values.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "deri/eval/metrics.hpp"

namespace deri {

// The permutations of a test: all 2^records of them where that is no more than `permutations`, the identity first;
// random ones otherwise. Each depends on the seed and its own number alone.
class Permutations {
 public:
  // Throws Error for fewer than one permutation.
  Permutations(std::size_t records, int permutations, std::uint64_t seed);

  bool exact() const { return exact_; }  // every permutation is taken
  std::size_t count() const { return count_; }
  // 1 for each record that permutation number `index` swaps.
  std::vector<std::uint8_t> swapped(std::size_t index) const;

 private:
  std::size_t records_, count_;
  std::uint64_t seed_;
  bool exact_;
};

// One label's ranks by both models. Ranks are numbered densely over both, so that sorting is counting.
class SwappableLabel {
 public:
  // Of the same records in the same order, with the same targets.
  SwappableLabel(const RankedLabel& a, const RankedLabel& b);

  bool defined() const { return positives_ > 0 && negatives_ > 0; }
  bool frequent() const { return defined() && positives_ >= kFrequentPositives; }

  // Room for counting, kept between calls.
  struct Scratch {
    std::vector<std::uint64_t> a, b;
  };

  // AUROC of a minus that of b after swapping the records where `swapped` is 1. NaN without both classes.
  double difference(const std::vector<std::uint8_t>& swapped, Scratch& scratch) const;

 private:
  std::size_t positives_, negatives_, levels_ = 0;
  std::vector<std::uint8_t> targets_;
  std::vector<std::array<std::uint32_t, 2>> levels_of_;  // per record, by model
};

// Differences after swapping those records, in an order of the caller's.
using SwappedDifferences = std::function<std::vector<double>(const std::vector<std::uint8_t>& swapped)>;

// Two-sided p-values of `observed`, which are the differences without a swap; NaN where these are. Calls `differences`
// from several threads.
std::vector<double> permutation_p_values(const Permutations& permutations, const std::vector<double>& observed,
                                         const SwappedDifferences& differences, int threads);

}  // namespace deri
