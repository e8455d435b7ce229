#include "deri/eval/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "deri/base/error.hpp"
#include "deri/eval/calibration.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double ratio(std::size_t numerator, std::size_t denominator) {
  return denominator == 0 ? kNaN : static_cast<double>(numerator) / static_cast<double>(denominator);
}

void check_scores(std::span<const double> scores, std::span<const std::uint8_t> targets) {
  DERI_CHECK(scores.size() == targets.size());
  DERI_CHECK(scores.size() < std::numeric_limits<std::uint32_t>::max());
  DERI_CHECK(std::all_of(targets.begin(), targets.end(), [](std::uint8_t t) { return t <= 1; }));
  const auto missing = std::count_if(scores.begin(), scores.end(), [](double s) { return std::isnan(s); });
  if (missing > 0) {
    fail("{} of {} scores are not a number (NaN): the model or its input is damaged", missing, scores.size());
  }
}

void check_shape(const ScoredLabels& data) {
  DERI_CHECK(data.scores.size() == data.targets.size());
  DERI_CHECK(data.labels.empty() ? data.scores.empty() : data.scores.size() % data.labels.size() == 0);
}

template <typename T>
std::vector<T> column(const std::vector<T>& matrix, std::size_t columns, std::size_t index) {
  DERI_CHECK(index < columns);
  std::vector<T> values;
  values.reserve(matrix.size() / columns);
  for (std::size_t i = index; i < matrix.size(); i += columns) values.push_back(matrix[i]);
  return values;
}

// The two sums behind the ranking metrics, over groups of tied scores from the highest down.
struct RankSums {
  std::uint64_t positives = 0, negatives = 0;
  std::uint64_t doubled_wins = 0;  // 2 x (pairs with the positive above) + pairs tied
  double precision_sum = 0;        // precision at each threshold x positives gained there
};

template <typename Weight>
RankSums rank_sums(const RankedLabel& label, const Weight& weight) {
  RankSums sums;
  std::uint64_t tied_positives = 0, tied_negatives = 0;
  for (const RankedLabel::Entry& entry : label.entries()) {
    const std::uint64_t count = weight(entry.record);
    tied_positives += count * entry.positive;
    tied_negatives += count * (1U - entry.positive);
    if (entry.last_tie == 0) continue;
    sums.doubled_wins += tied_negatives * (2 * sums.positives + tied_positives);
    sums.positives += tied_positives;
    sums.negatives += tied_negatives;
    if (tied_positives > 0) {
      sums.precision_sum +=
          static_cast<double>(tied_positives * sums.positives) / static_cast<double>(sums.positives + sums.negatives);
    }
    tied_positives = tied_negatives = 0;
  }
  return sums;
}

RankSums rank_sums(const RankedLabel& label) {
  return rank_sums(label, [](std::uint32_t) { return std::uint64_t{1}; });
}

double auroc_of(const RankSums& sums) {
  if (sums.positives == 0 || sums.negatives == 0) return kNaN;
  return static_cast<double>(sums.doubled_wins) / 2.0 /
         (static_cast<double>(sums.positives) * static_cast<double>(sums.negatives));
}

double average_precision_of(const RankSums& sums) {
  return sums.positives == 0 ? kNaN : sums.precision_sum / static_cast<double>(sums.positives);
}

// The threshold is an entry's score, so the scores are needed beside the ranking.
BestF1 best_f1_of(const RankedLabel& label, std::span<const double> scores) {
  if (label.positives() == 0) return {kNaN, kNaN};
  std::uint64_t found = 0, chosen = 0;  // true positives, and all decided positive
  std::uint64_t best_found = 0, best_sum = 1;
  double threshold = kNaN;
  for (const RankedLabel::Entry& entry : label.entries()) {
    found += entry.positive;
    ++chosen;
    if (entry.last_tie == 0) continue;
    // F1 = 2 found / (chosen + positives); fractions are compared exactly, so that equal maxima are seen as equal.
    const std::uint64_t sum = chosen + label.positives();
    if (found * best_sum >= best_found * sum) {
      best_found = found;
      best_sum = sum;
      threshold = scores[entry.record];
    }
  }
  return {2.0 * static_cast<double>(best_found) / static_cast<double>(best_sum), threshold};
}

