#include "deri/eval/tsne_objective.hpp"

#include <cmath>
#include <map>
#include <numeric>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

std::vector<float> random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> matrix(rows * columns);
  for (float& value : matrix) value = static_cast<float>(rng.normal());
  return matrix;
}

std::vector<double> random_points(std::size_t count, double spread, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> points(2 * count);
  for (double& value : points) value = spread * rng.normal();
  return points;
}

Affinities random_affinities(std::size_t rows, double perplexity) {
  const auto each = static_cast<std::size_t>(3 * perplexity);
  return symmetric_affinities(nearest_neighbours(random_matrix(rows, 10, rows), 10, each, 1), perplexity, 1);
}

double perplexity_of(const std::vector<double>& p) {
  double entropy = 0;
  for (const double value : p)
    if (value > 0) entropy -= value * std::log(value);
  return std::exp(entropy);
}

TEST(ConditionalAffinities, HaveThePerplexityAskedFor) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    const double scale = std::pow(10, rng.uniform(-12, 12));
    std::vector<float> distances(90);
    for (float& value : distances) value = static_cast<float>(scale * (5 + rng.uniform()));
    for (const double perplexity : {1.5, 5.0, 30.0, 80.0}) {
      const std::vector<double> p = conditional_affinities(distances, perplexity);
      EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-12);
      EXPECT_NEAR(perplexity_of(p), perplexity, 1e-6 * perplexity);
    }
  }
}

TEST(ConditionalAffinities, AreGaussian) {
  // log p falls in proportion to the squared distance.
  const std::vector<float> distances = {1, 2, 4, 8};
  const std::vector<double> p = conditional_affinities(distances, 2.5);
  const double beta = std::log(p[0] / p[1]);
  EXPECT_GT(beta, 0);
  EXPECT_NEAR(std::log(p[1] / p[2]), 2 * beta, 1e-9);
  EXPECT_NEAR(std::log(p[2] / p[3]), 4 * beta, 1e-9);
}

TEST(ConditionalAffinities, ShareAmongEquals) {
  EXPECT_THAT(conditional_affinities(std::vector<float>(4, 0), 2), ::testing::Each(0.25));
  EXPECT_THAT(conditional_affinities(std::vector<float>(4, 7), 4), ::testing::Each(0.25));
  EXPECT_THAT(conditional_affinities(std::vector<float>(1, 7), 1), ::testing::ElementsAre(1));
  // Four at no distance are more than the two asked for: the others count for nothing.
  const std::vector<double> p = conditional_affinities(std::vector<float>{0, 0, 0, 0, 1, 2}, 2);
  EXPECT_NEAR(p[0], 0.25, 1e-9);
  EXPECT_NEAR(p[3], 0.25, 1e-9);
  EXPECT_NEAR(p[5], 0, 1e-9);
}

TEST(SymmetricAffinities, AreMeansOfBothDirections) {
  const std::vector<float> matrix = random_matrix(60, 4, 2);
  const Neighbours neighbours = nearest_neighbours(matrix, 4, 15, 1);
  const Affinities affinities = symmetric_affinities(neighbours, 5, 1);
  std::map<std::pair<std::size_t, std::size_t>, double> expected;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::vector<double> p = conditional_affinities(std::span(neighbours.squared_distance).subspan(i * 15, 15), 5);
    for (std::size_t k = 0; k < 15; ++k) {
      const std::size_t j = neighbours.index[i * 15 + k];
      expected[{i, j}] += p[k] / 120;
      expected[{j, i}] += p[k] / 120;
    }
  }
  ASSERT_EQ(affinities.points(), 60U);
  ASSERT_EQ(affinities.value.size(), expected.size());
  auto next = expected.begin();
  double sum = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    for (std::size_t k = affinities.begin[i]; k < affinities.begin[i + 1]; ++k, ++next) {
      EXPECT_EQ(next->first, std::pair(i, std::size_t{affinities.column[k]}));
      EXPECT_NEAR(affinities.value[k], next->second, 1e-15);
      sum += affinities.value[k];
    }
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

