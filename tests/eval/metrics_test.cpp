#include "deri/eval/metrics.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"
#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Scores = std::vector<double>;
using Targets = std::vector<std::uint8_t>;

// The numbers of tests/parity/README.md's rule: uniform in [0, 1) with 24 bits.
double parity_uniform(Rng& rng) {
  return static_cast<double>(rng.next() >> 40) * 0x1.0p-24;
}

// The data behind metrics_parity.json's "multilabel".
ScoredLabels parity_data() {
  constexpr std::size_t kRecords = 200;
  const std::vector<double> prevalence = {.5, .2, .05, .3, .1};
  Rng scores(fnv1a("metrics.scores")), targets(fnv1a("metrics.targets"));
  ScoredLabels data;
  data.labels = {"a", "b", "c", "d", "e"};
  for (std::size_t record = 0; record < kRecords; ++record) {
    for (std::size_t label = 0; label < prevalence.size(); ++label) {
      const std::uint8_t target = parity_uniform(targets) < prevalence[label] ? 1 : 0;
      double score = parity_uniform(scores);
      if (label == 1) score = std::nearbyint(score * 8) / 8;
      if (label == 3) score = 0.6 * score + 0.4 * target;
      data.targets.push_back(target);
      data.scores.push_back(score);
    }
  }
  return data;
}

TEST(MetricsParity, EveryNumberOfTheReference) {
  const Json reference = load_json(testing::parity_dir() / "metrics_parity.json").at("multilabel");
  const MultiLabelMetrics metrics = evaluate_multilabel_published(parity_data());
  ASSERT_EQ(reference.at("per_label").size(), metrics.labels.size());
  for (std::size_t i = 0; i < metrics.labels.size(); ++i) {
    const Json& expected = reference.at("per_label").at(i);
    const LabelMetrics& label = metrics.labels[i];
    SCOPED_TRACE(label.name);
    EXPECT_EQ(label.positives, expected.at("positives").get<std::size_t>());
    EXPECT_EQ(label.negatives, 200 - label.positives);
    EXPECT_NEAR(label.auroc, expected.at("auroc").get<double>(), 1e-9);
    EXPECT_NEAR(label.auprc, expected.at("auprc").get<double>(), 1e-9);
    EXPECT_NEAR(label.f1, expected.at("max_f1").get<double>(), 1e-9);
    EXPECT_NEAR(label.threshold, expected.at("threshold").get<double>(), 1e-9);
    EXPECT_NEAR(label.accuracy, expected.at("accuracy_strictly_above").get<double>(), 1e-9);
  }
  EXPECT_NEAR(metrics.macro.auroc, reference.at("macro_auroc").get<double>(), 1e-9);
  EXPECT_EQ(metrics.macro.labels, 5U);
  EXPECT_EQ(metrics.macro_frequent.labels, 4U);  // label c has 8 positives
  EXPECT_EQ(metrics.threshold_source, ThresholdSource::kTest);
}

TEST(Auroc, CountsPairsAndHalvesTies) {
  EXPECT_DOUBLE_EQ(auroc(Scores{.1, .4, .35, .8}, Targets{0, 0, 1, 1}), 0.75);
  // Positives 2 and 1 against negatives 1 and 0: above, above, tied, above.
  EXPECT_DOUBLE_EQ(auroc(Scores{2, 1, 1, 0}, Targets{1, 1, 0, 0}), 3.5 / 4);
  EXPECT_DOUBLE_EQ(auroc(Scores{7, 7, 7, 7, 7}, Targets{1, 0, 0, 1, 0}), 0.5);
  EXPECT_DOUBLE_EQ(auroc(Scores{1, 2, 3}, Targets{1, 0, 0}), 0);
}

TEST(Auroc, EqualsItsDefinitionOnRandomData) {
  Rng rng(7);
  for (const std::uint64_t distinct : {2, 5, 1000}) {
    Scores scores;
    Targets targets;
    for (int i = 0; i < 120; ++i) {
      targets.push_back(rng.chance(0.3) ? 1 : 0);
      scores.push_back(static_cast<double>(rng.below(distinct)) + targets.back());
    }
    double wins = 0, pairs = 0;
    for (std::size_t p = 0; p < scores.size(); ++p) {
      for (std::size_t n = 0; n < scores.size(); ++n) {
        if (targets[p] != 1 || targets[n] != 0) continue;
        wins += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
        ++pairs;
      }
    }
    EXPECT_NEAR(auroc(scores, targets), wins / pairs, 1e-12);
  }
}

