#include "deri/eval/bootstrap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/calibration.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Keep the draws of the two ways of resampling apart.
constexpr std::uint64_t kStratified = 1, kJoint = 2;

enum Metric : std::size_t { kAuroc, kAuprc, kF1, kAccuracy, kSensitivity, kSpecificity, kBrier, kEce, kMetrics };
using Values = std::array<double, kMetrics>;

MetricIntervals named(const std::array<Estimate, kMetrics>& of) {
  return {of[kAuroc], of[kAuprc], of[kF1], of[kAccuracy], of[kSensitivity], of[kSpecificity], of[kBrier], of[kEce]};
}

// A label made ready to be measured on many weightings of its records.
class WeighedLabel {
 public:
  WeighedLabel(RankedLabel ranked, const std::vector<double>& scores, bool probabilities) : ranked_(std::move(ranked)) {
    if (!probabilities) return;
    probabilities_.reserve(scores.size());
    for (const RankedLabel::Entry& entry : ranked_.entries()) probabilities_.push_back(scores[entry.record]);
    for (std::size_t i = 0; i < probabilities_.size(); ++i) {
      const bool last = i + 1 == probabilities_.size() || calibration_bin(probabilities_[i], kCalibrationBins) !=
                                                              calibration_bin(probabilities_[i + 1], kCalibrationBins);
      if (last) bin_ends_.push_back(i + 1);
    }
  }

  // F1 always counts score >= threshold; the others as `decision` says.
  void set_threshold(const std::vector<double>& scores, double threshold, Decision decision) {
    const auto count = [&](auto positive) {
      return static_cast<std::size_t>(std::count_if(scores.begin(), scores.end(), positive));
    };
    has_threshold_ = true;
    at_or_above_ = count([&](double s) { return s >= threshold; });
    decided_ = decision == Decision::kAbove ? count([&](double s) { return s > threshold; }) : at_or_above_;
  }

  const RankedLabel& ranked() const { return ranked_; }
  bool defined() const { return ranked_.positives() > 0 && ranked_.negatives() > 0; }
  bool frequent() const { return defined() && ranked_.positives() >= kFrequentPositives; }

  // All NaN if a class has no weight.
  Values measure(const std::vector<std::uint32_t>& weights) const {
    Values values;
    values.fill(kNaN);
    const RankMetrics ranking = rank_metrics(ranked_, weights);
    if (std::isnan(ranking.auroc)) return values;
    values[kAuroc] = ranking.auroc;
    values[kAuprc] = ranking.average_precision;
    if (has_threshold_) measure_decisions(weights, values);
    if (!probabilities_.empty()) measure_calibration(weights, values);
    return values;
  }

 private:
  void measure_decisions(const std::vector<std::uint32_t>& weights, Values& values) const {
    // The records decided positive are the first of the ranking.
    std::array<std::size_t, 2> all{}, inclusive{}, decided{};  // by target
    const std::vector<RankedLabel::Entry>& entries = ranked_.entries();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i == decided_) decided = all;
      if (i == at_or_above_) inclusive = all;
      all[entries[i].positive] += weights[entries[i].record];
    }
    if (decided_ == entries.size()) decided = all;
    if (at_or_above_ == entries.size()) inclusive = all;
    const auto counts = [&all](const std::array<std::size_t, 2>& positive) {
      return BinaryCounts{positive[1], positive[0], all[0] - positive[0], all[1] - positive[1]};
    };
    values[kF1] = counts(inclusive).f1();
    values[kAccuracy] = counts(decided).accuracy();
    values[kSensitivity] = counts(decided).sensitivity();
    values[kSpecificity] = counts(decided).specificity();
  }

  void measure_calibration(const std::vector<std::uint32_t>& weights, Values& values) const {
    const std::vector<RankedLabel::Entry>& entries = ranked_.entries();
    double squares = 0, gaps = 0, total = 0;
    std::size_t i = 0;
    for (const std::size_t end : bin_ends_) {
      double gap = 0;
      for (; i < end; ++i) {
        const double weight = weights[entries[i].record];
        const double error = entries[i].positive - probabilities_[i];
        gap += weight * error;
        squares += weight * error * error;
        total += weight;
      }
      gaps += std::abs(gap);
    }
    values[kBrier] = squares / total;
    values[kEce] = gaps / total;
  }

  RankedLabel ranked_;
  bool has_threshold_ = false;
  std::size_t at_or_above_ = 0, decided_ = 0;
  std::vector<double> probabilities_;  // by rank
  std::vector<std::size_t> bin_ends_;  // ranks where a calibration bin ends
};

