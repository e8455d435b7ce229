#include "deri/eval/quad_tree.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

// The definition, term by term.
Repulsion naive(const std::vector<double>& points, std::size_t i) {
  Repulsion sums;
  for (std::size_t j = 0; j < points.size() / 2; ++j) {
    if (j == i) continue;
    const double dx = points[2 * i] - points[2 * j], dy = points[2 * i + 1] - points[2 * j + 1];
    const double w = 1 / (1 + dx * dx + dy * dy);
    sums.x += w * w * dx;
    sums.y += w * w * dy;
    sums.weight += w;
  }
  return sums;
}

void expect_exact(const std::vector<double>& points) {
  const QuadTree tree(points);
  std::vector<std::uint32_t> seen = tree.order();
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), points.size() / 2);
  std::vector<double> x, y;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    ASSERT_EQ(seen[i], i);  // every point once
    x.push_back(points[2 * i]);
    y.push_back(points[2 * i + 1]);
  }
  const double slack = 1e-12 * static_cast<double>(1 + points.size());
  for (std::size_t position = 0; position < seen.size(); ++position) {
    const std::uint32_t i = tree.order()[position];
    const Repulsion expected = naive(points, i);
    for (const Repulsion& sums : {tree.repulsion(position, 0), exact_repulsion(x, y, i)}) {
      ASSERT_NEAR(sums.x, expected.x, slack);
      ASSERT_NEAR(sums.y, expected.y, slack);
      ASSERT_NEAR(sums.weight, expected.weight, slack);
    }
  }
}

std::vector<double> random_points(std::size_t count, double spread, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> points(2 * count);
  for (double& value : points) value = spread * rng.normal();
  return points;
}

TEST(QuadTree, WithoutThetaIsExact) {
  for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 8U, 9U, 100U, 333U})
    for (const double spread : {1e-4, 1.0, 50.0}) expect_exact(random_points(count, spread, count));
}

TEST(QuadTree, PointsMayCoincideOrLieOnALine) {
  expect_exact(std::vector<double>(200, 3.5));
  std::vector<double> points = random_points(50, 1, 4);
  points.insert(points.end(), points.begin(), points.begin() + 60);  // 30 of them twice
  expect_exact(points);
  for (std::size_t i = 0; i < 100; ++i) points.insert(points.end(), {0.25, 0.25});
  expect_exact(points);
  for (std::size_t i = 1; i < points.size(); i += 2) points[i] = 0;
  expect_exact(points);
  // Beyond what 32 levels can tell apart, and a range of almost nothing.
  expect_exact({0, 0, 1e-13, 0, 0, 1e-13, 1, 1, 1 + 1e-15, 1, 0.5, 0, 0.5, 1e-14});
  expect_exact({0, 0, 1e-300, 0, 0, 1e-300, 1e-300, 1e-300, 0, 0, 1e-310, 0});
}

// The root of the relative squared error of the forces, and the relative error of the weights.
std::pair<double, double> errors(const std::vector<double>& points, double theta) {
  const QuadTree tree(points);
  double squares = 0, error = 0, weight = 0, weight_error = 0;
  for (std::size_t position = 0; position < points.size() / 2; position += 3) {
    const Repulsion sums = tree.repulsion(position, theta), exact = naive(points, tree.order()[position]);
    squares += exact.x * exact.x + exact.y * exact.y;
    error += std::pow(sums.x - exact.x, 2) + std::pow(sums.y - exact.y, 2);
    weight += exact.weight;
    weight_error += std::abs(sums.weight - exact.weight);
  }
  return {std::sqrt(error / squares), weight_error / weight};
}

TEST(QuadTree, TheErrorIsOfSecondOrderInTheta) {
  // Groups stand at their centres of mass, so the first-order terms vanish. Uneven groups would show another centre.
  const std::vector<double> even = random_points(3000, 20, 9);
  std::vector<double> uneven = even;
  for (double& value : uneven) value *= value * value / 400;
  double previous = 0;
  for (const double theta : {0.2, 0.5, 0.8}) {
    const auto [force, weight] = errors(even, theta);
    EXPECT_GT(force, previous);  // it does save something
    EXPECT_LT(force, 0.13 * theta * theta) << theta;
    EXPECT_LT(weight, 0.04 * theta * theta) << theta;
    EXPECT_LT(errors(uneven, theta).first, 0.04 * theta * theta) << theta;
    EXPECT_LT(errors(uneven, theta).second, 0.02 * theta * theta) << theta;
    previous = force;
  }
}

}  // namespace
}  // namespace deri
