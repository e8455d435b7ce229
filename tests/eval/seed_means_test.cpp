#include "deri/eval/seed_means.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

using Training = std::vector<ScoreTable>;

double width(const Estimate& estimate) {
  return estimate.high - estimate.low;
}

void expect_equal(const Estimate& a, const Estimate& b) {
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

// Records r<first> .. r<last - 1> with labels of the given prevalence. The truth depends on `truth_seed`, a score is
// the truth and noise that depends on `score_seed`.
struct SetPlan {
  int first = 0, last = 100;
  std::vector<double> prevalence = {.5, .3};
  std::uint64_t truth_seed = 1;
};

ScoreTable table_of(const SetPlan& plan, std::uint64_t score_seed, double noise) {
  Rng truth(plan.truth_seed), scores(mix_seed(score_seed, {plan.truth_seed}));
  ScoreTable table;
  for (std::size_t k = 0; k < plan.prevalence.size(); ++k) table.scored.labels.push_back(fmt::format("L{}", k));
  for (int record = plan.first; record < plan.last; ++record) {
    table.ids.push_back(fmt::format("r{}", record));
    for (const double share : plan.prevalence) {
      table.scored.targets.push_back(truth.chance(share) ? 1 : 0);
      table.scored.scores.push_back(scores.normal(table.scored.targets.back(), noise));
    }
  }
  return table;
}

Training training_of(const std::vector<SetPlan>& plans, std::uint64_t seed, double noise = 1) {
  Training training;
  for (const SetPlan& plan : plans) training.push_back(table_of(plan, seed, noise));
  return training;
}

const std::vector<SetPlan>& two_sets() {
  static const std::vector<SetPlan> plans = {{0, 100, {.5, .3, .02, 0}, 1}, {40, 160, {.4, .2}, 2}};
  return plans;
}

ScoreTable shuffled(const ScoreTable& table, std::uint64_t seed) {
  std::vector<std::size_t> order(table.ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng(seed).shuffle(order);
  ScoreTable result{{}, {table.scored.labels, {}, {}, false}, {}};
  const std::size_t labels = table.scored.labels.size();
  for (const std::size_t i : order) {
    result.ids.push_back(table.ids[i]);
    for (std::size_t k = 0; k < labels; ++k) {
      result.scored.scores.push_back(table.scored.scores[i * labels + k]);
      result.scored.targets.push_back(table.scored.targets[i * labels + k]);
    }
  }
  return result;
}

double macro_auroc(const ScoreTable& table) {
  return evaluate_multilabel(table.scored, table.scored).macro.auroc;
}

TEST(SeedMeans, OneTrainingAndOneLabelSetIsTheBootstrap) {
  const std::vector<Training> trainings = {training_of({{0, 150, {.5, .3, .02, 0}, 3}}, 4)};
  const BootstrapOptions options{.resamples = 200, .confidence = 0.9, .seed = 5};
  const MultiLabelIntervals expected = bootstrap_intervals(trainings[0][0].scored, options);
  ASSERT_NE(expected.macro.auroc.value, expected.macro_frequent.auroc.value);
  const SeedMeans means = mean_auroc(trainings, options);
  expect_equal(means.macro, expected.macro.auroc);
  expect_equal(means.frequent, expected.macro_frequent.auroc);
}

TEST(SeedMeans, OnePairAndOneLabelSetIsThePairedTest) {
  for (const int records : {10, 80}) {  // with all permutations, and with random ones
    const SetPlan plan{0, records, {.5, .3, .05}, 3};
    const std::vector<Training> a = {training_of({plan}, 1)}, b = {training_of({plan}, 2, 1.5)};
    const PairedOptions options{.permutations = 1500, .resamples = 200, .confidence = 0.9, .seed = 5};
    const PairedComparison expected = compare_aurocs(a[0][0].scored, b[0][0].scored, options);
    const SeedMeansDifference difference = compare_mean_aurocs(a, b, options);
    expect_equal(difference.difference, expected.macro.difference);
    EXPECT_EQ(difference.p_value, expected.macro.p_value);
    EXPECT_EQ(difference.exact, records == 10);
    EXPECT_EQ(difference.exact, expected.exact);
  }
}

TEST(SeedMeans, ValuesAreMeansOfMeans) {
  const std::vector<Training> trainings = {training_of(two_sets(), 1), training_of(two_sets(), 2, 2)};
  double sum = 0;
  for (const Training& training : trainings) {
    EXPECT_NEAR(mean_auroc({&training, 1}, {.resamples = 5}).macro.value,
                (macro_auroc(training[0]) + macro_auroc(training[1])) / 2, 1e-12);
    for (const ScoreTable& table : training) sum += macro_auroc(table);
  }
  const SeedMeans means = mean_auroc(trainings, {.resamples = 200});
  EXPECT_NEAR(means.macro.value, sum / 4, 1e-12);
  // The first label set's third label is rare, and its fourth never true.
  EXPECT_GT(std::abs(means.frequent.value - means.macro.value), 1e-6);
  EXPECT_LE(means.macro.low, means.macro.value);
  EXPECT_GE(means.macro.high, means.macro.value);
}

// The resamples of the mean in the plainest way: records repeated as often as they are drawn.
Estimate resampled_plainly(const std::vector<Training>& trainings, const std::vector<std::string>& all_ids,
                           const BootstrapOptions& options) {
  const auto mean = [&](const std::vector<std::uint32_t>& weights) {
    double sum = 0;
    for (const Training& training : trainings) {
      for (const ScoreTable& table : training) {
        ScoredLabels drawn{table.scored.labels, {}, {}};
        const std::size_t labels = drawn.labels.size();
        for (std::size_t i = 0; i < table.ids.size(); ++i) {
          const auto place = std::find(all_ids.begin(), all_ids.end(), table.ids[i]) - all_ids.begin();
          for (std::uint32_t copy = 0; copy < weights[static_cast<std::size_t>(place)]; ++copy) {
            for (std::size_t k = 0; k < labels; ++k) {
              drawn.scores.push_back(table.scored.scores[i * labels + k]);
              drawn.targets.push_back(table.scored.targets[i * labels + k]);
            }
          }
        }
        double macro = 0;
        for (std::size_t k = 0; k < labels; ++k) {
          const double value = auroc(drawn.label_scores(k), drawn.label_targets(k));
          macro += std::isnan(value) ? auroc(table.scored.label_scores(k), table.scored.label_targets(k)) : value;
        }
        sum += macro / static_cast<double>(labels) / static_cast<double>(training.size());
      }
    }
    return sum / static_cast<double>(trainings.size());
  };
  std::vector<double> values;
  for (std::size_t r = 0; r < static_cast<std::size_t>(options.resamples); ++r)
    values.push_back(mean(resampled_records(all_ids.size(), options.seed, r)));
  return percentile_interval(mean(std::vector<std::uint32_t>(all_ids.size(), 1)), values, options.confidence);
}

TEST(SeedMeans, ARecordsWeightIsTheSameInEveryLabelSetAndTraining) {
  for (const int start : {0, 20, 60}) {  // of the second label set: inside the first, overlapping, apart
    const std::vector<SetPlan> plans = {{0, 60, {.5, .05}, 1}, {start, start + 50, {.4, .2}, 2}};
    const std::vector<Training> trainings = {training_of(plans, 1), training_of(plans, 2, 2)};
    std::vector<std::string> ids;
    for (int i = 0; i < std::max(60, start + 50); ++i) ids.push_back(fmt::format("r{}", i));
    const BootstrapOptions options{.resamples = 40, .seed = 6};
    const Estimate expected = resampled_plainly(trainings, ids, options);
    const Estimate macro = mean_auroc(trainings, options).macro;
    EXPECT_NEAR(macro.value, expected.value, 1e-12);
    EXPECT_NEAR(macro.low, expected.low, 1e-12);
    EXPECT_NEAR(macro.high, expected.high, 1e-12);
  }
}

TEST(SeedMeans, LabelSetsOnTheSameRecordsAreNotIndependent) {
  // One label set twice knows no more than once; on other records it would.
  const SetPlan plan{0, 200, {.5, .3}, 1};
  const ScoreTable table = table_of(plan, 1, 1);
  ScoreTable elsewhere = table;
  for (std::string& id : elsewhere.ids) id += "x";
  const std::vector<Training> once = {{table}}, twice = {{table, table}}, apart = {{table, elsewhere}};
  const Estimate expected = mean_auroc(once).macro;
  expect_equal(mean_auroc(twice).macro, expected);
  EXPECT_EQ(mean_auroc(apart).macro.value, expected.value);
  EXPECT_NEAR(width(mean_auroc(apart).macro) / width(expected), std::sqrt(0.5), 0.1);
}

TEST(SeedMeans, MoreTrainingsWithNoiseOfTheirOwnNarrowTheInterval) {
  const std::vector<SetPlan> plans = {{0, 300, {.5, .3}, 1}};
  const std::vector<Training> three = {training_of(plans, 1, 2), training_of(plans, 2, 2), training_of(plans, 3, 2)};
  const double mean_width = width(mean_auroc(three).macro);
  for (const Training& training : three) {
    const double one_width = width(mean_auroc({&training, 1}).macro);
    EXPECT_LT(mean_width, 0.9 * one_width);
    EXPECT_GT(mean_width, 0.4 * one_width);  // 0.58 if all the noise were theirs
  }
  const std::vector<Training> same = {three[0], three[0], three[0]};
  EXPECT_NEAR(width(mean_auroc(same).macro), width(mean_auroc({three.data(), 1}).macro), 1e-12);
}

TEST(SeedMeans, TheOrderOfRecordsInATableDoesNotMatter) {
  const std::vector<Training> a = {training_of(two_sets(), 1), training_of(two_sets(), 2)};
  const std::vector<Training> b = {training_of(two_sets(), 3), training_of(two_sets(), 4)};
  std::vector<Training> mixed_a = a, mixed_b = b;
  for (std::size_t i = 0; i < 2; ++i) mixed_a[1][i] = shuffled(a[1][i], i);
  for (Training& training : mixed_b)
    for (ScoreTable& table : training) table = shuffled(table, 9);
  ASSERT_NE(mixed_a[1][0].ids, a[1][0].ids);
  const SeedMeans means = mean_auroc(a, {.resamples = 50}), mixed = mean_auroc(mixed_a, {.resamples = 50});
  expect_equal(means.macro, mixed.macro);
  expect_equal(means.frequent, mixed.frequent);
  const PairedOptions options{.permutations = 99, .resamples = 50};
  const SeedMeansDifference difference = compare_mean_aurocs(a, b, options);
  const SeedMeansDifference of_mixed = compare_mean_aurocs(mixed_a, mixed_b, options);
  expect_equal(difference.difference, of_mixed.difference);
  EXPECT_EQ(difference.p_value, of_mixed.p_value);
}

// The p-value over all 2^n swaps of whole records, in the plainest way: ranks are swapped, not scores.
double enumerated_p(const std::vector<Training>& a, const std::vector<Training>& b,
                    const std::vector<std::string>& all_ids) {
  const auto ranks = [](const std::vector<double>& scores) {
    std::vector<double> result;
    for (const double score : scores) {
      double rank = 0;
      for (const double other : scores) rank += other < score ? 1 : other == score ? 0.5 : 0;
      result.push_back(rank);
    }
    return result;
  };
  const auto difference = [&](std::size_t mask) {
    double sum = 0;
    for (std::size_t t = 0; t < a.size(); ++t) {
      for (std::size_t s = 0; s < a[t].size(); ++s) {
        const ScoreTable &first = a[t][s], &second = b[t][s];
        for (std::size_t k = 0; k < first.scored.labels.size(); ++k) {
          std::vector<double> x = ranks(first.scored.label_scores(k)), y = ranks(second.scored.label_scores(k));
          for (std::size_t i = 0; i < x.size(); ++i) {
            const auto place = std::find(all_ids.begin(), all_ids.end(), first.ids[i]) - all_ids.begin();
            if ((mask >> place & 1) != 0) std::swap(x[i], y[i]);
          }
          const std::vector<std::uint8_t> targets = first.scored.label_targets(k);
          sum += (auroc(x, targets) - auroc(y, targets)) / static_cast<double>(first.scored.labels.size());
        }
      }
    }
    return sum;
  };
  const double observed = std::abs(difference(0));
  std::size_t extreme = 0;
  for (std::size_t mask = 0; mask < (std::size_t{1} << all_ids.size()); ++mask)
    extreme += std::abs(difference(mask)) >= observed - 1e-9 ? 1 : 0;
  return static_cast<double>(extreme) / static_cast<double>(std::size_t{1} << all_ids.size());
}

TEST(SeedMeans, APermutationSwapsARecordEverywhere) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    std::vector<SetPlan> plans = {{0, 8, {.5, .5}, seed}, {3, 10, {.5}, seed + 10}};
    std::vector<Training> a = {training_of(plans, 1, .5), training_of(plans, 2, .5)};
    std::vector<Training> b = {training_of(plans, 3, 2), training_of(plans, 4, 2)};
    for (std::vector<Training>* model : {&a, &b})
      for (Training& training : *model)
        for (ScoreTable& table : training)  // one of each class in every label
          for (std::size_t k = 0; k < table.scored.labels.size(); ++k)
            for (std::size_t i = 0; i < 2; ++i)
              table.scored.targets[i * table.scored.labels.size() + k] = static_cast<std::uint8_t>(i);
    std::vector<std::string> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(fmt::format("r{}", i));
    const SeedMeansDifference exact = compare_mean_aurocs(a, b, {.permutations = 1024, .resamples = 5});
    EXPECT_TRUE(exact.exact);
    EXPECT_NEAR(exact.p_value, enumerated_p(a, b, ids), 1e-12);
    const SeedMeansDifference random = compare_mean_aurocs(a, b, {.permutations = 1023, .resamples = 5});
    EXPECT_FALSE(random.exact);
    EXPECT_NEAR(random.p_value, exact.p_value, 4 * std::sqrt(0.25 / 1023));  // four standard errors of a share
  }
}

