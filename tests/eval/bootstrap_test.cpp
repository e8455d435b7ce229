#include "deri/eval/bootstrap.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

// Scores of unit normals, the positives' mean higher by `shift`: a true AUROC of Phi(shift / sqrt 2).
ScoredLabels normal_data(std::uint64_t seed, int records, const std::vector<double>& prevalence, double shift) {
  Rng rng(seed);
  ScoredLabels data;
  for (std::size_t i = 0; i < prevalence.size(); ++i) data.labels.push_back(fmt::format("L{}", i));
  for (int record = 0; record < records; ++record) {
    for (const double share : prevalence) {
      data.targets.push_back(rng.chance(share) ? 1 : 0);
      data.scores.push_back(rng.normal(shift * data.targets.back(), 1));
    }
  }
  return data;
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

double width(const Estimate& estimate) {
  return estimate.high - estimate.low;
}

void expect_equal(const Estimate& a, const Estimate& b) {
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

// The standard error of an AUROC after DeLong, DeLong and Clarke-Pearson (1988): an independent way to the interval's
// width.
double delong_error(const ScoredLabels& data) {
  std::vector<double> positives, negatives;
  for (std::size_t i = 0; i < data.records(); ++i)
    (data.targets[i] != 0 ? positives : negatives).push_back(data.scores[i]);
  const auto variance_of_placements = [](const std::vector<double>& of, const std::vector<double>& among) {
    double sum = 0, squares = 0;
    for (const double score : of) {
      double below = 0;
      for (const double other : among) below += other < score ? 1 : 0;
      const double placement = below / static_cast<double>(among.size());
      sum += placement;
      squares += placement * placement;
    }
    const auto n = static_cast<double>(of.size());
    return (squares - sum * sum / n) / (n - 1) / n;
  };
  return std::sqrt(variance_of_placements(positives, negatives) + variance_of_placements(negatives, positives));
}

// The scores of normal_data() through a logistic function.
ScoredLabels probability_data(std::uint64_t seed, int records, const std::vector<double>& prevalence) {
  ScoredLabels data = normal_data(seed, records, prevalence, 1);
  for (double& score : data.scores) score = 1 / (1 + std::exp(1 - score));
  data.probabilities = true;
  return data;
}

const std::vector<Estimate MetricIntervals::*>& all_metrics() {
  static const std::vector<Estimate MetricIntervals::*> metrics = {
      &MetricIntervals::auroc,       &MetricIntervals::auprc,       &MetricIntervals::f1,    &MetricIntervals::accuracy,
      &MetricIntervals::sensitivity, &MetricIntervals::specificity, &MetricIntervals::brier, &MetricIntervals::ece};
  return metrics;
}

TEST(Quantile, IsLinearBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({5}, 0.9), 5);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

TEST(Bootstrap, ValuesAreTheMetrics) {
  const ScoredLabels data = normal_data(1, 150, {.5, .3, .04}, 1);
  const MultiLabelMetrics metrics = evaluate_multilabel(data, data);
  ASSERT_LT(metrics.macro_frequent.labels, metrics.macro.labels);
  const MultiLabelIntervals intervals = bootstrap_intervals(data, {.resamples = 50});
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    EXPECT_EQ(intervals.labels[i].auroc.value, metrics.labels[i].auroc);
    EXPECT_EQ(intervals.labels[i].auprc.value, metrics.labels[i].auprc);
  }
  EXPECT_DOUBLE_EQ(intervals.macro.auroc.value, metrics.macro.auroc);
  EXPECT_DOUBLE_EQ(intervals.macro.auprc.value, metrics.macro.auprc);
  EXPECT_DOUBLE_EQ(intervals.macro_frequent.auroc.value, metrics.macro_frequent.auroc);
  EXPECT_DOUBLE_EQ(intervals.macro_frequent.auprc.value, metrics.macro_frequent.auprc);
}

TEST(Bootstrap, IsTheSameForAnyNumberOfThreads) {
  const ScoredLabels data = normal_data(2, 200, {.5, .3, .02, .1}, 1);
  const MultiLabelIntervals one = bootstrap_intervals(data, {.resamples = 101, .threads = 1});
  for (const int threads : {2, 7, 0}) {
    const MultiLabelIntervals many = bootstrap_intervals(data, {.resamples = 101, .threads = threads});
    for (std::size_t i = 0; i < data.labels.size(); ++i) {
      expect_equal(one.labels[i].auroc, many.labels[i].auroc);
      expect_equal(one.labels[i].auprc, many.labels[i].auprc);
    }
    expect_equal(one.macro.auroc, many.macro.auroc);
    expect_equal(one.macro.auprc, many.macro.auprc);
    expect_equal(one.macro_frequent.auroc, many.macro_frequent.auroc);
    expect_equal(one.macro_frequent.auprc, many.macro_frequent.auprc);
  }
  const MultiLabelIntervals other = bootstrap_intervals(data, {.resamples = 101, .seed = 1});
  EXPECT_NE(one.labels[0].auroc.low, other.labels[0].auroc.low);
  EXPECT_NE(one.macro.auroc.low, other.macro.auroc.low);
}

TEST(Bootstrap, EveryMetricsValueIsTheMetric) {
  const ScoredLabels data = probability_data(20, 150, {.5, .3, .04});
  const ScoredLabels validation = probability_data(21, 150, {.5, .3, .04});
  for (const bool published : {false, true}) {
    const MultiLabelMetrics metrics =
        published ? evaluate_multilabel_published(data) : evaluate_multilabel(data, validation);
    const MultiLabelIntervals intervals = bootstrap_intervals(data, metrics, {.resamples = 60});
    const auto check = [](const MetricIntervals& found, const auto& expected) {
      EXPECT_DOUBLE_EQ(found.auroc.value, expected.auroc);
      EXPECT_DOUBLE_EQ(found.auprc.value, expected.auprc);
      EXPECT_DOUBLE_EQ(found.f1.value, expected.f1);
      EXPECT_DOUBLE_EQ(found.accuracy.value, expected.accuracy);
      EXPECT_DOUBLE_EQ(found.sensitivity.value, expected.sensitivity);
      EXPECT_DOUBLE_EQ(found.specificity.value, expected.specificity);
      EXPECT_NEAR(found.brier.value, expected.brier, 1e-12);
      EXPECT_NEAR(found.ece.value, expected.ece, 1e-12);
    };
    for (std::size_t i = 0; i < data.labels.size(); ++i) check(intervals.labels[i], metrics.labels[i]);
    check(intervals.macro, metrics.macro);
    check(intervals.macro_frequent, metrics.macro_frequent);
    for (const auto metric : all_metrics()) {
      EXPECT_LT((intervals.labels[0].*metric).low, (intervals.labels[0].*metric).high);
      EXPECT_LT((intervals.macro.*metric).low, (intervals.macro.*metric).high);
    }
  }
}

TEST(Bootstrap, EveryMetricIsTheSameForAnyNumberOfThreads) {
  const ScoredLabels data = probability_data(22, 120, {.5, .3, .1});
  const MultiLabelMetrics metrics = evaluate_multilabel(data, data);
  const MultiLabelIntervals one = bootstrap_intervals(data, metrics, {.resamples = 55, .threads = 1});
  const MultiLabelIntervals many = bootstrap_intervals(data, metrics, {.resamples = 55, .threads = 5});
  for (const auto metric : all_metrics()) {
    for (std::size_t i = 0; i < data.labels.size(); ++i) expect_equal(one.labels[i].*metric, many.labels[i].*metric);
    expect_equal(one.macro.*metric, many.macro.*metric);
    expect_equal(one.macro_frequent.*metric, many.macro_frequent.*metric);
  }
}

TEST(Bootstrap, SharesAndTheBrierScoreHaveTheirTextbookErrors) {
  const ScoredLabels data = probability_data(23, 2000, {.3});
  MultiLabelMetrics metrics = evaluate_multilabel(data, data);
  const MultiLabelIntervals intervals = bootstrap_intervals(data, metrics, {.resamples = 4000});
  const LabelMetrics& label = metrics.labels[0];
  const auto expected = [](double share, std::size_t n) {
    return 2 * 1.959964 * std::sqrt(share * (1 - share) / static_cast<double>(n));
  };
  EXPECT_NEAR(width(intervals.labels[0].sensitivity) / expected(label.sensitivity, label.positives), 1, 0.06);
  EXPECT_NEAR(width(intervals.labels[0].specificity) / expected(label.specificity, label.negatives), 1, 0.06);
  EXPECT_NEAR(width(intervals.macro.accuracy) / expected(label.accuracy, 2000), 1, 0.06);
  double squares = 0;
  for (std::size_t i = 0; i < 2000; ++i)
    squares += std::pow(std::pow(data.scores[i] - data.targets[i], 2) - label.brier, 2);
  EXPECT_NEAR(width(intervals.macro.brier) / (2 * 1.959964 * std::sqrt(squares) / 2000), 1, 0.06);
}

TEST(Bootstrap, WithoutThresholdsOrProbabilitiesThoseMetricsAreUndefined) {
  const ScoredLabels data = normal_data(24, 60, {.5}, 1);
  const MultiLabelIntervals intervals = bootstrap_intervals(data, {.resamples = 5});
  for (const auto metric : all_metrics()) {
    const bool ranking = metric == &MetricIntervals::auroc || metric == &MetricIntervals::auprc;
    EXPECT_EQ(std::isnan((intervals.labels[0].*metric).value), !ranking);
    EXPECT_EQ(std::isnan((intervals.macro.*metric).low), !ranking);
  }
  ScoredLabels wrong = data;
  wrong.probabilities = true;  // normal scores are none
  EXPECT_DERI_ERROR(bootstrap_intervals(wrong), HasSubstr("no probabilities"));
}

TEST(Bootstrap, AgreesWithDeLongsStandardError) {
  const ScoredLabels data = normal_data(3, 600, {.3}, 1);
  const MultiLabelIntervals intervals = bootstrap_intervals(data, {.resamples = 4000});
  const double expected = 2 * 1.959964 * delong_error(data);
  EXPECT_NEAR(width(intervals.labels[0].auroc) / expected, 1, 0.06);
  EXPECT_NEAR(width(intervals.macro.auroc) / expected, 1, 0.06);
}

TEST(Bootstrap, CoversTheTruthAsOftenAsItSays) {
  const double truth = normal_cdf(1 / std::sqrt(2.0));
  int label_covers = 0, macro_covers = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    const ScoredLabels data = normal_data(1000 + static_cast<std::uint64_t>(trial), 100, {.5, .3}, 1);
    const MultiLabelIntervals intervals = bootstrap_intervals(data, {.resamples = 200, .threads = 1});
    const auto covers = [truth](const Estimate& e) { return e.low <= truth && truth <= e.high; };
    label_covers += covers(intervals.labels[0].auroc) ? 1 : 0;
    macro_covers += covers(intervals.macro.auroc) ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(label_covers) / kTrials, 0.95, 0.03);
  EXPECT_NEAR(static_cast<double>(macro_covers) / kTrials, 0.95, 0.03);
}

