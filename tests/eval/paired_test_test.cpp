#include "deri/eval/paired_test.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

// Two models whose scores are a shared signal and noise of their own; a model's noise is `noise_a` or `noise_b`.
struct TwoModels {
  ScoredLabels a, b;
};

TwoModels two_models(std::uint64_t seed, int records, const std::vector<double>& prevalence, double noise_a,
                     double noise_b) {
  Rng rng(seed);
  TwoModels models;
  for (std::size_t i = 0; i < prevalence.size(); ++i) models.a.labels.push_back(fmt::format("L{}", i));
  models.b.labels = models.a.labels;
  for (int i = 0; i < records; ++i) {
    for (const double share : prevalence) {
      const std::uint8_t target = rng.chance(share) ? 1 : 0;
      const double signal = rng.normal(target, 0.5);
      models.a.targets.push_back(target);
      models.b.targets.push_back(target);
      models.a.scores.push_back(signal + rng.normal(0, noise_a));
      models.b.scores.push_back(signal + rng.normal(0, noise_b));
    }
  }
  return models;
}

// Mean rank among all scores, by the definition.
std::vector<double> mean_ranks(const std::vector<double>& scores) {
  std::vector<double> ranks;
  for (const double score : scores) {
    double below = 0, equal = 0;
    for (const double other : scores) {
      below += other < score ? 1 : 0;
      equal += other == score ? 1 : 0;
    }
    ranks.push_back(below + (equal + 1) / 2);
  }
  return ranks;
}

// The macro difference's p-value over all 2^n swaps, in the plainest way.
double enumerated_p(const ScoredLabels& a, const ScoredLabels& b) {
  const std::size_t labels = a.labels.size(), records = a.records();
  std::vector<std::vector<double>> ranks_a, ranks_b;
  for (std::size_t k = 0; k < labels; ++k) {
    ranks_a.push_back(mean_ranks(a.label_scores(k)));
    ranks_b.push_back(mean_ranks(b.label_scores(k)));
  }
  const auto difference = [&](std::size_t mask) {
    double sum = 0;
    int defined = 0;
    for (std::size_t k = 0; k < labels; ++k) {
      std::vector<double> first = ranks_a[k], second = ranks_b[k];
      for (std::size_t i = 0; i < records; ++i)
        if ((mask >> i & 1) != 0) std::swap(first[i], second[i]);
      const std::vector<std::uint8_t> targets = a.label_targets(k);
      const double value = auroc(first, targets) - auroc(second, targets);
      if (std::isnan(value)) continue;
      sum += value;
      ++defined;
    }
    return sum / defined;
  };
  const double observed = std::abs(difference(0));
  std::size_t extreme = 0;
  for (std::size_t mask = 0; mask < (std::size_t{1} << records); ++mask)
    extreme += std::abs(difference(mask)) >= observed - 1e-9 ? 1 : 0;
  return static_cast<double>(extreme) / static_cast<double>(std::size_t{1} << records);
}

TEST(PairedTest, AllPermutationsOfFewRecords) {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    TwoModels models = two_models(seed, 10, {.5, .4, 0}, 0.2, 2);
    for (double& score : models.b.scores) score = std::nearbyint(score * 2);  // ties
    const PairedComparison exact = compare_aurocs(models.a, models.b, {.permutations = 1024, .resamples = 20});
    EXPECT_TRUE(exact.exact);
    EXPECT_EQ(exact.permutations, 1024U);
    EXPECT_NEAR(exact.macro.p_value, enumerated_p(models.a, models.b), 1e-12);
    const ScoredLabels a{{"L0"}, models.a.label_scores(0), models.a.label_targets(0)};
    const ScoredLabels b{{"L0"}, models.b.label_scores(0), models.b.label_targets(0)};
    EXPECT_NEAR(exact.labels[0].p_value, enumerated_p(a, b), 1e-12);
  }
}

