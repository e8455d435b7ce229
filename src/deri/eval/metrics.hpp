#pragma once
// Scores against 0/1 targets: ranking metrics of one label, metrics at a threshold, and their means over many labels.
// Scores are double; float scores convert without loss, ties included. A higher score speaks for the positive class. A
// metric that the data cannot define (a class is absent) is NaN, never a made-up number.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace deri {

// The records of one label, sorted once; every metric is then one walk over them.
class RankedLabel {
 public:
  // `scores` and `targets` (0 or 1) hold one value per record; they are not kept. Throws Error, with the count, if
  // scores are NaN.
  RankedLabel(std::span<const double> scores, std::span<const std::uint8_t> targets);

  struct Entry {
    std::uint32_t record;
    std::uint8_t positive;  // 0 or 1
    std::uint8_t last_tie;  // 1 where the next entry has a lower score
  };

  const std::vector<Entry>& entries() const { return entries_; }  // by falling score
  std::size_t positives() const { return positives_; }
  std::size_t negatives() const { return entries_.size() - positives_; }

 private:
  std::vector<Entry> entries_;
  std::size_t positives_ = 0;
};

// Both are NaN if a class is absent.
struct RankMetrics {
  double auroc;
  double average_precision;
};

// Of the records counted `weights[record]` times each: how a resample with replacement is measured in O(n).
RankMetrics rank_metrics(const RankedLabel& label, std::span<const std::uint32_t> weights);

// The probability that a positive record scores above a negative one, a tie counting half (Mann and Whitney's U over
// the number of pairs). NaN if only one class is present; throws Error on NaN scores, as do the two below.
double auroc(std::span<const double> scores, std::span<const std::uint8_t> targets);

// sum_k (R_k - R_{k-1}) P_k over the distinct scores as thresholds, falling: scikit-learn's average_precision_score.
// 1 if every record is positive, NaN if none is.
double average_precision(std::span<const double> scores, std::span<const std::uint8_t> targets);

struct BestF1 {
  double f1;
  double threshold;
};

// The maximum of 2PR / (P + R) over every distinct score t as threshold, deciding "positive" for score >= t; of equal
// maxima the lowest threshold. Both NaN if no record is positive.
BestF1 best_f1(std::span<const double> scores, std::span<const std::uint8_t> targets);

// "Positive" for score >= threshold: the share of the negatives and of the positives so decided.
struct RocPoint {
  double false_positive_rate;
  double true_positive_rate;
  double threshold;
};

// From (0, 0), at an infinite threshold, to (1, 1); equal scores are one step, and points on the straight line between
// their neighbours are left out. The area below, by trapezoids, is auroc(). Empty if a class is absent; throws Error on
// NaN scores.
std::vector<RocPoint> roc_curve(std::span<const double> scores, std::span<const std::uint8_t> targets);

enum class Decision {
  kAtOrAbove,  // positive: score >= threshold, as best_f1() counts
  kAbove,      // positive: score > threshold, as the published accuracy counts
};

struct BinaryCounts {
  std::size_t true_positives = 0, false_positives = 0, true_negatives = 0, false_negatives = 0;

  // Each is NaN where its denominator is 0.
  double f1() const;           // 2 TP / (2 TP + FP + FN)
  double accuracy() const;     // (TP + TN) / all
  double sensitivity() const;  // TP / (TP + FN)
  double specificity() const;  // TN / (TN + FP)
};

BinaryCounts counts_at(std::span<const double> scores, std::span<const std::uint8_t> targets, double threshold,
                       Decision decision = Decision::kAtOrAbove);

// What a model said about a set of records, and the truth. Both matrices are row-major [records, labels].
struct ScoredLabels {
  std::vector<std::string> labels;
  std::vector<double> scores;
  std::vector<std::uint8_t> targets;  // 0 or 1
  // The scores are probabilities of the label. Only then have they a Brier score and a calibration (calibration.hpp);
  // other scores, such as cosines, rank records and nothing more.
  bool probabilities = false;

  std::size_t records() const { return labels.empty() ? 0 : scores.size() / labels.size(); }
  std::vector<double> label_scores(std::size_t label) const;
  std::vector<std::uint8_t> label_targets(std::size_t label) const;
};

// One RankedLabel per label. Throws Error naming the label whose scores are NaN.
std::vector<RankedLabel> rank_labels(const ScoredLabels& data);

// Labels with fewer positive records than this are flagged, and left out of the "frequent" means.
inline constexpr std::size_t kFrequentPositives = 10;

struct LabelMetrics {
  std::string name;
  std::size_t positives = 0, negatives = 0;
  double auroc, auprc;  // auprc: average precision
  double threshold;     // NaN without a positive record to choose it on, and the four below with it
  double f1;
  double accuracy, sensitivity, specificity;
  double brier, ece;  // NaN unless the scores are probabilities; ece over kCalibrationBins bins

  bool defined() const { return positives > 0 && negatives > 0; }
  bool frequent() const { return defined() && positives >= kFrequentPositives; }
  double prevalence() const;  // positives / records: the AUPRC of a random score
};

// Unweighted means over labels; each metric's mean takes the labels where it is not NaN, and is NaN without any.
struct MacroMetrics {
  std::size_t labels = 0;  // with both classes present
  double auroc, auprc, f1, accuracy, sensitivity, specificity, brier, ece;
};

enum class ThresholdSource { kValidation, kTest };

struct MultiLabelMetrics {
  std::vector<LabelMetrics> labels;
  std::vector<std::string> undefined;  // labels with one class only; in no mean
  MacroMetrics macro;                  // over labels with both classes
  MacroMetrics macro_frequent;         // of these, over labels with at least kFrequentPositives positives
  ThresholdSource threshold_source;
};

// Protocol "strict": each label's threshold is best_f1's on the validation records, applied to the test records (score
// >= threshold in every metric). Throws Error if the two have different labels, on NaN scores, and on "probabilities"
// outside [0, 1].
MultiLabelMetrics evaluate_multilabel(const ScoredLabels& test, const ScoredLabels& validation);

// Protocol "published": the threshold is chosen on the test records themselves, so F1 is its maximum, and accuracy,
// sensitivity and specificity count score > threshold. Optimistic; only for comparison with published tables.
MultiLabelMetrics evaluate_multilabel_published(const ScoredLabels& test);

}  // namespace deri
