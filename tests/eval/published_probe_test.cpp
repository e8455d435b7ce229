#include "deri/eval/published_probe.hpp"

#include <cmath>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

ProbeSet random_set(std::uint64_t seed, std::size_t records, std::size_t columns, std::size_t labels) {
  ProbeSet set;
  set.columns = columns;
  for (std::size_t k = 0; k < labels; ++k) set.labels.push_back(fmt::format("L{}", k));
  Rng rng(seed);
  for (std::size_t i = 0; i < records; ++i) {
    for (std::size_t j = 0; j < columns; ++j) set.features.push_back(static_cast<float>(rng.normal()));
    for (std::size_t k = 0; k < labels; ++k)
      set.targets.push_back(rng.normal() + 2 * set.features[i * columns + k % columns] > 0 ? 1 : 0);
  }
  return set;
}

// Adam on the whole set in one batch, written out for one label and one feature.
TEST(PublishedProbe, FullBatchesFollowAdamsFormulas) {
  ProbeSet set{{"A"}, 1, {0.5F, -1, 2, 0.25F, -0.5F}, {1, 0, 1, 0, 1}};
  PublishedProbeOptions options;
  options.epochs = 1;
  options.batch_size = 5;
  const PublishedProbe first = fit_published_probe(set, set, options);
  options.epochs = 30;
  options.milestone = 20;
  const PublishedProbe trained = fit_published_probe(set, set, options);

  // The start is not told, but its first step is the learning rate times the gradient's sign: undo it.
  const auto gradient = [&](double w, double b, double& gw, double& gb) {
    gw = 1e-4 * w;
    gb = 1e-4 * b;
    for (std::size_t i = 0; i < 5; ++i) {
      const double residual = 1 / (1 + std::exp(-(w * set.features[i] + b))) - set.targets[i];
      gw += residual * set.features[i] / 5;
      gb += residual / 5;
    }
  };
  double w = first.last.weights[0], b = first.last.intercepts[0], gw = 0, gb = 0;
  gradient(w, b, gw, gb);
  w += 0.01 * (gw > 0 ? 1 : -1);
  b += 0.01 * (gb > 0 ? 1 : -1);
  EXPECT_LE(std::abs(w), 1);  // +-1/sqrt(1)
  EXPECT_LE(std::abs(b), 1);
  double mw = 0, vw = 0, mb = 0, vb = 0;
  std::int64_t schedule = 0;
  for (int t = 1; t <= 30; ++t) {
    const double rate = schedule >= 20 ? 0.001 : 0.01;
    gradient(w, b, gw, gb);
    mw = 0.9 * mw + 0.1 * gw;
    vw = 0.999 * vw + 0.001 * gw * gw;
    mb = 0.9 * mb + 0.1 * gb;
    vb = 0.999 * vb + 0.001 * gb * gb;
    const double c1 = 1 - std::pow(0.9, t), c2 = 1 - std::pow(0.999, t);
    w -= rate * (mw / c1) / (std::sqrt(vw / c2) + 1e-8);
    b -= rate * (mb / c1) / (std::sqrt(vb / c2) + 1e-8);
    schedule += 2;  // the batch's step and the epoch's
    EXPECT_DOUBLE_EQ(trained.epochs[static_cast<std::size_t>(t - 1)].learning_rate, rate);
  }
  EXPECT_NEAR(trained.last.weights[0], w, 1e-6);
  EXPECT_NEAR(trained.last.intercepts[0], b, 1e-6);
}

TEST(PublishedProbe, TheScheduleIsSteppedPerBatchAndAgainPerEpoch) {
  const ProbeSet set = random_set(1, 16 * 10, 3, 2);  // ten batches, eleven steps per epoch
  PublishedProbeOptions options;
  options.epochs = 6;
  const PublishedProbe published = fit_published_probe(set, set, options);
  EXPECT_EQ(published.epochs[2].learning_rate, 0.01);   // its last batch is at step 2 x 11 + 9 = 31
  EXPECT_EQ(published.epochs[3].learning_rate, 0.001);  // 42
  options.step_per_batch = false;
  options.milestone = 4;
  const PublishedProbe meant = fit_published_probe(set, set, options);
  EXPECT_EQ(meant.epochs[3].learning_rate, 0.01);
  EXPECT_EQ(meant.epochs[4].learning_rate, 0.001);
}

TEST(PublishedProbe, TheScheduleFallsWithinTheFirstEpochOfALargeSet) {
  const ProbeSet set = random_set(2, 16 * 41, 2, 1);
  PublishedProbeOptions options;
  options.epochs = 1;
  EXPECT_EQ(fit_published_probe(set, set, options).epochs[0].learning_rate, 0.001);
}