TEST(Auroc, OrdersInfinities) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_DOUBLE_EQ(auroc(Scores{infinity, 1, -infinity}, Targets{1, 0, 0}), 1);
}

TEST(Auroc, NeedsBothClasses) {
  EXPECT_TRUE(std::isnan(auroc(Scores{1, 2}, Targets{1, 1})));
  EXPECT_TRUE(std::isnan(auroc(Scores{1, 2}, Targets{0, 0})));
  EXPECT_TRUE(std::isnan(auroc(Scores{}, Targets{})));
}

TEST(AveragePrecision, StepsOverDistinctScores) {
  // At .8: precision 1, recall 1/2. At .35: precision 2/3, recall 1.
  EXPECT_DOUBLE_EQ(average_precision(Scores{.1, .4, .35, .8}, Targets{0, 0, 1, 1}), 0.5 + 0.5 * 2 / 3);
  // One tie of all: a single threshold, whose precision is the prevalence, whatever the order.
  EXPECT_DOUBLE_EQ(average_precision(Scores{7, 7, 7, 7, 7}, Targets{1, 0, 0, 1, 0}), 0.4);
  EXPECT_DOUBLE_EQ(average_precision(Scores{2, 1, 1, 0}, Targets{0, 1, 0, 1}), 0.5 * 1 / 3 + 0.5 * 2 / 4);
}

TEST(AveragePrecision, OfOneClass) {
  EXPECT_DOUBLE_EQ(average_precision(Scores{1, 2}, Targets{1, 1}), 1);
  EXPECT_TRUE(std::isnan(average_precision(Scores{1, 2}, Targets{0, 0})));
}

TEST(BestF1, FindsTheMaximumAndItsThreshold) {
  // Thresholds .8, .4, .35, .1: F1 = 2/3, 1/2, 4/5, 2/3.
  const BestF1 best = best_f1(Scores{.1, .4, .35, .8}, Targets{0, 0, 1, 1});
  EXPECT_DOUBLE_EQ(best.f1, 0.8);
  EXPECT_EQ(best.threshold, .35);
}

TEST(BestF1, OfEqualMaximaTheLowestThreshold) {
  // At 4: TP 1 of 1 chosen, F1 = 2/3. At 3 and 2: 1/2, 2/5. At 1: TP 2 of 4, F1 = 2/3 again.
  const BestF1 best = best_f1(Scores{4, 3, 2, 1}, Targets{1, 0, 0, 1});
  EXPECT_DOUBLE_EQ(best.f1, 2.0 / 3);
  EXPECT_EQ(best.threshold, 1);
}

TEST(BestF1, IsWhatTheCountsAtItsThresholdGive) {
  const ScoredLabels data = parity_data();
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    const Scores scores = data.label_scores(i);
    const Targets targets = data.label_targets(i);
    const BestF1 best = best_f1(scores, targets);
    EXPECT_NEAR(counts_at(scores, targets, best.threshold).f1(), best.f1, 1e-12);
    for (const double threshold : scores) EXPECT_LE(counts_at(scores, targets, threshold).f1(), best.f1 + 1e-12);
  }
}

TEST(BestF1, NeedsAPositive) {
  const BestF1 best = best_f1(Scores{1, 2}, Targets{0, 0});
  EXPECT_TRUE(std::isnan(best.f1));
  EXPECT_TRUE(std::isnan(best.threshold));
}

double trapezoids(const std::vector<RocPoint>& curve) {
  double area = 0;
  for (std::size_t i = 1; i < curve.size(); ++i) {
    area += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) *
            (curve[i].true_positive_rate + curve[i - 1].true_positive_rate) / 2;
  }
  return area;
}

TEST(RocCurve, KeepsCornersOnlyAndTakesTiesAsOneStep) {
  // By falling score: + | + | - | (+ -) | - | -
  const Scores scores = {0.9, 0.8, 0.7, 0.5, 0.5, 0.3, 0.2};
  const Targets targets = {1, 1, 0, 1, 0, 0, 0};
  const std::vector<RocPoint> curve = roc_curve(scores, targets);
  ASSERT_EQ(curve.size(), 5U);
  const double expected[5][3] = {{0, 0, std::numeric_limits<double>::infinity()},
                                 {0, 2.0 / 3, 0.8},
                                 {0.25, 2.0 / 3, 0.7},
                                 {0.5, 1, 0.5},
                                 {1, 1, 0.2}};
  for (std::size_t i = 0; i < curve.size(); ++i) {
    EXPECT_EQ(curve[i].false_positive_rate, expected[i][0]) << i;
    EXPECT_EQ(curve[i].true_positive_rate, expected[i][1]) << i;
    EXPECT_EQ(curve[i].threshold, expected[i][2]) << i;
  }
}