TEST(SeedMeans, UnderTheNullPValuesAreUniform) {
  constexpr int kTrials = 300;
  int below_tenth = 0, below_half = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(trial);
    const std::vector<SetPlan> plans = {{0, 40, {.5, .3}, 7000 + seed}, {20, 60, {.4}, 8000 + seed}};
    const std::vector<Training> a = {training_of(plans, 10 * seed + 1), training_of(plans, 10 * seed + 2)};
    const std::vector<Training> b = {training_of(plans, 10 * seed + 3), training_of(plans, 10 * seed + 4)};
    const double p = compare_mean_aurocs(a, b, {.permutations = 199, .resamples = 1, .threads = 1}).p_value;
    below_tenth += p <= 0.1 ? 1 : 0;
    below_half += p <= 0.5 ? 1 : 0;
  }
  // Four standard errors.
  EXPECT_NEAR(below_tenth / static_cast<double>(kTrials), 0.1, 4 * std::sqrt(0.09 / kTrials));
  EXPECT_NEAR(below_half / static_cast<double>(kTrials), 0.5, 4 * std::sqrt(0.25 / kTrials));
}

TEST(SeedMeans, SeesABetterModelAndNoneInItself) {
  const std::vector<Training> good = {training_of(two_sets(), 1, .6), training_of(two_sets(), 2, .6)};
  const std::vector<Training> bad = {training_of(two_sets(), 3, 2), training_of(two_sets(), 4, 2)};
  const SeedMeansDifference better = compare_mean_aurocs(good, bad, {.permutations = 999});
  EXPECT_DOUBLE_EQ(better.p_value, 1.0 / 1000);
  EXPECT_GT(better.difference.low, 0);
  EXPECT_NEAR(better.difference.value, mean_auroc(good).macro.value - mean_auroc(bad).macro.value, 1e-12);
  const SeedMeansDifference reversed = compare_mean_aurocs(bad, good, {.permutations = 999});
  EXPECT_EQ(reversed.p_value, better.p_value);
  EXPECT_NEAR(reversed.difference.low, -better.difference.high, 1e-12);
  const SeedMeansDifference itself = compare_mean_aurocs(good, good, {.permutations = 50, .resamples = 50});
  EXPECT_EQ(itself.p_value, 1);
  EXPECT_EQ(itself.difference.value, 0);
  EXPECT_EQ(itself.difference.low, 0);
  EXPECT_EQ(itself.difference.high, 0);
}