std::vector<WeighedLabel> weighed_labels(const ScoredLabels& data, const MultiLabelMetrics* metrics) {
  std::vector<RankedLabel> ranked = rank_labels(data);
  DERI_CHECK(metrics == nullptr || metrics->labels.size() == ranked.size());
  std::vector<WeighedLabel> labels;
  labels.reserve(ranked.size());
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    const std::vector<double> scores = data.label_scores(i);
    if (data.probabilities) brier_score(scores, data.label_targets(i));  // throws unless they are probabilities
    labels.emplace_back(std::move(ranked[i]), scores, data.probabilities);
    if (metrics == nullptr || std::isnan(metrics->labels[i].threshold)) continue;
    const bool on_test = metrics->threshold_source == ThresholdSource::kTest;
    labels.back().set_threshold(scores, metrics->labels[i].threshold,
                                on_test ? Decision::kAbove : Decision::kAtOrAbove);
  }
  return labels;
}

MetricIntervals intervals(const Values& whole, const std::vector<Values>& resampled, double confidence) {
  std::array<Estimate, kMetrics> estimates;
  std::vector<double> values(resampled.size());
  for (std::size_t m = 0; m < kMetrics; ++m) {
    for (std::size_t r = 0; r < resampled.size(); ++r) values[r] = resampled[r][m];
    estimates[m] = percentile_interval(whole[m], values, confidence);
  }
  return named(estimates);
}

MetricIntervals label_intervals(const WeighedLabel& label, std::size_t index, const BootstrapOptions& options) {
  std::vector<Values> resampled(static_cast<std::size_t>(options.resamples));
  const ClassResampler classes(label.ranked());
  for (std::size_t r = 0; r < resampled.size(); ++r) resampled[r] = label.measure(classes.draw(options.seed, index, r));
  const std::vector<std::uint32_t> once(label.ranked().entries().size(), 1);
  return intervals(label.measure(once), resampled, options.confidence);
}

// Means over labels on any weighting of the records.
class MacroMeasure {
 public:
  MacroMeasure(const std::vector<WeighedLabel>& labels, std::size_t records) : labels_(labels) {
    const std::vector<std::uint32_t> once(records, 1);
    for (const WeighedLabel& label : labels_) whole_.push_back(label.measure(once));
  }

  struct Macros {
    Values all, frequent;
  };

  Macros measure(const std::vector<std::uint32_t>& weights) const {
    Mean all, frequent;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (!labels_[i].defined()) continue;
      Values values = labels_[i].measure(weights);
      if (std::isnan(values[kAuroc])) values = whole_[i];  // this draw lost a class
      all.add(values);
      if (labels_[i].frequent()) frequent.add(values);
    }
    return {all.values(), frequent.values()};
  }

 private:
  // Of each metric over the labels that have it.
  struct Mean {
    Values sums{};
    std::array<int, kMetrics> counts{};
    void add(const Values& values) {
      for (std::size_t m = 0; m < kMetrics; ++m) {
        if (std::isnan(values[m])) continue;
        sums[m] += values[m];
        ++counts[m];
      }
    }
    Values values() const {
      Values means;
      for (std::size_t m = 0; m < kMetrics; ++m) means[m] = counts[m] == 0 ? kNaN : sums[m] / counts[m];
      return means;
    }
  };

  const std::vector<WeighedLabel>& labels_;
  std::vector<Values> whole_;
};