TEST(PairedTest, RandomPermutationsApproachAllOfThem) {
  const TwoModels models = two_models(3, 12, {.5, .4}, 0.3, 1.5);
  const PairedComparison exact = compare_aurocs(models.a, models.b, {.permutations = 4096, .resamples = 10});
  const PairedComparison random = compare_aurocs(models.a, models.b, {.permutations = 4095, .resamples = 10});
  EXPECT_TRUE(exact.exact);
  EXPECT_FALSE(random.exact);
  // Four standard errors of a share.
  const double p = exact.macro.p_value;
  EXPECT_NEAR(random.macro.p_value, p, 4 * std::sqrt(p * (1 - p) / 4095) + 1.0 / 4096);
  EXPECT_NEAR(random.labels[1].p_value, exact.labels[1].p_value, 4 * std::sqrt(0.25 / 4095));
}

TEST(PairedTest, UnderTheNullPValuesAreUniform) {
  constexpr int kTrials = 400;
  int below_tenth = 0, below_half = 0, label_below_tenth = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const TwoModels models = two_models(5000 + static_cast<std::uint64_t>(trial), 60, {.5, .3}, 0.7, 0.7);
    const PairedComparison result =
        compare_aurocs(models.a, models.b, {.permutations = 199, .resamples = 1, .seed = 9, .threads = 1});
    below_tenth += result.macro.p_value <= 0.1 ? 1 : 0;
    below_half += result.macro.p_value <= 0.5 ? 1 : 0;
    label_below_tenth += result.labels[0].p_value <= 0.1 ? 1 : 0;
  }
  // Four standard errors.
  EXPECT_NEAR(below_tenth / static_cast<double>(kTrials), 0.1, 4 * std::sqrt(0.09 / kTrials));
  EXPECT_NEAR(below_half / static_cast<double>(kTrials), 0.5, 4 * std::sqrt(0.25 / kTrials));
  EXPECT_NEAR(label_below_tenth / static_cast<double>(kTrials), 0.1, 4 * std::sqrt(0.09 / kTrials));
}

TEST(PairedTest, SeesABetterModel) {
  const TwoModels models = two_models(11, 400, {.5, .2, .01}, 0.2, 1);
  const PairedComparison result = compare_aurocs(models.a, models.b, {.permutations = 999});
  EXPECT_EQ(result.records, 400U);
  EXPECT_DOUBLE_EQ(result.macro.p_value, 1.0 / 1000);  // no permutation reaches it, and p is not 0
  EXPECT_GT(result.macro_frequent.difference.low, 0);
  const MultiLabelMetrics a = evaluate_multilabel(models.a, models.a), b = evaluate_multilabel(models.b, models.b);
  ASSERT_LT(a.macro_frequent.labels, a.macro.labels);
  EXPECT_DOUBLE_EQ(result.macro.a, a.macro.auroc);
  EXPECT_DOUBLE_EQ(result.macro.b, b.macro.auroc);
  EXPECT_NEAR(result.macro.difference.value, a.macro.auroc - b.macro.auroc, 1e-12);
  EXPECT_NEAR(result.macro_frequent.difference.value, a.macro_frequent.auroc - b.macro_frequent.auroc, 1e-12);
  EXPECT_NEAR(result.labels[1].difference.value, a.labels[1].auroc - b.labels[1].auroc, 1e-12);
  EXPECT_LT(result.labels[1].difference.low, result.labels[1].difference.value);
  EXPECT_GT(result.labels[1].difference.high, result.labels[1].difference.value);
}

TEST(PairedTest, TheMeansIntervalIsThePairedBootstraps) {
  const TwoModels models = two_models(12, 150, {.5, .2}, 0.5, 0.8);
  const PairedComparison result = compare_aurocs(models.a, models.b, {.permutations = 9, .resamples = 300, .seed = 4});
  const PairedDifference expected = macro_auroc_difference(models.a, models.b, {.resamples = 300, .seed = 4});
  EXPECT_NEAR(result.macro.difference.value, expected.difference, 1e-12);
  EXPECT_NEAR(result.macro.difference.low, expected.low, 1e-12);
  EXPECT_NEAR(result.macro.difference.high, expected.high, 1e-12);
}