TEST(Bootstrap, NarrowsWithMoreDataAndLessConfidence) {
  const MultiLabelIntervals few = bootstrap_intervals(normal_data(4, 100, {.4, .2}, 1));
  const ScoredLabels more_data = normal_data(4, 1600, {.4, .2}, 1);
  const MultiLabelIntervals more = bootstrap_intervals(more_data);
  // Sixteen times the records: about a quarter of the width.
  EXPECT_NEAR(width(more.macro.auroc) / width(few.macro.auroc), 0.25, 0.08);
  EXPECT_NEAR(width(more.labels[0].auroc) / width(few.labels[0].auroc), 0.25, 0.08);
  EXPECT_LT(width(more.labels[1].auprc), width(few.labels[1].auprc));
  const MultiLabelIntervals less_sure = bootstrap_intervals(more_data, {.confidence = 0.5});
  EXPECT_LT(width(less_sure.macro.auroc), 0.5 * width(more.macro.auroc));
}

TEST(Bootstrap, AResampleThatLosesALabelKeepsTheSameMean) {
  // One positive of 20, ranked first; and a label whose scores are all tied. Every resample that still has the positive
  // gives (1 + 1/2) / 2; so must the third of the resamples that do not, or the interval would reach down to 1/2.
  ScoredLabels data{{"rare", "tied"}, {}, {}};
  for (int i = 0; i < 20; ++i) {
    data.scores.insert(data.scores.end(), {i == 0 ? 1.0 : 0.0, 0.0});
    data.targets.push_back(i == 0 ? 1 : 0);
    data.targets.push_back(i < 10 ? 1 : 0);
  }
  expect_equal(bootstrap_intervals(data).macro.auroc, {0.75, 0.75, 0.75});
}

