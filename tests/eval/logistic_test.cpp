#include "deri/eval/logistic.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Normal features that share a common part, so that they are correlated, with means and units of their own; label k is
// positive with the logistic probability of a random line. `offsets` are the lines' intercepts: rare below 0.
ProbeSet random_set(std::uint64_t seed, std::size_t records, std::size_t columns, const std::vector<double>& offsets) {
  ProbeSet set;
  set.columns = columns;
  Rng line(1000), rng(seed);
  std::vector<double> lines;
  for (std::size_t k = 0; k < offsets.size(); ++k) {
    set.labels.push_back(fmt::format("L{}", k));
    for (std::size_t j = 0; j < columns; ++j) lines.push_back(line.normal());
  }
  for (std::size_t i = 0; i < records; ++i) {
    const double shared = rng.normal();
    std::vector<double> x;
    for (std::size_t j = 0; j < columns; ++j) x.push_back(0.7 * rng.normal() + 0.7 * shared);
    for (std::size_t j = 0; j < columns; ++j) {
      const auto unit = static_cast<double>(j % 5 + 1);
      set.features.push_back(static_cast<float>(unit * x[j] + 3 * unit));
    }
    for (std::size_t k = 0; k < offsets.size(); ++k) {
      double logit = offsets[k];
      for (std::size_t j = 0; j < columns; ++j) logit += lines[k * columns + j] * x[j] / std::sqrt(columns / 4.0);
      set.targets.push_back(rng.chance(1 / (1 + std::exp(-logit))) ? 1 : 0);
    }
  }
  return set;
}

// Standardised features in double, in the plainest way.
std::vector<std::vector<double>> standardised(const ProbeSet& set) {
  std::vector<std::vector<double>> rows(set.records(), std::vector<double>(set.columns));
  for (std::size_t j = 0; j < set.columns; ++j) {
    double mean = 0, variance = 0;
    const auto count = static_cast<double>(set.records());
    for (std::size_t i = 0; i < set.records(); ++i) mean += set.features[i * set.columns + j] / count;
    for (std::size_t i = 0; i < set.records(); ++i)
      variance += std::pow(set.features[i * set.columns + j] - mean, 2) / count;
    for (std::size_t i = 0; i < set.records(); ++i)
      rows[i][j] = (set.features[i * set.columns + j] - mean) / std::sqrt(variance);
  }
  return rows;
}

// Of F_k at weights and intercept (last), over standardised features: the whole gradient, from its definition.
std::vector<double> gradient(const std::vector<std::vector<double>>& rows, const ProbeSet& set, std::size_t label,
                             const std::vector<double>& w, double strength) {
  std::vector<double> g(w.size(), 0);
  const auto count = static_cast<double>(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double logit = w.back();
    for (std::size_t j = 0; j < rows[i].size(); ++j) logit += w[j] * rows[i][j];
    const double residual = 1 / (1 + std::exp(-logit)) - set.targets[i * set.labels.size() + label];
    for (std::size_t j = 0; j < rows[i].size(); ++j) g[j] += residual * rows[i][j] / count;
    g.back() += residual / count;
  }
  for (std::size_t j = 0; j + 1 < w.size(); ++j) g[j] += strength * w[j];
  return g;
}

