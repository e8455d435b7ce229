#include "deri/eval/tsne.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/eval/nearest.hpp"
#include "deri/eval/tsne_objective.hpp"

namespace deri {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kColumns = 50;

// Row i lies around centre i % 3; the centres are about 20 apart, the points of one about 10.
std::vector<float> three_clusters(std::size_t rows) {
  Rng rng(1);
  std::vector<double> centres(3 * kColumns);
  for (double& value : centres) value = 2 * rng.normal();
  std::vector<float> matrix;
  for (std::size_t i = 0; i < rows * kColumns; ++i)
    matrix.push_back(static_cast<float>(100 + centres[i / kColumns % 3 * kColumns + i % kColumns] + rng.normal()));
  return matrix;
}

// The share of the ten nearest in the plane that belong to the point's own cluster.
double agreement(const std::vector<double>& points) {
  std::vector<float> plane(points.begin(), points.end());
  const Neighbours neighbours = nearest_neighbours(plane, 2, 10, 1);
  std::size_t same = 0;
  for (std::size_t k = 0; k < neighbours.index.size(); ++k) same += neighbours.index[k] % 3 == k / 10 % 3 ? 1 : 0;
  return static_cast<double>(same) / static_cast<double>(neighbours.index.size());
}

void expect_finite(const TsneResult& result) {
  for (const double value : result.points) ASSERT_TRUE(std::isfinite(value));
  ASSERT_TRUE(std::isfinite(result.kl_divergence));
}

std::array<double, 2> extent(const std::vector<double>& points) {
  double low[2] = {points[0], points[1]}, high[2] = {points[0], points[1]};
  for (std::size_t i = 0; i < points.size(); ++i) {
    low[i % 2] = std::min(low[i % 2], points[i]);
    high[i % 2] = std::max(high[i % 2], points[i]);
  }
  return {high[0] - low[0], high[1] - low[1]};
}

// The share of the points' variance that lies within clusters.
double share_within(const std::vector<double>& points) {
  double sum[6] = {}, within = 0, total = 0;
  const double size = static_cast<double>(points.size()) / 6;
  for (std::size_t i = 0; i < points.size(); ++i) sum[i % 6] += points[i] / size;
  for (std::size_t i = 0; i < points.size(); ++i) {
    within += std::pow(points[i] - sum[i % 6], 2);
    total += points[i] * points[i];
  }
  return within / total;
}

TEST(Tsne, KeepsClustersApart) {
  const std::vector<float> matrix = three_clusters(900);
  TsneOptions options;
  options.iterations = 0;
  const TsneResult start = tsne(matrix, kColumns, options);
  EXPECT_EQ(start.perplexity, 30);
  options.iterations = 500;
  for (const double theta : {0.0, 0.5}) {
    options.theta = theta;
    const TsneResult result = tsne(matrix, kColumns, options);
    expect_finite(result);
    EXPECT_GT(agreement(result.points), 0.98);
    EXPECT_LT(result.kl_divergence, 0.6 * start.kl_divergence);
    EXPECT_GT(result.kl_divergence, 0);
    double sum[2] = {};
    for (std::size_t i = 0; i < result.points.size(); ++i) sum[i % 2] += result.points[i];
    EXPECT_THAT(sum, Each(::testing::DoubleNear(0, 1e-6)));
  }
}

TEST(Tsne, StartsSmallFromThePrincipalComponents) {
  TsneOptions options;
  options.iterations = 0;
  const TsneResult start = tsne(three_clusters(300), kColumns, options);
  double squares[2] = {};
  for (std::size_t i = 0; i < start.points.size(); ++i) squares[i % 2] += start.points[i] * start.points[i];
  EXPECT_NEAR(std::sqrt(squares[0] / 300), 1e-4, 1e-9);
  EXPECT_LT(squares[1], squares[0]);
  EXPECT_GT(agreement(start.points), 0.98);  // the two components that part three clusters
}

TEST(Tsne, ExaggerationDrawsClustersTogether) {
  TsneOptions options;
  options.iterations = 200;
  options.learning_rate = 300.0 / 12 / 4;
  const double exaggerated = share_within(tsne(three_clusters(300), kColumns, options).points);
  options.exaggerated_iterations = 0;
  const double plain = share_within(tsne(three_clusters(300), kColumns, options).points);
  EXPECT_LT(exaggerated, 0.5 * plain);
}

TEST(Tsne, DoesNotMindThreadsOrScale) {
  std::vector<float> matrix = three_clusters(600);
  TsneOptions options;
  options.iterations = 120;
  options.threads = 1;
  const TsneResult one = tsne(matrix, kColumns, options);
  options.threads = 2;
  const TsneResult two = tsne(matrix, kColumns, options);
  EXPECT_EQ(one.points, two.points);
  EXPECT_EQ(one.kl_divergence, two.kl_divergence);
  for (float& value : matrix) value *= 0x1p100F;  // squares overflow a float
  EXPECT_EQ(tsne(matrix, kColumns, options).points, one.points);
}

TEST(Tsne, ThresholdOfTheTreeChangesLittle) {
  // The same data just below and above the size from which the tree is used reach about the same divergence.
  TsneOptions options;
  options.iterations = 400;
  const double exact = tsne(three_clusters(498), kColumns, options).kl_divergence;
  const double tree = tsne(three_clusters(504), kColumns, options).kl_divergence;
  EXPECT_NEAR(tree, exact, 0.1 * exact);
}

TEST(Tsne, FewPointsGetASmallerPerplexity) {
  TsneOptions options;
  options.iterations = 300;
  const std::vector<float> matrix = three_clusters(61);
  for (const std::size_t rows : {1U, 2U, 3U, 4U, 5U, 10U, 61U}) {
    SCOPED_TRACE(rows);
    const TsneResult result = tsne(std::span(matrix).first(rows * kColumns), kColumns, options);
    ASSERT_EQ(result.points.size(), 2 * rows);
    expect_finite(result);
    EXPECT_EQ(result.perplexity, rows == 1 ? 0 : std::max(1.0, (static_cast<double>(rows) - 1) / 3));
  }
  EXPECT_THAT(tsne(std::vector<float>{5, 6}, 2, options).points, ElementsAre(0, 0));
}

TEST(Tsne, CopesWithDuplicatesAndOneColumn) {
  TsneOptions options;
  options.iterations = 300;
  const TsneResult of_one = tsne(std::vector<float>(700 * 4, 2.3F), 4, options);  // all the same
  expect_finite(of_one);
  for (const double side : extent(of_one.points)) EXPECT_GT(side, 0);
  std::vector<float> matrix = three_clusters(300);
  matrix.resize(900 * kColumns);  // and 600 rows of zeros
  const TsneResult result = tsne(matrix, kColumns, options);
  expect_finite(result);
  std::vector<float> line;
  for (int i = 0; i < 120; ++i) line.push_back(static_cast<float>(i % 40));  // each three times
  const TsneResult of_line = tsne(line, 1, options);
  expect_finite(of_line);
  EXPECT_LT(of_line.kl_divergence, 1.5);
  for (const double side : extent(of_line.points)) EXPECT_GT(side, 0.1);  // both directions are used
  // Outliers that leave the rest no digits to differ in.
  matrix[0] = 3e38F;
  matrix[1] = -3e38F;
  expect_finite(tsne(matrix, kColumns, options));
}

TEST(Tsne, RefusesWhatItCannotPlace) {
  const std::vector<float> good(20, 1), none;
  EXPECT_DERI_ERROR(tsne(none, 4), HasSubstr("empty"));
  EXPECT_DERI_ERROR(tsne(good, 0), HasSubstr("empty"));
  EXPECT_DERI_ERROR(tsne(good, 3), HasSubstr("20 values do not make rows of 3"));
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> bad = good;
    bad[13] = value;
    EXPECT_DERI_ERROR(tsne(bad, 5), HasSubstr("row 2, column 3 is not finite"));
  }
  const auto with = [&](void (*change)(TsneOptions&)) {
    TsneOptions options;
    change(options);
    return tsne(good, 4, options);
  };
  EXPECT_DERI_ERROR(with([](TsneOptions& o) { o.perplexity = 0.5; }), HasSubstr("perplexity is 0.5"));
  EXPECT_DERI_ERROR(with([](TsneOptions& o) { o.perplexity = std::nan(""); }), HasSubstr("perplexity is nan"));
  EXPECT_DERI_ERROR(with([](TsneOptions& o) { o.theta = 1.5; }), HasSubstr("theta is 1.5"));
  EXPECT_DERI_ERROR(with([](TsneOptions& o) { o.iterations = -1; }), HasSubstr("iterations is -1"));
  EXPECT_DERI_ERROR(with([](TsneOptions& o) { o.exaggeration = 0; }), HasSubstr("exaggeration is 0"));
  EXPECT_DERI_ERROR(with([](TsneOptions& o) { o.learning_rate = -1; }), HasSubstr("learning_rate is -1"));
}

}  // namespace
}  // namespace deri