TEST(Bootstrap, ALabelOfOneClassHasNoIntervalAndLeavesTheMeanAlone) {
  ScoredLabels data = normal_data(5, 80, {.5, 0}, 1);
  const MultiLabelIntervals both = bootstrap_intervals(data);
  EXPECT_TRUE(std::isnan(both.labels[1].auroc.value));
  EXPECT_TRUE(std::isnan(both.labels[1].auroc.low));
  EXPECT_TRUE(std::isnan(both.labels[1].auprc.high));
  const ScoredLabels alone{{"L0"}, data.label_scores(0), data.label_targets(0)};
  expect_equal(both.macro.auroc, bootstrap_intervals(alone).macro.auroc);
}

TEST(Bootstrap, WithoutAnyDefinedLabelEverythingIsNaN) {
  const MultiLabelIntervals empty = bootstrap_intervals(ScoredLabels{});
  EXPECT_TRUE(std::isnan(empty.macro.auroc.value));
  EXPECT_TRUE(std::isnan(empty.macro.auroc.low));
  const MultiLabelIntervals one_class = bootstrap_intervals({{"A"}, {1, 2}, {0, 0}});
  EXPECT_TRUE(std::isnan(one_class.macro.auprc.value));
  EXPECT_TRUE(std::isnan(one_class.macro_frequent.auroc.high));
}