TEST(RocCurve, PointsOnOneSlopeAreOneLine) {
  // Three groups of ties, each with the same share of positives but of different sizes.
  const Scores scores = {3, 3, 2, 2, 2, 2, 1, 1};
  const Targets targets = {1, 0, 1, 1, 0, 0, 0, 1};
  const std::vector<RocPoint> curve = roc_curve(scores, targets);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[1].threshold, 1);
}

TEST(RocCurve, TheAreaIsTheAuroc) {
  Rng rng(11);
  for (int round = 0; round < 60; ++round) {
    // Class sizes that are powers of two, so that every rate and product is exact.
    Scores scores;
    Targets targets;
    for (int i = 0; i < 64 + 128; ++i) {
      targets.push_back(i < 64 ? 1 : 0);
      scores.push_back(static_cast<double>(rng.below(static_cast<std::uint64_t>(2 + round))) + targets.back());
    }
    EXPECT_EQ(trapezoids(roc_curve(scores, targets)), auroc(scores, targets));
    targets[0] = 0;
    EXPECT_NEAR(trapezoids(roc_curve(scores, targets)), auroc(scores, targets), 1e-14);
  }
}

TEST(RocCurve, EveryPointIsWhatItsThresholdGives) {
  Rng rng(12);
  Scores scores;
  Targets targets;
  for (int i = 0; i < 300; ++i) {
    targets.push_back(rng.uniform() < 0.3 ? 1 : 0);
    scores.push_back(std::round(4 * (rng.normal() + targets.back())));
  }
  for (const RocPoint& point : roc_curve(scores, targets)) {
    const BinaryCounts counts = counts_at(scores, targets, point.threshold);
    EXPECT_DOUBLE_EQ(point.true_positive_rate, counts.sensitivity());
    EXPECT_NEAR(point.false_positive_rate, 1 - counts.specificity(), 1e-15);
  }
}

TEST(RocCurve, NeedsBothClassesAndNumbers) {
  EXPECT_TRUE(roc_curve(Scores{}, Targets{}).empty());
  EXPECT_TRUE(roc_curve(Scores{1, 2}, Targets{1, 1}).empty());
  EXPECT_TRUE(roc_curve(Scores{1, 2}, Targets{0, 0}).empty());
  EXPECT_EQ(roc_curve(Scores{1, 1}, Targets{0, 1}).size(), 2U);
  EXPECT_DERI_ERROR(roc_curve(Scores{1, kNaN}, Targets{0, 1}), HasSubstr("1 of 2 scores are not a number"));
}

