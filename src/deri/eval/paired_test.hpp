#pragma once
// Is one model better than another on the same records? Differences of AUROC with an interval and a p-value.
//
// The permutation test's null hypothesis is that the two models are exchangeable: which of them gave a record its score
// makes no difference. Each model's scores are first replaced by their ranks among all records (ties sharing the mean
// rank), because two models need not score on one scale and an AUROC depends on ranks alone. A permutation then swaps
// the two models' ranks of each record, of all its labels together, with probability 1/2, and the difference is
// computed anew (in the manner of Bandos, Rockette and Gur 2005). The two-sided p-value is
//
//   p = (1 + number of permutations with |difference| >= |observed|) / (1 + permutations),
//
// which cannot be 0. With few records every one of the 2^n permutations is taken instead of random ones, the identity
// among them, and p is their share.
//
// The interval is that of the paired bootstrap: both models are measured on the same resamples. Results depend on the
// seed, not on the number of threads.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "deri/eval/bootstrap.hpp"
#include "deri/eval/metrics.hpp"

namespace deri {

struct PairedOptions {
  int permutations = 2000;  // at least 1; the smallest p-value is 1 / (1 + permutations)
  int resamples = 1000;     // of the bootstrap
  double confidence = 0.95;
  std::uint64_t seed = 0;
  int threads = 0;  // 0: as many as the machine has
};

struct AurocComparison {
  std::string name;       // the label, "macro" or "macro_frequent"
  double a = 0, b = 0;    // AUROC of the two models
  Estimate difference{};  // a minus b
  double p_value = 0;
  double holm_p_value = 0;  // of labels: adjusted for their number (Holm 1979); of means: p_value
};

struct PairedComparison {
  std::size_t records = 0;
  bool exact = false;                   // every permutation was taken
  std::size_t permutations = 0;         // taken
  std::vector<AurocComparison> labels;  // NaN numbers where a class is absent
  AurocComparison macro;                // the mean over labels with both classes
  AurocComparison macro_frequent;       // of these, over labels with kFrequentPositives positives or more
};

// Throws Error if labels or targets differ, on NaN scores, and for options that make no sense. 4,620 records x 38
// labels: some seconds on two cores.
PairedComparison compare_aurocs(const ScoredLabels& a, const ScoredLabels& b, const PairedOptions& options = {});

// Holm's step-down adjustment; NaN stays NaN and is not counted.
std::vector<double> holm_adjusted(const std::vector<double>& p_values);

}  // namespace deri
