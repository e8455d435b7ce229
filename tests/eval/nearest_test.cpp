#include "deri/eval/nearest.hpp"

#include <algorithm>
#include <utility>

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

// The definition, in double.
std::vector<std::pair<double, std::uint32_t>> sorted_others(const std::vector<float>& matrix, std::size_t columns,
                                                            std::size_t row) {
  std::vector<std::pair<double, std::uint32_t>> others;
  for (std::size_t other = 0; other < matrix.size() / columns; ++other) {
    if (other == row) continue;
    double sum = 0;
    for (std::size_t i = 0; i < columns; ++i) {
      const double difference = double{matrix[row * columns + i]} - double{matrix[other * columns + i]};
      sum += difference * difference;
    }
    others.emplace_back(sum, static_cast<std::uint32_t>(other));
  }
  std::sort(others.begin(), others.end());
  return others;
}

TEST(NearestNeighbours, AreThoseOfTheDefinition) {
  // Sizes at and around the kernel's rows, lanes and blocks.
  for (const auto& [rows, columns, each] : {std::tuple<std::size_t, std::size_t, std::size_t>{2, 1, 1},
                                            {5, 3, 4},
                                            {16, 7, 3},
                                            {17, 8, 16},
                                            {64, 5, 9},
                                            {65, 33, 20},
                                            {203, 50, 30}}) {
    SCOPED_TRACE(rows);
    const std::vector<float> matrix = random_matrix(rows, columns, rows);
    const Neighbours found = nearest_neighbours(matrix, columns, each, 1);
    ASSERT_EQ(found.each, each);
    ASSERT_EQ(found.index.size(), rows * each);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto expected = sorted_others(matrix, columns, row);
      for (std::size_t k = 0; k < each; ++k) {
        ASSERT_EQ(found.index[row * each + k], expected[k].second) << row << " " << k;
        ASSERT_NEAR(found.squared_distance[row * each + k], expected[k].first, 1e-5 * expected[k].first);
      }
    }
  }
}

TEST(NearestNeighbours, OfEqualDistancesTheLowerIndex) {
  const std::vector<float> line = {0, 1, 2, 3, 1, 1};
  const Neighbours found = nearest_neighbours(line, 1, 3, 1);
  EXPECT_EQ(std::vector(found.index.begin() + 3, found.index.begin() + 6), (std::vector<std::uint32_t>{4, 5, 0}));
  EXPECT_EQ(found.squared_distance[3], 0);
  EXPECT_EQ(std::vector(found.index.begin() + 6, found.index.begin() + 9), (std::vector<std::uint32_t>{1, 3, 4}));
}

TEST(NearestNeighbours, FarFromTheOriginKeepTheirOrder) {
  // Products of such values would lose the differences in float.
  const std::vector<float> line = {4096, 4096.001953125F, 4096.005859375F};
  const Neighbours found = nearest_neighbours(line, 1, 2, 1);
  EXPECT_EQ(found.index, (std::vector<std::uint32_t>{1, 2, 0, 2, 1, 0}));
  EXPECT_FLOAT_EQ(found.squared_distance[0], 0.001953125F * 0.001953125F);
}

TEST(NearestNeighbours, DoNotDependOnThreads) {
  const std::vector<float> matrix = random_matrix(300, 20, 3);
  const Neighbours one = nearest_neighbours(matrix, 20, 15, 1), three = nearest_neighbours(matrix, 20, 15, 3);
  EXPECT_EQ(one.index, three.index);
  EXPECT_EQ(one.squared_distance, three.squared_distance);
}

TEST(NearestNeighbours, MoreThanThereAreIsABug) {
  const std::vector<float> matrix(6);
  EXPECT_THROW(nearest_neighbours(matrix, 2, 3, 1), InternalError);
  EXPECT_THROW(nearest_neighbours(matrix, 4, 1, 1), InternalError);
}

}  // namespace
}  // namespace deri