TEST(CountsAt, TheThresholdItselfIsPositiveUnlessAskedOtherwise) {
  const Scores scores = {1, 2, 2, 3, 4};
  const Targets targets = {1, 0, 1, 0, 1};
  const BinaryCounts inclusive = counts_at(scores, targets, 2);
  EXPECT_EQ(inclusive.true_positives, 2U);
  EXPECT_EQ(inclusive.false_positives, 2U);
  EXPECT_EQ(inclusive.true_negatives, 0U);
  EXPECT_EQ(inclusive.false_negatives, 1U);
  EXPECT_DOUBLE_EQ(inclusive.f1(), 4.0 / 7);
  EXPECT_DOUBLE_EQ(inclusive.accuracy(), 0.4);
  EXPECT_DOUBLE_EQ(inclusive.sensitivity(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(inclusive.specificity(), 0);

  const BinaryCounts exclusive = counts_at(scores, targets, 2, Decision::kAbove);
  EXPECT_EQ(exclusive.true_positives, 1U);
  EXPECT_EQ(exclusive.false_positives, 1U);
  EXPECT_DOUBLE_EQ(exclusive.specificity(), 0.5);
}

TEST(CountsAt, AnEmptyDenominatorIsNaN) {
  const BinaryCounts none = counts_at(Scores{1}, Targets{0}, 2);
  EXPECT_TRUE(std::isnan(none.f1()));
  EXPECT_TRUE(std::isnan(none.sensitivity()));
  EXPECT_DOUBLE_EQ(none.specificity(), 1);
}

TEST(Metrics, RefuseNaNScoresWithTheirNumber) {
  const Scores scores = {1, kNaN, 3, kNaN};
  const Targets targets = {0, 1, 0, 1};
  EXPECT_DERI_ERROR(auroc(scores, targets), HasSubstr("2 of 4 scores"));
  EXPECT_DERI_ERROR(average_precision(scores, targets), HasSubstr("2 of 4 scores"));
  EXPECT_DERI_ERROR(best_f1(scores, targets), HasSubstr("2 of 4 scores"));
  EXPECT_DERI_ERROR(counts_at(scores, targets, 1), HasSubstr("2 of 4 scores"));
  const ScoredLabels data{{"NORM", "MI"}, {1, kNaN, 2, 3}, {0, 1, 1, 0}};
  EXPECT_DERI_ERROR(evaluate_multilabel(data, data), AllOf(HasSubstr("label MI"), HasSubstr("1 of 2 scores")));
}

TEST(RankMetrics, WeightsAreRepetitions) {
  Rng rng(11);
  Scores scores, repeated_scores;
  Targets targets, repeated_targets;
  std::vector<std::uint32_t> weights;
  for (int i = 0; i < 80; ++i) {
    scores.push_back(static_cast<double>(rng.below(20)));
    targets.push_back(rng.chance(0.4) ? 1 : 0);
    weights.push_back(static_cast<std::uint32_t>(rng.below(4)));
    repeated_scores.insert(repeated_scores.end(), weights.back(), scores.back());
    repeated_targets.insert(repeated_targets.end(), weights.back(), targets.back());
  }
  const RankMetrics weighted = rank_metrics(RankedLabel(scores, targets), weights);
  EXPECT_NEAR(weighted.auroc, auroc(repeated_scores, repeated_targets), 1e-12);
  EXPECT_NEAR(weighted.average_precision, average_precision(repeated_scores, repeated_targets), 1e-12);
}

TEST(RankMetrics, AClassWithoutWeightIsUndefined) {
  const RankedLabel label(Scores{1, 2, 3}, Targets{0, 1, 1});
  const std::vector<std::uint32_t> no_negative = {0, 1, 2};
  EXPECT_TRUE(std::isnan(rank_metrics(label, no_negative).auroc));
  EXPECT_TRUE(std::isnan(rank_metrics(label, no_negative).average_precision));
}

TEST(EvaluateMultilabel, ThresholdsComeFromValidation) {
  const ScoredLabels validation{{"MI"}, {1, 2, 3, 4}, {0, 0, 1, 1}};  // best threshold 3
  const ScoredLabels test{{"MI"}, {2.5, 3, 3.5, 5}, {1, 0, 1, 1}};
  const MultiLabelMetrics metrics = evaluate_multilabel(test, validation);
  EXPECT_EQ(metrics.threshold_source, ThresholdSource::kValidation);
  const LabelMetrics& label = metrics.labels.front();
  EXPECT_EQ(label.threshold, 3);
  EXPECT_DOUBLE_EQ(label.f1, 4.0 / 6);  // TP 2, FP 1 (score 3), FN 1; the test's own best would be 6/7
  EXPECT_DOUBLE_EQ(label.accuracy, 0.5);
  EXPECT_DOUBLE_EQ(label.sensitivity, 2.0 / 3);
  EXPECT_DOUBLE_EQ(label.specificity, 0);
  EXPECT_DOUBLE_EQ(label.auroc, 2.0 / 3);
  EXPECT_DOUBLE_EQ(label.prevalence(), 0.75);
  EXPECT_DOUBLE_EQ(evaluate_multilabel_published(test).labels.front().f1, 6.0 / 7);
}

TEST(EvaluateMultilabel, LabelsOfOneClassAreListedAndInNoMean) {
  // X never occurs, Y is on every record, MI is ranked perfectly.
  const ScoredLabels data{{"X", "MI", "Y"}, {5, 1, 5, 4, 2, 4}, {0, 0, 1, 0, 1, 1}};
  const MultiLabelMetrics metrics = evaluate_multilabel(data, data);
  EXPECT_THAT(metrics.undefined, ElementsAre("X", "Y"));
  EXPECT_EQ(metrics.macro.labels, 1U);
  EXPECT_DOUBLE_EQ(metrics.macro.auroc, 1);
  EXPECT_DOUBLE_EQ(metrics.macro.auprc, 1);
  EXPECT_DOUBLE_EQ(metrics.macro.f1, 1);
  EXPECT_DOUBLE_EQ(metrics.macro.accuracy, 1);
  EXPECT_TRUE(std::isnan(metrics.labels[0].auroc));
  EXPECT_TRUE(std::isnan(metrics.labels[0].threshold));
  EXPECT_EQ(metrics.macro_frequent.labels, 0U);
  EXPECT_TRUE(std::isnan(metrics.macro_frequent.auroc));
}

TEST(EvaluateMultilabel, ALabelWithoutValidationPositivesHasNoF1) {
  const ScoredLabels validation{{"A", "B"}, {1, 1, 2, 2}, {0, 0, 0, 1}};
  const ScoredLabels test{{"A", "B"}, {1, 1, 2, 2}, {0, 0, 1, 1}};
  const MultiLabelMetrics metrics = evaluate_multilabel(test, validation);
  EXPECT_TRUE(std::isnan(metrics.labels[0].f1));
  EXPECT_DOUBLE_EQ(metrics.labels[0].auroc, 1);
  EXPECT_DOUBLE_EQ(metrics.macro.auroc, 1);
  EXPECT_DOUBLE_EQ(metrics.macro.f1, 1);  // of B alone
}

TEST(EvaluateMultilabel, FrequentLabelsHaveTenPositives) {
  ScoredLabels data{{"nine", "ten"}, {}, {}};
  for (int i = 0; i < 30; ++i) {
    data.scores.insert(data.scores.end(), {i < 9 ? 1.0 : 0.0, i < 10 ? 0.0 : 1.0});
    data.targets.push_back(i < 9 ? 1 : 0);
    data.targets.push_back(i < 10 ? 1 : 0);
  }
  const MultiLabelMetrics metrics = evaluate_multilabel(data, data);
  EXPECT_DOUBLE_EQ(metrics.macro.auroc, 0.5);
  EXPECT_EQ(metrics.macro_frequent.labels, 1U);
  EXPECT_DOUBLE_EQ(metrics.macro_frequent.auroc, 0);
}

TEST(EvaluateMultilabel, ProbabilitiesHaveABrierScoreAndACalibration) {
  ScoredLabels data{{"A", "one class"}, {0.9, 0.5, 0.2, 0.5, 0.4, 0.1, 0.6, 0.3}, {1, 0, 0, 0, 1, 0, 0, 0}};
  const MultiLabelMetrics ranking = evaluate_multilabel(data, data);
  EXPECT_TRUE(std::isnan(ranking.labels[0].brier));
  EXPECT_TRUE(std::isnan(ranking.labels[0].ece));
  EXPECT_TRUE(std::isnan(ranking.macro.brier));
  data.probabilities = true;
  const MultiLabelMetrics metrics = evaluate_multilabel(data, data);
  EXPECT_NEAR(metrics.labels[0].brier, (0.01 + 0.04 + 0.36 + 0.36) / 4, 1e-12);
  EXPECT_NEAR(metrics.labels[0].ece, (0.1 + 0.2 + 0.6 + 0.6) / 4, 1e-12);        // each in a bin of its own
  EXPECT_NEAR(metrics.labels[1].brier, (0.25 + 0.25 + 0.01 + 0.09) / 4, 1e-12);  // one class is enough
  EXPECT_EQ(metrics.macro.brier, metrics.labels[0].brier);                       // but in no mean
  EXPECT_EQ(metrics.macro.sensitivity, metrics.labels[0].sensitivity);
  EXPECT_EQ(metrics.macro.specificity, metrics.labels[0].specificity);
  data.scores[0] = 1.2;
  EXPECT_DERI_ERROR(evaluate_multilabel(data, data), HasSubstr("1 of 4 scores are no probabilities"));
}

TEST(EvaluateMultilabel, RefusesOtherLabels) {
  const ScoredLabels test{{"A"}, {1, 2}, {0, 1}}, validation{{"B"}, {1, 2}, {0, 1}};
  EXPECT_DERI_ERROR(evaluate_multilabel(test, validation), HasSubstr("other labels"));
}

TEST(EvaluateMultilabel, ASizeThatDoesNotFitIsABug) {
  const ScoredLabels data{{"A", "B"}, {1, 2, 3}, {0, 1, 0}};
  EXPECT_THROW(rank_labels(data), InternalError);
  const ScoredLabels other{{"A"}, {1, 2}, {0, 2}};
  EXPECT_THROW(rank_labels(other), InternalError);
}

}  // namespace
}  // namespace deri
