#include "deri/eval/nearest.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

// Rows are compared four at a time with sixteen others, whose values stand interleaved: [columns, kLanes] each.
constexpr std::size_t kRows = 4, kLanes = 16;
// The rows of one task: few enough to stay in a core's cache while all others pass by.
constexpr std::size_t kBlock = 64;

// out[r][l] = sum_i (rows[r][i] - lanes[i][l])^2. Differences are squared, not expanded into products: near rows far
// from the origin keep their digits, and equal rows have distance 0.
DERI_VECTOR_CLONES void squared_distances(const float* __restrict__ rows, std::size_t columns,
                                          const float* __restrict__ lanes, float* __restrict__ out) {
  float a[kLanes] = {}, b[kLanes] = {}, c[kLanes] = {}, d[kLanes] = {};
  for (std::size_t i = 0; i < columns; ++i, lanes += kLanes) {
    const float row_a = rows[i], row_b = rows[columns + i], row_c = rows[2 * columns + i],
                row_d = rows[3 * columns + i];
    // Left as a loop, it becomes vector code; unrolled early, it does not.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 1
#endif
    for (std::size_t l = 0; l < kLanes; ++l) {
      a[l] += (row_a - lanes[l]) * (row_a - lanes[l]);
      b[l] += (row_b - lanes[l]) * (row_b - lanes[l]);
      c[l] += (row_c - lanes[l]) * (row_c - lanes[l]);
      d[l] += (row_d - lanes[l]) * (row_d - lanes[l]);
    }
  }
  for (std::size_t l = 0; l < kLanes; ++l) {
    out[l] = a[l];
    out[kLanes + l] = b[l];
    out[2 * kLanes + l] = c[l];
    out[3 * kLanes + l] = d[l];
  }
}

// [panels, columns, kLanes]; rows beyond the last are zeros.
std::vector<float> interleaved(std::span<const float> matrix, std::size_t columns, std::size_t panels) {
  std::vector<float> lanes(panels * columns * kLanes);
  for (std::size_t row = 0; row < matrix.size() / columns; ++row) {
    float* out = lanes.data() + row / kLanes * columns * kLanes + row % kLanes;
    for (std::size_t i = 0; i < columns; ++i) out[i * kLanes] = matrix[row * columns + i];
  }
  return lanes;
}

// [kBlock, panels * kLanes] distances of the rows from `first` on.
std::vector<float> block_distances(std::span<const float> matrix, std::size_t columns, const std::vector<float>& lanes,
                                   std::size_t panels, std::size_t first) {
  const std::size_t count = std::min(kBlock, matrix.size() / columns - first);
  std::vector<float> rows(kBlock * columns), distances(kBlock * panels * kLanes);
  std::copy_n(matrix.begin() + static_cast<std::ptrdiff_t>(first * columns), count * columns, rows.begin());
  float tile[kRows * kLanes];
  for (std::size_t panel = 0; panel < panels; ++panel) {
    for (std::size_t row = 0; row < count; row += kRows) {
      squared_distances(rows.data() + row * columns, columns, lanes.data() + panel * columns * kLanes, tile);
      for (std::size_t r = 0; r < kRows; ++r)
        std::copy_n(tile + r * kLanes, kLanes, distances.data() + ((row + r) * panels + panel) * kLanes);
    }
  }
  return distances;
}

}  // namespace

Neighbours nearest_neighbours(std::span<const float> matrix, std::size_t columns, std::size_t each, int threads) {
  DERI_CHECK(columns > 0 && matrix.size() % columns == 0);
  const std::size_t rows = matrix.size() / columns;
  DERI_CHECK(each < rows && rows < std::numeric_limits<std::uint32_t>::max());
  const std::size_t panels = (rows + kLanes - 1) / kLanes;
  const std::vector<float> lanes = interleaved(matrix, columns, panels);
  Neighbours found{each, std::vector<std::uint32_t>(rows * each), std::vector<float>(rows * each)};
  parallel_for((rows + kBlock - 1) / kBlock, threads, [&](std::size_t block) {
    const std::size_t first = block * kBlock;
    const std::vector<float> distances = block_distances(matrix, columns, lanes, panels, first);
    std::vector<std::pair<float, std::uint32_t>> others;
    for (std::size_t row = first; row < std::min(first + kBlock, rows); ++row) {
      others.clear();
      const float* of_row = distances.data() + (row - first) * panels * kLanes;
      for (std::size_t other = 0; other < rows; ++other)
        if (other != row) others.emplace_back(of_row[other], static_cast<std::uint32_t>(other));
      const auto end = others.begin() + static_cast<std::ptrdiff_t>(each);
      std::nth_element(others.begin(), end, others.end());
      std::sort(others.begin(), end);
      for (std::size_t k = 0; k < each; ++k) {
        found.squared_distance[row * each + k] = others[k].first;
        found.index[row * each + k] = others[k].second;
      }
    }
  });
  return found;
}

}  // namespace deri