TEST(PublishedProbe, LearnsAndReportsTheBestEpochOfTheScoredRecords) {
  const ProbeSet train = random_set(3, 500, 12, 10), scored = random_set(4, 300, 12, 10);
  PublishedProbeOptions options;
  options.epochs = 15;
  const PublishedProbe probe = fit_published_probe(train, scored, options);
  ASSERT_EQ(probe.epochs.size(), 15U);
  EXPECT_LT(probe.epochs.back().train_loss, 0.8 * probe.epochs.front().train_loss);
  EXPECT_GT(probe.max_auroc, 0.9);
  for (const PublishedEpoch& epoch : probe.epochs) {
    EXPECT_LE(epoch.auroc, probe.max_auroc);
    EXPECT_LE(epoch.f1, probe.max_f1);
    EXPECT_LE(epoch.accuracy, probe.max_accuracy);
  }
  EXPECT_EQ(probe.epochs[probe.best_epoch].auroc, probe.max_auroc);
  // The models are those that were measured.
  const MultiLabelMetrics best = evaluate_multilabel_published(predict(probe.best, scored));
  EXPECT_NEAR(best.macro.auroc, probe.max_auroc, 1e-9);
  EXPECT_NEAR(best.macro.f1, probe.epochs[probe.best_epoch].f1, 1e-9);
  EXPECT_NEAR(best.macro.accuracy, probe.epochs[probe.best_epoch].accuracy, 1e-9);
  EXPECT_NEAR(evaluate_multilabel_published(predict(probe.last, scored)).macro.auroc, probe.epochs.back().auroc, 1e-9);
}

TEST(PublishedProbe, LongFullBatchTrainingNearsThePenalisedOptimum) {
  // Adam's L2 of 1e-4 on the mean over labels is, for one label, the strict probe's penalty (but for the bias and the
  // standardisation, which unit normal features make small).
  const ProbeSet set = random_set(5, 400, 4, 1);
  PublishedProbeOptions options;
  options.epochs = 3000;
  options.batch_size = 400;
  options.milestone = 1 << 30;
  const PublishedProbe probe = fit_published_probe(set, set, options);
  const ScoredLabels adam = predict(probe.last, set), newton = predict(fit_logistic(set, 1e-4).model, set);
  for (std::size_t i = 0; i < adam.scores.size(); ++i) EXPECT_NEAR(adam.scores[i], newton.scores[i], 0.003);
}

TEST(PublishedProbe, DependsOnTheSeedAndNotOnThreads) {
  const ProbeSet train = random_set(6, 100, 5, 19), scored = random_set(7, 60, 5, 19);
  PublishedProbeOptions options;
  options.epochs = 3;
  options.threads = 1;
  const PublishedProbe one = fit_published_probe(train, scored, options);
  for (const int threads : {2, 5}) {
    options.threads = threads;
    const PublishedProbe many = fit_published_probe(train, scored, options);
    EXPECT_EQ(one.last.weights, many.last.weights);
    EXPECT_EQ(one.max_auroc, many.max_auroc);
    EXPECT_EQ(one.epochs[1].train_loss, many.epochs[1].train_loss);
  }
  options.seed = 43;
  EXPECT_NE(one.last.weights, fit_published_probe(train, scored, options).last.weights);
}

TEST(PublishedProbe, ScoredLabelsOfOneClassAreInNoMean) {
  const ProbeSet train = random_set(8, 100, 3, 2);
  ProbeSet scored = random_set(9, 50, 3, 2);
  for (std::size_t i = 0; i < 50; ++i) scored.targets[2 * i + 1] = 0;
  PublishedProbeOptions options;
  options.epochs = 2;
  const PublishedProbe probe = fit_published_probe(train, scored, options);
  EXPECT_TRUE(std::isfinite(probe.max_auroc));
  scored.targets.assign(100, 0);
  EXPECT_TRUE(std::isnan(fit_published_probe(train, scored, options).max_auroc));
}

TEST(PublishedProbe, RefusesWhatMakesNoSense) {
  const ProbeSet set = random_set(10, 20, 3, 1);
  PublishedProbeOptions options;
  options.epochs = 0;
  EXPECT_DERI_ERROR(fit_published_probe(set, set, options), HasSubstr("at least 1 epoch"));
  options.epochs = 1;
  options.batch_size = 0;
  EXPECT_DERI_ERROR(fit_published_probe(set, set, options), HasSubstr("at least 1 record"));
  options.batch_size = 16;
  EXPECT_DERI_ERROR(fit_published_probe(set, random_set(10, 20, 4, 1), options), HasSubstr("4 features"));
  EXPECT_DERI_ERROR(fit_published_probe(set, {{"L0"}, 3, {}, {}}, options), HasSubstr("no records"));
}

}  // namespace
}  // namespace deri