// Newton's method with Gaussian elimination: another way to the same solution.
std::vector<double> newton(const std::vector<std::vector<double>>& rows, const ProbeSet& set, std::size_t label,
                           double strength) {
  const std::size_t m = set.columns + 1;
  std::vector<double> w(m, 0);
  for (int iteration = 0; iteration < 60; ++iteration) {
    std::vector<double> step = gradient(rows, set, label, w, strength);
    std::vector<std::vector<double>> hessian(m, std::vector<double>(m, 0));
    for (const std::vector<double>& row : rows) {
      std::vector<double> x = row;
      x.push_back(1);
      double logit = 0;
      for (std::size_t j = 0; j < m; ++j) logit += w[j] * x[j];
      const double p = 1 / (1 + std::exp(-logit));
      for (std::size_t a = 0; a < m; ++a)
        for (std::size_t b = 0; b < m; ++b)
          hessian[a][b] += p * (1 - p) * x[a] * x[b] / static_cast<double>(rows.size());
    }
    for (std::size_t j = 0; j + 1 < m; ++j) hessian[j][j] += strength;
    for (std::size_t c = 0; c < m; ++c) {
      for (std::size_t r = c + 1; r < m; ++r) {
        const double factor = hessian[r][c] / hessian[c][c];
        for (std::size_t j = c; j < m; ++j) hessian[r][j] -= factor * hessian[c][j];
        step[r] -= factor * step[c];
      }
    }
    for (std::size_t c = m; c-- > 0;) {
      for (std::size_t j = c + 1; j < m; ++j) step[c] -= hessian[c][j] * step[j];
      step[c] /= hessian[c][c];
    }
    for (std::size_t j = 0; j < m; ++j) w[j] -= step[j];
  }
  return w;
}

std::vector<double> parameters(const LinearModel& model, std::size_t label) {
  const auto from = model.weights.begin() + static_cast<std::ptrdiff_t>(label * model.columns);
  std::vector<double> result(from, from + static_cast<std::ptrdiff_t>(model.columns));
  result.push_back(model.intercepts[label]);
  return result;
}

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

TEST(Logistic, FindsNewtonsSolutionWithAZeroGradient) {
  // More labels than a panel and sizes that are no multiples of the tiles.
  const ProbeSet set = random_set(1, 331, 7, {0, -1, -3, 1, 0.5, -0.5, -2, 2, 0.2, -4});
  const std::vector<std::vector<double>> rows = standardised(set);
  for (const double strength : {1.0, 1e-2, 1e-5}) {
    const LogisticFit fit = fit_logistic(set, strength, {.tolerance = 1e-9});
    EXPECT_EQ(fit.unconverged(), 0U);
    for (std::size_t k = 0; k < set.labels.size(); ++k) {
      SCOPED_TRACE(fmt::format("{} at {}", set.labels[k], strength));
      const std::vector<double> found = parameters(fit.model, k), expected = newton(rows, set, k, strength);
      EXPECT_LE(fit.labels[k].gradient_norm, 1e-9);
      EXPECT_LE(norm(gradient(rows, set, k, found, strength)), 2e-9);
      for (std::size_t j = 0; j < found.size(); ++j) EXPECT_NEAR(found[j], expected[j], 1e-6 + 1e-8 / strength) << j;
    }
  }
}

TEST(Logistic, HasTheSizeOfARealProbe) {
  // Several chunks of rows, many correlated columns, the default tolerance.
  const ProbeSet set = random_set(2, 2500, 61, {0, -1, -3, -5});
  const LogisticFit fit = fit_logistic(set, 1e-4);
  const std::vector<std::vector<double>> rows = standardised(set);
  for (std::size_t k = 0; k < set.labels.size(); ++k) {
    EXPECT_TRUE(fit.labels[k].converged);
    EXPECT_LE(norm(gradient(rows, set, k, parameters(fit.model, k), 1e-4)), 1.01e-6);
    EXPECT_LT(fit.labels[k].iterations, 60);
  }
}

TEST(Logistic, OfOneBinaryFeatureWithoutPenaltyIsTheLogOdds) {
  // 30 of 40 positive where the feature is 1, 10 of 60 where it is 0.
  ProbeSet set{{"A"}, 1, {}, {}};
  for (int i = 0; i < 100; ++i) {
    set.features.push_back(i < 40 ? 1.0F : 0.0F);
    set.targets.push_back(i < 30 || (i >= 40 && i < 50) ? 1 : 0);
  }
  const LogisticFit fit = fit_logistic(set, 1e-12, {.tolerance = 1e-12});
  const ScoredLabels predicted = predict(fit.model, set);
  EXPECT_TRUE(predicted.probabilities);
  EXPECT_NEAR(predicted.scores[0], 0.75, 1e-9);
  EXPECT_NEAR(predicted.scores[99], 1.0 / 6, 1e-9);
  EXPECT_NEAR(fit.model.weights[0] / fit.model.scale[0], std::log(3.0) - std::log(0.2), 1e-8);
}