TEST(Bootstrap, RefusesWhatMakesNoSense) {
  const ScoredLabels data = normal_data(6, 20, {.5}, 1);
  EXPECT_DERI_ERROR(bootstrap_intervals(data, {.resamples = 0}), HasSubstr("at least 1 resample"));
  EXPECT_DERI_ERROR(bootstrap_intervals(data, {.confidence = 95}), HasSubstr("confidence of 95"));
  ScoredLabels damaged = data;
  damaged.scores[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DERI_ERROR(bootstrap_intervals(damaged), HasSubstr("label L0: 1 of 20"));
}

TEST(PairedDifference, OfTheSameScoresIsZero) {
  const ScoredLabels data = normal_data(7, 100, {.5, .1}, 1);
  const PairedDifference same = macro_auroc_difference(data, data);
  EXPECT_EQ(same.difference, 0);
  EXPECT_EQ(same.low, 0);
  EXPECT_EQ(same.high, 0);
}

TEST(PairedDifference, SeesABetterModelAndUsesThePairing) {
  const ScoredLabels good = normal_data(8, 300, {.5, .2, .1}, 1.5);
  ScoredLabels slightly_worse = good;
  Rng rng(9);
  for (double& score : slightly_worse.scores) score += rng.normal(0, 0.6);
  const PairedDifference paired = macro_auroc_difference(good, slightly_worse, {.seed = 3});
  EXPECT_GT(paired.low, 0);
  EXPECT_LT(paired.low, paired.difference);
  EXPECT_GT(paired.high, paired.difference);
  EXPECT_DOUBLE_EQ(paired.difference, evaluate_multilabel(good, good).macro.auroc -
                                          evaluate_multilabel(slightly_worse, slightly_worse).macro.auroc);
  const double a = width(bootstrap_intervals(good).macro.auroc);
  const double b = width(bootstrap_intervals(slightly_worse).macro.auroc);
  EXPECT_LT(paired.high - paired.low, std::hypot(a, b));  // the width if they were independent

  const PairedDifference reversed = macro_auroc_difference(slightly_worse, good, {.seed = 3});
  EXPECT_NEAR(reversed.low, -paired.high, 1e-12);
  EXPECT_NEAR(reversed.high, -paired.low, 1e-12);
}

TEST(PairedDifference, NeedsTheSameRecords) {
  const ScoredLabels a = normal_data(10, 20, {.5}, 1);
  ScoredLabels b = a;
  b.targets[0] = static_cast<std::uint8_t>(1 - b.targets[0]);
  EXPECT_DERI_ERROR(macro_auroc_difference(a, b), HasSubstr("the same records"));
  b = a;
  b.labels[0] = "other";
  EXPECT_DERI_ERROR(macro_auroc_difference(a, b), HasSubstr("the same records"));
}

}  // namespace
}  // namespace deri