template <typename Metric>
double mean_of(const std::vector<const LabelMetrics*>& labels, const Metric& metric) {
  double sum = 0;
  std::size_t count = 0;
  for (const LabelMetrics* label : labels) {
    const double value = metric(*label);
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? kNaN : sum / static_cast<double>(count);
}

MacroMetrics macro_over(const std::vector<const LabelMetrics*>& labels) {
  return {labels.size(),
          mean_of(labels, [](const LabelMetrics& m) { return m.auroc; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.auprc; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.f1; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.accuracy; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.sensitivity; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.specificity; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.brier; }),
          mean_of(labels, [](const LabelMetrics& m) { return m.ece; })};
}

// Fills the means from the labels.
void summarise(MultiLabelMetrics& metrics) {
  std::vector<const LabelMetrics*> defined, frequent;
  for (const LabelMetrics& label : metrics.labels) {
    if (label.defined()) {
      defined.push_back(&label);
    } else {
      metrics.undefined.push_back(label.name);
    }
    if (label.frequent()) frequent.push_back(&label);
  }
  metrics.macro = macro_over(defined);
  metrics.macro_frequent = macro_over(frequent);
}

// Everything but what depends on the threshold.
LabelMetrics ranking_part(const ScoredLabels& test, std::size_t label, const RankedLabel& ranked) {
  LabelMetrics metrics{};
  metrics.name = test.labels[label];
  metrics.positives = ranked.positives();
  metrics.negatives = ranked.negatives();
  const RankSums sums = rank_sums(ranked);
  metrics.auroc = auroc_of(sums);
  metrics.auprc = average_precision_of(sums);
  metrics.threshold = metrics.f1 = kNaN;
  metrics.accuracy = metrics.sensitivity = metrics.specificity = metrics.brier = metrics.ece = kNaN;
  if (test.probabilities) {
    const std::vector<double> probabilities = test.label_scores(label);
    const std::vector<std::uint8_t> targets = test.label_targets(label);
    metrics.brier = brier_score(probabilities, targets);
    metrics.ece = expected_calibration_error(probabilities, targets);
  }
  return metrics;
}

void decide(LabelMetrics& metrics, const ScoredLabels& test, std::size_t label, double threshold, Decision decision) {
  metrics.threshold = threshold;
  if (std::isnan(threshold)) return;
  const BinaryCounts counts = counts_at(test.label_scores(label), test.label_targets(label), threshold, decision);
  metrics.f1 = counts.f1();
  metrics.accuracy = counts.accuracy();
  metrics.sensitivity = counts.sensitivity();
  metrics.specificity = counts.specificity();
}

}  // namespace

RankedLabel::RankedLabel(std::span<const double> scores, std::span<const std::uint8_t> targets) {
  check_scores(scores, targets);
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  entries_.reserve(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool last = i + 1 == order.size() || scores[order[i + 1]] != scores[order[i]];
    entries_.push_back({order[i], targets[order[i]], static_cast<std::uint8_t>(last)});
    positives_ += targets[order[i]];
  }
}

RankMetrics rank_metrics(const RankedLabel& label, std::span<const std::uint32_t> weights) {
  DERI_CHECK(weights.size() == label.entries().size());
  const RankSums sums = rank_sums(label, [weights](std::uint32_t record) { return std::uint64_t{weights[record]}; });
  if (sums.positives == 0 || sums.negatives == 0) return {kNaN, kNaN};
  return {auroc_of(sums), average_precision_of(sums)};
}

double auroc(std::span<const double> scores, std::span<const std::uint8_t> targets) {
  return auroc_of(rank_sums(RankedLabel(scores, targets)));
}

double average_precision(std::span<const double> scores, std::span<const std::uint8_t> targets) {
  return average_precision_of(rank_sums(RankedLabel(scores, targets)));
}

BestF1 best_f1(std::span<const double> scores, std::span<const std::uint8_t> targets) {
  return best_f1_of(RankedLabel(scores, targets), scores);
}