TEST(Logistic, AStrongPenaltyLeavesThePrevalence) {
  const ProbeSet set = random_set(3, 400, 5, {-1});
  const LogisticFit fit = fit_logistic(set, 1e8);
  const double share = static_cast<double>(fit.labels[0].positives) / 400;
  EXPECT_NEAR(fit.model.intercepts[0], std::log(share / (1 - share)), 1e-6);  // it is not regularised
  EXPECT_LT(norm(fit.model.weights), 1e-6);
}

TEST(Logistic, DoesNotDependOnUnits) {
  const ProbeSet set = random_set(4, 300, 6, {0, -1});
  ProbeSet scaled = set;
  // Powers of two and shifts of the mean change no digits worth mentioning.
  for (std::size_t i = 0; i < scaled.features.size(); ++i)
    scaled.features[i] = scaled.features[i] * std::ldexp(1.0F, static_cast<int>(i % 6) * 4 - 8);
  const LogisticOptions precise{.tolerance = 1e-10};
  const LogisticFit fit = fit_logistic(set, 1e-3, precise), other = fit_logistic(scaled, 1e-3, precise);
  for (std::size_t i = 0; i < fit.model.weights.size(); ++i)
    EXPECT_NEAR(fit.model.weights[i], other.model.weights[i], 1e-7);
  const ScoredLabels a = predict(fit.model, set), b = predict(other.model, scaled);
  for (std::size_t i = 0; i < a.scores.size(); ++i) EXPECT_NEAR(a.scores[i], b.scores[i], 1e-7);
}

TEST(Logistic, IsTheSameForAnyNumberOfThreads) {
  const ProbeSet set = random_set(5, 2100, 9, {0, -1, -2});
  const LogisticFit one = fit_logistic(set, 1e-3, {.threads = 1});
  for (const int threads : {2, 3, 8}) {
    const LogisticFit many = fit_logistic(set, 1e-3, {.threads = threads});
    EXPECT_EQ(one.model.weights, many.model.weights);
    EXPECT_EQ(one.model.intercepts, many.model.intercepts);
    EXPECT_EQ(predict(one.model, set, 1).scores, predict(one.model, set, threads).scores);
  }
}

TEST(Logistic, LabelsAreIndependent) {
  const ProbeSet both = random_set(6, 300, 5, {0, -2});
  ProbeSet alone = both;
  alone.labels = {"L1"};
  alone.targets.clear();
  for (std::size_t i = 0; i < both.records(); ++i) alone.targets.push_back(both.targets[2 * i + 1]);
  EXPECT_EQ(parameters(fit_logistic(both, 1e-2).model, 1), parameters(fit_logistic(alone, 1e-2).model, 0));
}

TEST(Logistic, ALabelOfOneClassIsAConstant) {
  ProbeSet set = random_set(7, 50, 4, {0, 0, 0});
  for (std::size_t i = 0; i < 50; ++i) {
    set.targets[3 * i] = 0;
    set.targets[3 * i + 2] = 1;
  }
  const LogisticFit fit = fit_logistic(set, 1e-2);
  EXPECT_TRUE(fit.labels[0].constant);
  EXPECT_FALSE(fit.labels[1].constant);
  EXPECT_TRUE(fit.labels[2].constant);
  EXPECT_EQ(fit.unconverged(), 0U);
  const ScoredLabels predicted = predict(fit.model, set);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_NEAR(predicted.scores[3 * i], 0.5 / 51, 1e-12);
    EXPECT_NEAR(predicted.scores[3 * i + 2], 50.5 / 51, 1e-12);
  }
  // All labels constant: nothing is left to solve.
  ProbeSet none = set;
  none.labels = {"A"};
  none.targets.assign(50, 0);
  EXPECT_TRUE(fit_logistic(none, 1).labels[0].constant);
}