TEST(PairedTest, ScalesDoNotMatter) {
  TwoModels models = two_models(13, 100, {.5, .3}, 0.4, 0.8);
  const PairedComparison before = compare_aurocs(models.a, models.b, {.permutations = 199, .resamples = 50});
  for (double& score : models.b.scores) score = std::exp(score) * 1e6;
  const PairedComparison after = compare_aurocs(models.a, models.b, {.permutations = 199, .resamples = 50});
  EXPECT_EQ(before.macro.p_value, after.macro.p_value);
  EXPECT_EQ(before.labels[1].p_value, after.labels[1].p_value);
  EXPECT_EQ(before.macro.difference.low, after.macro.difference.low);
}

TEST(PairedTest, AModelAgainstItselfIsNoDifference) {
  const TwoModels models = two_models(14, 60, {.5, .3}, 0.4, 0.8);
  const PairedComparison result = compare_aurocs(models.a, models.a, {.permutations = 50, .resamples = 50});
  EXPECT_EQ(result.macro.p_value, 1);
  EXPECT_EQ(result.macro.difference.value, 0);
  EXPECT_EQ(result.macro.difference.low, 0);
  EXPECT_EQ(result.labels[0].p_value, 1);
}

TEST(PairedTest, IsTheSameForAnyNumberOfThreads) {
  const TwoModels models = two_models(15, 80, {.5, .3, .1}, 0.4, 0.6);
  const PairedOptions options{.permutations = 333, .resamples = 77, .seed = 5, .threads = 1};
  const PairedComparison one = compare_aurocs(models.a, models.b, options);
  for (const int threads : {2, 5}) {
    PairedOptions parallel = options;
    parallel.threads = threads;
    const PairedComparison many = compare_aurocs(models.a, models.b, parallel);
    EXPECT_EQ(one.macro.p_value, many.macro.p_value);
    EXPECT_EQ(one.macro.difference.low, many.macro.difference.low);
    for (std::size_t k = 0; k < one.labels.size(); ++k) {
      EXPECT_EQ(one.labels[k].p_value, many.labels[k].p_value);
      EXPECT_EQ(one.labels[k].difference.high, many.labels[k].difference.high);
    }
  }
}

TEST(PairedTest, ALabelOfOneClassIsUndefinedAndInNoMean) {
  const TwoModels models = two_models(16, 50, {.5, 0}, 0.4, 0.8);
  const PairedComparison result = compare_aurocs(models.a, models.b, {.permutations = 99, .resamples = 20});
  EXPECT_TRUE(std::isnan(result.labels[1].a));
  EXPECT_TRUE(std::isnan(result.labels[1].p_value));
  EXPECT_TRUE(std::isnan(result.labels[1].holm_p_value));
  EXPECT_TRUE(std::isnan(result.labels[1].difference.low));
  EXPECT_EQ(result.macro.p_value, result.labels[0].p_value);
  EXPECT_EQ(result.macro.a, result.labels[0].a);
}

TEST(PairedTest, RefusesWhatCannotBeCompared) {
  const TwoModels models = two_models(17, 20, {.5}, 0.4, 0.8);
  ScoredLabels other = models.b;
  other.targets[3] = static_cast<std::uint8_t>(1 - other.targets[3]);
  EXPECT_DERI_ERROR(compare_aurocs(models.a, other), HasSubstr("the same records"));
  other = models.b;
  other.scores[3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DERI_ERROR(compare_aurocs(models.a, other), HasSubstr("label L0: 1 of 20"));
  EXPECT_DERI_ERROR(compare_aurocs(models.a, models.b, {.permutations = 0}), HasSubstr("at least 1 permutation"));
  EXPECT_DERI_ERROR(compare_aurocs(models.a, models.b, {.resamples = 0}), HasSubstr("at least 1 resample"));
}

TEST(Holm, StepsDown) {
  // 3 x 0.01, 2 x 0.02, 1 x 0.03 raised to what stands before it.
  const std::vector<double> adjusted = holm_adjusted({0.03, 0.01, std::nan(""), 0.02});
  EXPECT_DOUBLE_EQ(adjusted[0], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.03);
  EXPECT_TRUE(std::isnan(adjusted[2]));
  EXPECT_DOUBLE_EQ(adjusted[3], 0.04);
  EXPECT_DOUBLE_EQ(holm_adjusted({0.9, 0.8})[0], 1);
}

}  // namespace
}  // namespace deri