TEST(SeedMeans, IsTheSameForAnyNumberOfThreads) {
  const std::vector<Training> a = {training_of(two_sets(), 1), training_of(two_sets(), 2)};
  const std::vector<Training> b = {training_of(two_sets(), 3), training_of(two_sets(), 4)};
  const SeedMeans one = mean_auroc(a, {.resamples = 77, .threads = 1}),
                  two = mean_auroc(a, {.resamples = 77, .threads = 2});
  expect_equal(one.macro, two.macro);
  expect_equal(one.frequent, two.frequent);
  PairedOptions options{.permutations = 333, .resamples = 77, .threads = 1};
  const SeedMeansDifference alone = compare_mean_aurocs(a, b, options);
  options.threads = 2;
  const SeedMeansDifference both = compare_mean_aurocs(a, b, options);
  expect_equal(alone.difference, both.difference);
  EXPECT_EQ(alone.p_value, both.p_value);
}

TEST(SeedMeans, LabelSetsWithoutALabelThatCountsAreInNoMean) {
  const SetPlan useful{0, 100, {.5}, 1}, rare{0, 100, {.04}, 2}, never{0, 100, {0}, 3};
  const std::vector<Training> trainings = {training_of({useful, rare, never}, 1)};
  const SeedMeans means = mean_auroc(trainings, {.resamples = 20});
  EXPECT_DOUBLE_EQ(means.frequent.value, macro_auroc(trainings[0][0]));
  EXPECT_NEAR(means.macro.value, (macro_auroc(trainings[0][0]) + macro_auroc(trainings[0][1])) / 2, 1e-12);
  const std::vector<Training> none = {training_of({never}, 1)};
  EXPECT_TRUE(std::isnan(mean_auroc(none, {.resamples = 5}).macro.value));
  const SeedMeansDifference undefined = compare_mean_aurocs(none, none, {.permutations = 5, .resamples = 5});
  EXPECT_TRUE(std::isnan(undefined.difference.low));
  EXPECT_TRUE(std::isnan(undefined.p_value));
}