TEST(Logistic, AConstantFeatureGetsNoWeight) {
  ProbeSet set = random_set(8, 100, 4, {0});
  for (std::size_t i = 0; i < 100; ++i) set.features[4 * i + 2] = 0.1F;
  const LogisticFit fit = fit_logistic(set, 1e-3);
  EXPECT_TRUE(fit.labels[0].converged);
  EXPECT_EQ(fit.model.weights[2], 0);
  ProbeSet varied = set;
  for (std::size_t i = 0; i < 100; ++i) varied.features[4 * i + 2] = static_cast<float>(i);
  EXPECT_EQ(predict(fit.model, set).scores, predict(fit.model, varied).scores);
}

TEST(Logistic, FewerRecordsThanFeaturesAndSeparableLabelsConverge) {
  const ProbeSet set = random_set(9, 30, 64, {0, -1});
  for (const double strength : {1e-1, 1e-6}) {
    const LogisticFit fit = fit_logistic(set, strength);
    EXPECT_EQ(fit.unconverged(), 0U) << strength;
    EXPECT_LE(norm(gradient(standardised(set), set, 0, parameters(fit.model, 0), strength)), 1.01e-6);
  }
}

TEST(Logistic, RepeatedFeaturesShareTheirWeight) {
  ProbeSet set = random_set(10, 200, 3, {0});
  for (std::size_t i = 0; i < 200; ++i) set.features[3 * i + 1] = set.features[3 * i];
  const LogisticFit fit = fit_logistic(set, 1e-6, {.tolerance = 1e-9});
  EXPECT_TRUE(fit.labels[0].converged);
  EXPECT_NEAR(fit.model.weights[0], fit.model.weights[1], 1e-3);
}

TEST(Logistic, SaysWhenItDidNotConverge) {
  const LogisticFit fit = fit_logistic(random_set(11, 300, 10, {0, -2}), 1e-6, {.max_iterations = 1});
  EXPECT_EQ(fit.unconverged(), 2U);
  EXPECT_GT(fit.labels[0].gradient_norm, 1e-6);
}

TEST(Logistic, RefusesWhatMakesNoSense) {
  ProbeSet set = random_set(12, 20, 3, {0});
  EXPECT_DERI_ERROR(fit_logistic(set, 0), HasSubstr("strength of 0"));
  EXPECT_DERI_ERROR(fit_logistic(set, std::nan("")), HasSubstr("strength of nan"));
  EXPECT_DERI_ERROR(fit_logistic(set, 1, {.tolerance = 0}), HasSubstr("tolerance of 0"));
  EXPECT_DERI_ERROR(fit_logistic(set, 1, {.max_iterations = 0}), HasSubstr("at least 1 iteration"));
  EXPECT_DERI_ERROR(fit_logistic({{"A"}, 3, {}, {}}, 1), HasSubstr("no records"));
  EXPECT_DERI_ERROR(fit_logistic({{}, 1, {1, 2}, {}}, 1), HasSubstr("no labels"));
  const LinearModel model = fit_logistic(set, 1).model;
  EXPECT_DERI_ERROR(predict(model, random_set(12, 20, 4, {0})), HasSubstr("have 4 features"));
  EXPECT_DERI_ERROR(predict(model, random_set(12, 20, 3, {0, 1})), HasSubstr("other labels"));
  set.features[5] = std::numeric_limits<float>::infinity();
  EXPECT_DERI_ERROR(fit_logistic(set, 1), AllOf(HasSubstr("the training records"), HasSubstr("1 of 60")));
}