std::vector<RocPoint> roc_curve(std::span<const double> scores, std::span<const std::uint8_t> targets) {
  const RankedLabel label(scores, targets);
  if (label.positives() == 0 || label.negatives() == 0) return {};
  // In counts, so that whether three points lie on a line is decided exactly.
  struct Corner {
    std::uint64_t negatives, positives;
    double threshold;
  };
  const auto on_line = [](const Corner& a, const Corner& b, const Corner& c) {
    return (b.negatives - a.negatives) * (c.positives - b.positives) ==
           (c.negatives - b.negatives) * (b.positives - a.positives);
  };
  std::vector<Corner> corners = {{0, 0, std::numeric_limits<double>::infinity()}};
  std::uint64_t negatives = 0, positives = 0;
  for (const RankedLabel::Entry& entry : label.entries()) {
    positives += entry.positive;
    negatives += 1U - entry.positive;
    if (entry.last_tie == 0) continue;
    const Corner next{negatives, positives, scores[entry.record]};
    if (corners.size() > 1 && on_line(corners[corners.size() - 2], corners.back(), next)) corners.pop_back();
    corners.push_back(next);
  }
  std::vector<RocPoint> curve;
  curve.reserve(corners.size());
  for (const Corner& corner : corners) {
    curve.push_back(
        {ratio(corner.negatives, label.negatives()), ratio(corner.positives, label.positives()), corner.threshold});
  }
  return curve;
}

double BinaryCounts::f1() const {
  return ratio(2 * true_positives, 2 * true_positives + false_positives + false_negatives);
}

double BinaryCounts::accuracy() const {
  return ratio(true_positives + true_negatives, true_positives + true_negatives + false_positives + false_negatives);
}

double BinaryCounts::sensitivity() const {
  return ratio(true_positives, true_positives + false_negatives);
}

double BinaryCounts::specificity() const {
  return ratio(true_negatives, true_negatives + false_positives);
}

BinaryCounts counts_at(std::span<const double> scores, std::span<const std::uint8_t> targets, double threshold,
                       Decision decision) {
  check_scores(scores, targets);
  BinaryCounts counts;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool positive = decision == Decision::kAbove ? scores[i] > threshold : scores[i] >= threshold;
    if (targets[i] != 0) {
      ++(positive ? counts.true_positives : counts.false_negatives);
    } else {
      ++(positive ? counts.false_positives : counts.true_negatives);
    }
  }
  return counts;
}

std::vector<double> ScoredLabels::label_scores(std::size_t label) const {
  return column(scores, labels.size(), label);
}

std::vector<std::uint8_t> ScoredLabels::label_targets(std::size_t label) const {
  return column(targets, labels.size(), label);
}

std::vector<RankedLabel> rank_labels(const ScoredLabels& data) {
  check_shape(data);
  std::vector<RankedLabel> ranked;
  ranked.reserve(data.labels.size());
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    try {
      ranked.emplace_back(data.label_scores(i), data.label_targets(i));
    } catch (const Error& error) {
      fail("label {}: {}", data.labels[i], error.what());
    }
  }
  return ranked;
}

double LabelMetrics::prevalence() const {
  return ratio(positives, positives + negatives);
}

MultiLabelMetrics evaluate_multilabel(const ScoredLabels& test, const ScoredLabels& validation) {
  if (test.labels != validation.labels) {
    fail(
        "the validation records have other labels than the test records ({} and {}): evaluate both "
        "with the same label set",
        validation.labels.size(), test.labels.size());
  }
  const std::vector<RankedLabel> ranked = rank_labels(test);
  const std::vector<RankedLabel> ranked_validation = rank_labels(validation);
  MultiLabelMetrics metrics{};
  metrics.threshold_source = ThresholdSource::kValidation;
  for (std::size_t i = 0; i < test.labels.size(); ++i) {
    metrics.labels.push_back(ranking_part(test, i, ranked[i]));
    const BestF1 best = best_f1_of(ranked_validation[i], validation.label_scores(i));
    decide(metrics.labels.back(), test, i, best.threshold, Decision::kAtOrAbove);
  }
  summarise(metrics);
  return metrics;
}

MultiLabelMetrics evaluate_multilabel_published(const ScoredLabels& test) {
  const std::vector<RankedLabel> ranked = rank_labels(test);
  MultiLabelMetrics metrics{};
  metrics.threshold_source = ThresholdSource::kTest;
  for (std::size_t i = 0; i < test.labels.size(); ++i) {
    metrics.labels.push_back(ranking_part(test, i, ranked[i]));
    const BestF1 best = best_f1_of(ranked[i], test.label_scores(i));
    decide(metrics.labels.back(), test, i, best.threshold, Decision::kAbove);
    metrics.labels.back().f1 = best.f1;
  }
  summarise(metrics);
  return metrics;
}

}  // namespace deri
