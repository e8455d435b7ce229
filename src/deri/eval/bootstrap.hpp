#pragma once
// Percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13) of every metric of metrics.hpp.
//
// Two ways of resampling, each for the question it answers:
// * One label. Its positive records are drawn with replacement from the positives, its negatives from the negatives, so
//   a resample keeps both counts and the metric is always defined; the usual stratified bootstrap of an ROC curve.
// * A mean over labels. Whole records are drawn with replacement, the same draw for every label, which keeps the
//   dependence between labels. A rare label may lose all its positives in a draw; there it keeps its value on all
//   records. Leaving it out instead would make that resample the mean of other labels, and widen the interval by which
//   labels happened to stay. So every resample is the mean of the same labels: those that have both classes.
//
// Thresholds are held fixed: an interval says how a metric at the given threshold varies with the test records, not how
// the threshold varies with the validation records. The calibration error grows with noise, of which a resample has
// more than the data: its interval may lie above its value.
//
// The records are taken as independent; several records of one patient make the true interval a little wider. A
// resample depends on the seed and its own number alone, so results are the same for any number of threads.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "deri/eval/metrics.hpp"

namespace deri {

struct BootstrapOptions {
  int resamples = 1000;  // at least 1
  double confidence = 0.95;
  std::uint64_t seed = 0;
  int threads = 0;  // 0: as many as the machine has
};

struct Estimate {
  double value, low, high;  // all NaN where the value is undefined
};

// Of one label, or of the mean over labels. All NaN without both classes; those at a threshold without one, and those
// of probabilities without probabilities.
struct MetricIntervals {
  Estimate auroc, auprc, f1, accuracy, sensitivity, specificity, brier, ece;
};

struct MultiLabelIntervals {
  std::vector<MetricIntervals> labels;  // in the order of ScoredLabels::labels
  MetricIntervals macro;                // over labels with both classes
  MetricIntervals macro_frequent;       // of these, labels with kFrequentPositives or more
};

// Intervals around the values of evaluate_multilabel(), whose result for the same data gives the thresholds. Throws
// Error on NaN scores, on fewer than one resample and on a confidence outside (0, 1). 4,620 records x 38 labels x 1,000
// resamples: some seconds on two cores.
MultiLabelIntervals bootstrap_intervals(const ScoredLabels& data, const MultiLabelMetrics& metrics,
                                        const BootstrapOptions& options = {});

// Without thresholds: no intervals of what is decided by them.
MultiLabelIntervals bootstrap_intervals(const ScoredLabels& data, const BootstrapOptions& options = {});

struct PairedDifference {
  double difference;  // macro AUROC of `a` minus that of `b`
  double low, high;
};

// The same records scored by two models: both are measured on the same resamples, so what makes a resample easy for
// both cancels. An interval above 0 says that `a` is better. Throws Error as above, and if labels or targets differ.
PairedDifference macro_auroc_difference(const ScoredLabels& a, const ScoredLabels& b,
                                        const BootstrapOptions& options = {});

// Throws Error for options that make no sense, as the functions above do.
void check_options(const BootstrapOptions& options);

// How often each of `records` is drawn in resample number `resample` of whole records.
std::vector<std::uint32_t> resampled_records(std::size_t records, std::uint64_t seed, std::size_t resample);

// The same for one label, whose positives and negatives are drawn apart.
class ClassResampler {
 public:
  explicit ClassResampler(const RankedLabel& label);
  std::vector<std::uint32_t> draw(std::uint64_t seed, std::size_t label_index, std::size_t resample) const;

 private:
  std::vector<std::uint32_t> positives_, negatives_;  // records
};

// The value with the interval of its resamples.
Estimate percentile_interval(double value, const std::vector<double>& resampled, double confidence);

// The q-quantile of `values` (q in [0, 1]), linear between order statistics as NumPy's default. NaN for no values.
double quantile(std::vector<double> values, double q);

}  // namespace deri
