#include "deri/eval/result_json.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

ScoredLabels sample(std::uint64_t seed) {
  Rng rng(seed);
  ScoredLabels data{{"A", "rare", "none"}, {}, {}, true};
  for (int i = 0; i < 80; ++i) {
    for (const double share : {0.5, 0.05, 0.0}) {
      data.targets.push_back(rng.chance(share) || (i < 3 && share > 0) ? 1 : 0);
      data.scores.push_back(std::min(1.0, 0.7 * rng.uniform() + 0.3 * data.targets.back()));
    }
  }
  return data;
}

TEST(ResultJson, NumbersThatAreNotDefinedAreNull) {
  EXPECT_TRUE(json_number(std::nan("")).is_null());
  EXPECT_TRUE(json_number(std::numeric_limits<double>::infinity()).is_null());
  EXPECT_EQ(json_number(0.5), Json(0.5));
}

TEST(ResultJson, AnEvaluationHasEveryMetricWithItsInterval) {
  const ScoredLabels data = sample(1);
  const MultiLabelMetrics metrics = evaluate_multilabel(data, sample(2));
  const MultiLabelIntervals intervals = bootstrap_intervals(data, metrics, {.resamples = 50});
  const Json json = parse_json(evaluation_json(metrics, intervals).dump(), "evaluation");
  EXPECT_EQ(json.at("macro_auroc").at("value").get<double>(), intervals.macro.auroc.value);
  EXPECT_EQ(json.at("macro_auprc_frequent").at("low").get<double>(), intervals.macro_frequent.auprc.low);
  EXPECT_EQ(json.at("macro_f1").get<double>(), metrics.macro.f1);
  EXPECT_EQ(json.at("labels_defined"), Json(2));
  EXPECT_EQ(json.at("labels_frequent"), Json(1));
  EXPECT_EQ(json.at("labels_undefined"), Json({"none"}));
  for (const char* metric : {"auroc", "auprc", "f1", "accuracy", "sensitivity", "specificity", "brier", "ece"}) {
    EXPECT_TRUE(json.at("macro").at(metric).at("low").is_number()) << metric;
    EXPECT_TRUE(json.at("macro_frequent").at(metric).at("high").is_number()) << metric;
  }
  const Json& label = json.at("labels").at(1);
  EXPECT_EQ(label.at("label"), Json("rare"));
  EXPECT_EQ(label.at("positives").get<std::size_t>(), metrics.labels[1].positives);
  EXPECT_EQ(label.at("frequent"), Json(false));
  EXPECT_EQ(label.at("brier").get<double>(), metrics.labels[1].brier);
  EXPECT_EQ(label.at("intervals").at("sensitivity").at("low").get<double>(), intervals.labels[1].sensitivity.low);
  EXPECT_TRUE(json.at("labels").at(2).at("auroc").at("value").is_null());
}

TEST(ResultJson, CalibrationNeedsProbabilities) {
  ScoredLabels data = sample(3);
  const Json json = calibration_json(data);
  const Json& label = json.at("labels").at(0);
  EXPECT_EQ(label.at("label"), Json(data.labels[0]));
  std::size_t records = 0;
  for (const Json& point : label.at("equal_width")) records += point.at("records").get<std::size_t>();
  EXPECT_EQ(records, 80U);
  EXPECT_EQ(label.at("equal_count").size(), 10U);
  // The means are over the labels that have both classes.
  double brier = 0, ece = 0;
  int defined = 0;
  for (std::size_t k = 0; k < data.labels.size(); ++k) {
    const auto targets = data.label_targets(k);
    const auto positives = std::count(targets.begin(), targets.end(), 1);
    if (positives == 0 || positives == static_cast<std::ptrdiff_t>(targets.size())) continue;
    brier += json.at("labels").at(k).at("brier").get<double>();
    ece += json.at("labels").at(k).at("ece").get<double>();
    ++defined;
  }
  ASSERT_GT(defined, 0);
  ASSERT_LT(defined, static_cast<int>(data.labels.size()));
  EXPECT_NEAR(json.at("macro_brier").get<double>(), brier / defined, 1e-12);
  EXPECT_NEAR(json.at("macro_ece").get<double>(), ece / defined, 1e-12);
  data.probabilities = false;
  EXPECT_DERI_ERROR(calibration_json(data), HasSubstr("not probabilities"));
}

ProbeSet probe_set(std::uint64_t seed) {
  Rng rng(seed);
  ProbeSet set{{"A", "none"}, 2, {}, {}};
  for (int i = 0; i < 60; ++i) {
    set.features.push_back(static_cast<float>(rng.normal()));
    set.features.push_back(static_cast<float>(rng.normal()));
    set.targets.push_back(set.features.back() + rng.normal() > 0 ? 1 : 0);
    set.targets.push_back(0);
  }
  return set;
}

TEST(ResultJson, ProbesSayHowTheyWereMade) {
  PathOptions options;
  options.strengths = {1, 0.1};
  const LogisticPath path = fit_logistic_path(probe_set(4), probe_set(5), options);
  const Json strict = logistic_json(path, options);
  EXPECT_EQ(strict.at("path").size(), 2U);
  EXPECT_EQ(strict.at("strength").get<double>(), path.fit.strength);
  EXPECT_EQ(strict.at("chosen_by"), Json("validation macro AUROC"));
  EXPECT_EQ(strict.at("labels").at(1).at("constant"), Json(true));
  EXPECT_LE(strict.at("labels").at(0).at("gradient_norm").get<double>(), 1e-6);

  PublishedProbeOptions published_options;
  published_options.epochs = 3;
  const PublishedProbe probe = fit_published_probe(probe_set(4), probe_set(5), published_options);
  const Json published = published_json(probe, published_options);
  EXPECT_EQ(published.at("epochs").size(), 3U);
  EXPECT_EQ(published.at("max_macro_auroc").get<double>(), probe.max_auroc);
  EXPECT_THAT(published.at("caveat").get<std::string>(), HasSubstr("chosen on the scored records"));
  EXPECT_EQ(published.at("schedule_stepped"), Json("per batch and again per epoch"));
}

TEST(ResultJson, AComparisonOfTwoModels) {
  const ScoredLabels a = sample(6);
  ScoredLabels b = a;
  Rng rng(7);
  for (double& score : b.scores) score = rng.uniform();
  const PairedOptions options{.permutations = 199, .resamples = 50};
  const PairedComparison comparison = compare_aurocs(a, b, options);
  const Json json = parse_json(comparison_json(comparison, options).dump(), "comparison");
  EXPECT_EQ(json.at("records"), Json(80));
  EXPECT_EQ(json.at("macro").at("p_value").get<double>(), comparison.macro.p_value);
  EXPECT_EQ(json.at("macro").at("difference").at("low").get<double>(), comparison.macro.difference.low);
  EXPECT_EQ(json.at("labels").at(0).at("label"), Json("A"));
  EXPECT_TRUE(json.at("labels").at(0).at("holm_p_value").is_number());
  EXPECT_TRUE(json.at("labels").at(2).at("p_value").is_null());
  EXPECT_FALSE(json.at("macro").contains("holm_p_value"));
  EXPECT_EQ(json.at("interval"), Json("95 % percentile bootstrap, paired, 50 resamples, seed 0"));
}

}  // namespace
}  // namespace deri
