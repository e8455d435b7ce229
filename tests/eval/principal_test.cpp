#include "deri/eval/principal.hpp"

#include <cmath>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

constexpr std::size_t kColumns = 20;

// Rows along known directions: 6 (1, 1, 0, ...) / sqrt 2, 3 (1, -1, 0, ...) / sqrt 2, and noise of deviation 1 in the
// other columns.
std::vector<float> known_matrix(std::size_t rows, std::vector<double>& first, std::vector<double>& second) {
  Rng rng(1);
  std::vector<float> matrix(rows * kColumns);
  for (std::size_t row = 0; row < rows; row += 2) {
    const double a = 6 * rng.normal(), b = 3 * rng.normal();
    for (std::size_t i = 2; i < kColumns; ++i) matrix[row * kColumns + i] = static_cast<float>(rng.normal());
    matrix[row * kColumns] = static_cast<float>((a + b) * std::sqrt(0.5));
    matrix[row * kColumns + 1] = static_cast<float>((a - b) * std::sqrt(0.5));
    // Its mirror image: means are 0.
    for (std::size_t i = 0; i < kColumns; ++i) matrix[(row + 1) * kColumns + i] = -matrix[row * kColumns + i];
    for (const double sign : {1.0, -1.0}) {
      first.push_back(sign * a);
      second.push_back(sign * b);
    }
  }
  return matrix;
}

double correlation(const std::vector<double>& points, std::size_t axis, const std::vector<double>& known) {
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    xy += points[2 * i + axis] * known[i];
    xx += points[2 * i + axis] * points[2 * i + axis];
    yy += known[i] * known[i];
  }
  return xy / std::sqrt(xx * yy);
}

TEST(PrincipalCoordinates, FindTheDirectionsOfGreatestVariance) {
  std::vector<double> first, second;
  const std::vector<float> matrix = known_matrix(2000, first, second);
  const std::vector<double> points = principal_coordinates(matrix, kColumns, 1);
  ASSERT_EQ(points.size(), 4000U);
  // Samples of finite size turn the axes a little.
  EXPECT_GT(std::abs(correlation(points, 0, first)), 0.995);
  EXPECT_GT(std::abs(correlation(points, 1, second)), 0.99);
}

TEST(PrincipalCoordinates, AreUncorrelatedAndNoOtherDirectionVariesMore) {
  std::vector<double> first, second;
  const std::vector<float> matrix = known_matrix(1000, first, second);
  const std::vector<double> points = principal_coordinates(matrix, kColumns, 1);
  double variance[2] = {}, mixed = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    variance[0] += points[2 * i] * points[2 * i];
    variance[1] += points[2 * i + 1] * points[2 * i + 1];
    mixed += points[2 * i] * points[2 * i + 1];
  }
  EXPECT_GT(variance[0], variance[1]);
  EXPECT_LT(std::abs(mixed), 1e-6 * variance[1]);
  Rng rng(2);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> direction(kColumns);
    double length = 0, sum = 0;
    for (double& value : direction) {
      value = rng.normal();
      length += value * value;
    }
    for (std::size_t row = 0; row < 1000; ++row) {
      double y = 0;
      for (std::size_t i = 0; i < kColumns; ++i) y += matrix[row * kColumns + i] * direction[i] / std::sqrt(length);
      sum += y * y;
    }
    EXPECT_LT(sum, variance[0]);
  }
}

TEST(PrincipalCoordinates, OfFewColumnsOrRowsAndOfNothing) {
  const std::vector<float> line = {-1, 0, 1};
  EXPECT_THAT(principal_coordinates(line, 1, 1), ::testing::ElementsAre(-1, 0, 0, 0, 1, 0));
  const std::vector<float> one_direction = {-3, -4, 0, 0, 3, 4};
  const std::vector<double> points = principal_coordinates(one_direction, 2, 1);
  EXPECT_NEAR(points[4], 5, 1e-9);
  EXPECT_NEAR(points[5], 0, 1e-6);
  for (const double value : principal_coordinates(std::vector<float>(40), 8, 1)) EXPECT_EQ(value, 0);
}

TEST(PrincipalCoordinates, DoNotDependOnThreads) {
  std::vector<double> first, second;
  const std::vector<float> matrix = known_matrix(3000, first, second);
  EXPECT_EQ(principal_coordinates(matrix, kColumns, 1), principal_coordinates(matrix, kColumns, 3));
}

}  // namespace
}  // namespace deri