TEST(SeedMeans, RefusesWhatDoesNotBelongTogether) {
  const std::vector<Training> good = {training_of(two_sets(), 1), training_of(two_sets(), 2)};
  EXPECT_DERI_ERROR(mean_auroc({}), HasSubstr("no training"));
  EXPECT_DERI_ERROR(mean_auroc(std::vector<Training>{{}}), HasSubstr("no label set"));
  EXPECT_DERI_ERROR(compare_mean_aurocs({}, {}), HasSubstr("no training"));
  EXPECT_DERI_ERROR(compare_mean_aurocs(good, {good.data(), 1}), HasSubstr("2 trainings cannot be paired with 1"));

  std::vector<Training> bad = good;
  bad[1].pop_back();
  EXPECT_DERI_ERROR(mean_auroc(bad), HasSubstr("training 2 has 1 label sets"));
  EXPECT_DERI_ERROR(compare_mean_aurocs(good, bad), HasSubstr("the other model's training 2 has 1 label sets"));
  bad = good;
  bad[1][1].scored.targets[3] ^= 1;
  EXPECT_DERI_ERROR(mean_auroc(bad), HasSubstr("training 2, label set 2: the record 'r41' has another truth for 'L1'"));
  EXPECT_DERI_ERROR(compare_mean_aurocs(good, bad), HasSubstr("the other model's training 2, label set 2"));
  bad = good;
  bad[1][0].scored.labels[0] = "other";
  EXPECT_DERI_ERROR(mean_auroc(bad), HasSubstr("the label 'L0'"));
  bad = good;
  bad[0][0].ids[5] = "other";
  EXPECT_DERI_ERROR(mean_auroc(bad), HasSubstr("training 2, label set 1: the record 'other'"));
  bad = good;
  bad[1][0].scored.scores[5] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DERI_ERROR(mean_auroc(bad), HasSubstr("1 of 100 scores are not a number"));
  EXPECT_DERI_ERROR(mean_auroc(good, {.resamples = 0}), HasSubstr("at least 1 resample"));
  EXPECT_DERI_ERROR(mean_auroc(good, {.confidence = 1}), HasSubstr("not between 0 and 1"));
  EXPECT_DERI_ERROR(compare_mean_aurocs(good, good, {.permutations = 0}), HasSubstr("at least 1 permutation"));
}

}  // namespace
}  // namespace deri