TEST(LogisticPath, ChoosesWhatIsBestOnValidation) {
  // Few records and many features: neither end of the path is good.
  const ProbeSet train = random_set(13, 150, 40, {0, -1, 0.5}), validation = random_set(14, 600, 40, {0, -1, 0.5});
  for (const PathCriterion criterion : {PathCriterion::kMacroAuroc, PathCriterion::kLogLoss}) {
    PathOptions options;
    options.criterion = criterion;
    const LogisticPath path = fit_logistic_path(train, validation, options);
    ASSERT_EQ(path.points.size(), default_strengths().size());
    EXPECT_GT(path.chosen, 0U);
    EXPECT_LT(path.chosen, path.points.size() - 1);
    const PathPoint& chosen = path.points[path.chosen];
    EXPECT_EQ(path.fit.strength, chosen.strength);
    for (const PathPoint& point : path.points) {
      if (criterion == PathCriterion::kLogLoss) {
        EXPECT_GE(point.validation_log_loss, chosen.validation_log_loss);
      } else {
        EXPECT_LE(point.validation_auroc, chosen.validation_auroc);
      }
      EXPECT_EQ(point.unconverged, 0U);
    }
    // The reported figures are those of the chosen model.
    const ScoredLabels predicted = predict(path.fit.model, validation);
    EXPECT_NEAR(evaluate_multilabel(predicted, predicted).macro.auroc, chosen.validation_auroc, 1e-9);
    double loss = 0;
    for (std::size_t i = 0; i < predicted.scores.size(); ++i)
      loss -= std::log(predicted.targets[i] != 0 ? predicted.scores[i] : 1 - predicted.scores[i]);
    EXPECT_NEAR(loss / static_cast<double>(predicted.scores.size()), chosen.validation_log_loss, 1e-9);
  }
}

TEST(LogisticPath, AWarmStartEndsWhereAColdOneDoes) {
  const ProbeSet train = random_set(15, 400, 12, {0, -2}), validation = random_set(16, 100, 12, {0, -2});
  PathOptions options;
  options.strengths = {1e-5, 1e-1, 1e-3};  // any order
  options.solver.tolerance = 1e-10;
  options.criterion = PathCriterion::kLogLoss;
  const LogisticPath path = fit_logistic_path(train, validation, options);
  EXPECT_EQ(path.points.front().strength, 1e-1);
  for (std::size_t i = 1; i < path.points.size(); ++i)
    EXPECT_LT(path.points[i].train_log_loss, path.points[i - 1].train_log_loss);
  const LogisticFit cold = fit_logistic(train, path.fit.strength, options.solver);
  for (std::size_t i = 0; i < cold.model.weights.size(); ++i)
    EXPECT_NEAR(cold.model.weights[i], path.fit.model.weights[i], 1e-5);
}

TEST(LogisticPath, OfEqualsTheStrongest) {
  // One feature: every strength ranks alike.
  const ProbeSet train = random_set(17, 200, 1, {0}), validation = random_set(18, 100, 1, {0});
  EXPECT_EQ(fit_logistic_path(train, validation).chosen, 0U);
}

TEST(LogisticPath, RefusesWhatMakesNoSense) {
  const ProbeSet train = random_set(19, 100, 3, {0}), validation = random_set(20, 50, 3, {0});
  PathOptions options;
  options.strengths = {};
  EXPECT_DERI_ERROR(fit_logistic_path(train, validation, options), HasSubstr("no regularisation strength"));
  options.strengths = {1, -1};
  EXPECT_DERI_ERROR(fit_logistic_path(train, validation, options), HasSubstr("strength of -1"));
  EXPECT_DERI_ERROR(fit_logistic_path(train, random_set(20, 50, 4, {0})), HasSubstr("have 4 features"));
  ProbeSet one_class = validation;
  one_class.targets.assign(50, 0);
  EXPECT_DERI_ERROR(fit_logistic_path(train, one_class), HasSubstr("no label has both"));
  options.strengths = {1};
  options.criterion = PathCriterion::kLogLoss;
  EXPECT_EQ(fit_logistic_path(train, one_class, options).points.size(), 1U);
}

}  // namespace
}  // namespace deri