// KL from its definition, over a full table of q.
double naive_divergence(const Affinities& affinities, const std::vector<double>& points) {
  const auto w = [&](std::size_t i, std::size_t j) {
    return 1 / (1 + std::pow(points[2 * i] - points[2 * j], 2) + std::pow(points[2 * i + 1] - points[2 * j + 1], 2));
  };
  double z = 0, sum = 0;
  for (std::size_t i = 0; i < affinities.points(); ++i)
    for (std::size_t j = 0; j < affinities.points(); ++j) z += i == j ? 0 : w(i, j);
  for (std::size_t i = 0; i < affinities.points(); ++i) {
    for (std::size_t k = affinities.begin[i]; k < affinities.begin[i + 1]; ++k) {
      sum += affinities.value[k] * std::log(affinities.value[k] / (w(i, affinities.column[k]) / z));
    }
  }
  return sum;
}

TEST(TsneDivergence, IsItsDefinition) {
  const Affinities affinities = random_affinities(150, 8);
  for (const double spread : {1e-3, 1.0, 10.0}) {
    const std::vector<double> points = random_points(150, spread, 3);
    EXPECT_NEAR(tsne_divergence(affinities, points, 1), naive_divergence(affinities, points), 1e-10);
  }
}

TEST(TsneGradient, IsTheDivergencesSlope) {
  const Affinities affinities = random_affinities(40, 5);
  for (const double spread : {0.1, 1.0, 5.0}) {
    std::vector<double> points = random_points(40, spread, 4);
    const std::vector<double> gradient = tsne_gradient(affinities, points, 0, 1);
    double largest = 0;
    for (const double value : gradient) largest = std::max(largest, std::abs(value));
    const double step = 1e-5 * spread;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double here = points[i];
      points[i] = here + step;
      const double above = naive_divergence(affinities, points);
      points[i] = here - step;
      const double below = naive_divergence(affinities, points);
      points[i] = here;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * step), 1e-5 * largest) << i;
    }
  }
}

TEST(TsneGradient, ExaggerationMultipliesTheAttraction) {
  Affinities affinities = random_affinities(40, 5);
  const std::vector<double> points = random_points(40, 1, 5);
  const std::vector<double> exaggerated = tsne_gradient(affinities, points, 0, 1, 12);
  for (double& value : affinities.value) value *= 12;
  const std::vector<double> expected = tsne_gradient(affinities, points, 0, 1);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(exaggerated[i], expected[i], 1e-12);
}

TEST(TsneGradient, OfTheTreeIsNearTheExactOne) {
  const Affinities affinities = random_affinities(1500, 20);
  for (const double spread : {1e-4, 1.0, 30.0}) {
    const std::vector<double> points = random_points(1500, spread, 6);
    const std::vector<double> exact = tsne_gradient(affinities, points, 0, 1);
    const auto relative_error = [&](double theta) {
      const std::vector<double> fast = tsne_gradient(affinities, points, theta, 1);
      double error = 0, squares = 0;
      for (std::size_t i = 0; i < exact.size(); ++i) {
        error += (fast[i] - exact[i]) * (fast[i] - exact[i]);
        squares += exact[i] * exact[i];
      }
      return std::sqrt(error / squares);
    };
    EXPECT_LT(relative_error(0.5), 0.03) << spread;
    EXPECT_LT(relative_error(0.05), 1e-4) << spread;
  }
}

TEST(TsneGradient, DoesNotDependOnThreads) {
  const Affinities affinities = random_affinities(700, 10);
  const std::vector<double> points = random_points(700, 3, 7);
  for (const double theta : {0.0, 0.5})
    EXPECT_EQ(tsne_gradient(affinities, points, theta, 1), tsne_gradient(affinities, points, theta, 3));
  EXPECT_EQ(tsne_divergence(affinities, points, 1), tsne_divergence(affinities, points, 3));
}

}  // namespace
}  // namespace deri