MultiLabelIntervals all_intervals(const ScoredLabels& data, const MultiLabelMetrics* metrics,
                                  const BootstrapOptions& options) {
  check_options(options);
  const std::vector<WeighedLabel> labels = weighed_labels(data, metrics);
  MultiLabelIntervals result{};
  result.labels.resize(labels.size());
  parallel_for(labels.size(), options.threads,
               [&](std::size_t i) { result.labels[i] = label_intervals(labels[i], i, options); });

  const MacroMeasure macro(labels, data.records());
  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::vector<Values> all(resamples), frequent(resamples);
  parallel_for(resamples, options.threads, [&](std::size_t r) {
    const MacroMeasure::Macros macros = macro.measure(resampled_records(data.records(), options.seed, r));
    all[r] = macros.all;
    frequent[r] = macros.frequent;
  });
  const MacroMeasure::Macros whole = macro.measure(std::vector<std::uint32_t>(data.records(), 1));
  result.macro = intervals(whole.all, all, options.confidence);
  result.macro_frequent = intervals(whole.frequent, frequent, options.confidence);
  return result;
}

}  // namespace

void check_options(const BootstrapOptions& options) {
  if (options.resamples < 1) fail("the bootstrap needs at least 1 resample, not {}", options.resamples);
  if (!(options.confidence > 0 && options.confidence < 1))
    fail("a confidence of {} is not between 0 and 1: use 0.95", options.confidence);
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return kNaN;
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) return kNaN;
  std::sort(values.begin(), values.end());
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double fraction = position - static_cast<double>(below);
  return values[below] + fraction * (values[above] - values[below]);
}

Estimate percentile_interval(double value, const std::vector<double>& resampled, double confidence) {
  if (std::isnan(value)) return {kNaN, kNaN, kNaN};
  const double tail = (1 - confidence) / 2;
  return {value, quantile(resampled, tail), quantile(resampled, 1 - tail)};
}

std::vector<std::uint32_t> resampled_records(std::size_t records, std::uint64_t seed, std::size_t resample) {
  std::vector<std::uint32_t> weights(records, 0);
  Rng rng(mix_seed(seed, {kJoint, resample}));
  for (std::size_t i = 0; i < records; ++i) ++weights[rng.below(records)];
  return weights;
}

ClassResampler::ClassResampler(const RankedLabel& label) {
  for (const RankedLabel::Entry& entry : label.entries())
    (entry.positive != 0 ? positives_ : negatives_).push_back(entry.record);
}

std::vector<std::uint32_t> ClassResampler::draw(std::uint64_t seed, std::size_t label_index,
                                                std::size_t resample) const {
  std::vector<std::uint32_t> weights(positives_.size() + negatives_.size(), 0);
  Rng rng(mix_seed(seed, {kStratified, label_index, resample}));
  for (std::size_t i = 0; i < positives_.size(); ++i) ++weights[rng.pick(positives_)];
  for (std::size_t i = 0; i < negatives_.size(); ++i) ++weights[rng.pick(negatives_)];
  return weights;
}

MultiLabelIntervals bootstrap_intervals(const ScoredLabels& data, const MultiLabelMetrics& metrics,
                                        const BootstrapOptions& options) {
  return all_intervals(data, &metrics, options);
}

MultiLabelIntervals bootstrap_intervals(const ScoredLabels& data, const BootstrapOptions& options) {
  return all_intervals(data, nullptr, options);
}

PairedDifference macro_auroc_difference(const ScoredLabels& a, const ScoredLabels& b, const BootstrapOptions& options) {
  check_options(options);
  if (a.labels != b.labels || a.targets != b.targets)
    fail("a paired difference needs two sets of scores for the same records and labels");
  const auto ranking = [](ScoredLabels data) {
    data.probabilities = false;  // the ranking is all that counts here
    return weighed_labels(data, nullptr);
  };
  const std::vector<WeighedLabel> labels_a = ranking(a), labels_b = ranking(b);
  const MacroMeasure first(labels_a, a.records()), second(labels_b, b.records());
  const auto difference = [&](const std::vector<std::uint32_t>& weights) {
    return first.measure(weights).all[kAuroc] - second.measure(weights).all[kAuroc];
  };
  std::vector<double> differences(static_cast<std::size_t>(options.resamples));
  parallel_for(differences.size(), options.threads,
               [&](std::size_t r) { differences[r] = difference(resampled_records(a.records(), options.seed, r)); });
  const double value = difference(std::vector<std::uint32_t>(a.records(), 1));
  const Estimate result = percentile_interval(value, differences, options.confidence);
  return {result.value, result.low, result.high};
}

}  // namespace deri
