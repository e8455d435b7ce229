#include "deri/eval/quad_tree.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"

namespace deri {
namespace {

// A group of so few is not divided further.
constexpr std::size_t kLeaf = 4;
constexpr std::size_t kLanes = 8;

// The 32 bits of a coordinate, a zero before each.
std::uint64_t spread(std::uint64_t bits) {
  bits = (bits | (bits << 16U)) & 0x0000FFFF0000FFFFULL;
  bits = (bits | (bits << 8U)) & 0x00FF00FF00FF00FFULL;
  bits = (bits | (bits << 4U)) & 0x0F0F0F0F0F0F0F0FULL;
  bits = (bits | (bits << 2U)) & 0x3333333333333333ULL;
  return (bits | (bits << 1U)) & 0x5555555555555555ULL;
}

std::uint64_t cell(double value, double low, double scale) {
  return static_cast<std::uint64_t>(std::clamp((value - low) * scale, 0.0, 4294967295.0));
}

// The path from the largest square down to the point's: two bits for the quarter at each of 32 levels. Sorting by it
// puts the points of every square side by side.
std::vector<std::uint64_t> quarter_codes(std::span<const double> points) {
  double low[2] = {points[0], points[1]}, high[2] = {points[0], points[1]};
  for (std::size_t i = 0; i < points.size(); ++i) {
    low[i % 2] = std::min(low[i % 2], points[i]);
    high[i % 2] = std::max(high[i % 2], points[i]);
  }
  const double side = std::max(high[0] - low[0], high[1] - low[1]);
  const double scale = side > 1e-290 ? 4294967295.0 / side : 0;  // below: one square for all
  std::vector<std::uint64_t> codes(points.size() / 2);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = spread(cell(points[2 * i], low[0], scale)) | (spread(cell(points[2 * i + 1], low[1], scale)) << 1U);
  }
  return codes;
}

// Includes the point itself, whose weight is 1 and whose force is 0.
DERI_VECTOR_CLONES void sum_all(const double* __restrict__ xs, const double* __restrict__ ys, std::size_t count,
                                double x, double y, double* __restrict__ sums) {
  double weight[kLanes] = {}, force_x[kLanes] = {}, force_y[kLanes] = {};
  const std::size_t whole = count - count % kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 1
#endif
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double dx = x - xs[i + l], dy = y - ys[i + l];
      const double w = 1 / (1 + (dx * dx + dy * dy));
      weight[l] += w;
      force_x[l] += w * w * dx;
      force_y[l] += w * w * dy;
    }
  }
  for (std::size_t i = whole; i < count; ++i) {
    const double dx = x - xs[i], dy = y - ys[i];
    const double w = 1 / (1 + (dx * dx + dy * dy));
    weight[0] += w;
    force_x[0] += w * w * dx;
    force_y[0] += w * w * dy;
  }
  for (std::size_t l = 0; l < kLanes; ++l) {
    sums[0] += force_x[l];
    sums[1] += force_y[l];
    sums[2] += weight[l];
  }
}

}  // namespace

Repulsion exact_repulsion(std::span<const double> x, std::span<const double> y, std::size_t point) {
  double sums[3] = {};
  sum_all(x.data(), y.data(), x.size(), x[point], y[point], sums);
  return {sums[0], sums[1], sums[2] - 1};
}

QuadTree::QuadTree(std::span<const double> points) {
  DERI_CHECK(points.size() % 2 == 0 && points.size() / 2 < std::numeric_limits<std::uint32_t>::max());
  if (points.empty()) return;
  const std::vector<std::uint64_t> unsorted = quarter_codes(points);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> sorted;
  sorted.reserve(unsorted.size());
  for (std::size_t i = 0; i < unsorted.size(); ++i) sorted.emplace_back(unsorted[i], static_cast<std::uint32_t>(i));
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::uint64_t> codes;
  codes.reserve(sorted.size());
  for (const auto& [code, point] : sorted) {
    codes.push_back(code);
    order_.push_back(point);
    x_.push_back(points[2 * std::size_t{point}]);
    y_.push_back(points[2 * std::size_t{point} + 1]);
  }
  nodes_.reserve(sorted.size());
  add_node(codes, 0, codes.size());
}

QuadTree::Box QuadTree::add_node(const std::vector<std::uint64_t>& codes, std::size_t begin, std::size_t end) {
  const std::size_t self = nodes_.size();
  nodes_.push_back({0, 0, static_cast<double>(end - begin), 0, static_cast<std::uint32_t>(begin),
                    static_cast<std::uint32_t>(end), 0, true});
  const std::uint64_t differing = codes[begin] ^ codes[end - 1];
  Box box{x_[begin], x_[begin], y_[begin], y_[begin]};
  double sum_x = 0, sum_y = 0;
  if (end - begin <= kLeaf || differing == 0) {  // equal codes cannot be told apart: points that coincide, nearly
    for (std::size_t i = begin; i < end; ++i) {
      sum_x += x_[i];
      sum_y += y_[i];
      box = {std::min(box.left, x_[i]), std::max(box.right, x_[i]), std::min(box.bottom, y_[i]),
             std::max(box.top, y_[i])};
    }
  } else {
    // The level where the points first part: every node has at least two within it, and the depth is at most 32.
    const auto shift = static_cast<unsigned>((63 - std::countl_zero(differing)) / 2 * 2);
    nodes_[self].leaf = false;
    for (std::size_t first = begin; first < end;) {
      const std::uint64_t quarter = codes[first] >> shift;
      const auto last = std::partition_point(codes.begin() + static_cast<std::ptrdiff_t>(first),
                                             codes.begin() + static_cast<std::ptrdiff_t>(end),
                                             [&](std::uint64_t code) { return code >> shift == quarter; });
      const auto past = static_cast<std::size_t>(last - codes.begin());
      const std::size_t child = nodes_.size();
      const Box inner = add_node(codes, first, past);
      sum_x += nodes_[child].x * nodes_[child].count;
      sum_y += nodes_[child].y * nodes_[child].count;
      box = {std::min(box.left, inner.left), std::max(box.right, inner.right), std::min(box.bottom, inner.bottom),
             std::max(box.top, inner.top)};
      first = past;
    }
  }
  Node& node = nodes_[self];
  const double width = box.right - box.left, height = box.top - box.bottom;
  node.x = sum_x / node.count;
  node.y = sum_y / node.count;
  node.squared_extent = width * width + height * height;
  node.next = static_cast<std::uint32_t>(nodes_.size());
  return box;
}

Repulsion QuadTree::repulsion(std::size_t position, double theta) const {
  const double x = x_[position], y = y_[position], squared_theta = theta * theta;
  Repulsion sums;
  const auto add = [&](double dx, double dy, double squared, double count) {
    const double w = 1 / (1 + squared), share = count * w;
    sums.weight += share;
    sums.x += share * w * dx;
    sums.y += share * w * dy;
  };
  for (std::size_t at = 0; at < nodes_.size();) {
    const Node& node = nodes_[at];
    const double dx = x - node.x, dy = y - node.y, squared = dx * dx + dy * dy;
    if (node.squared_extent < squared_theta * squared) {
      add(dx, dy, squared, node.count);
      at = node.next;
    } else if (node.leaf) {
      for (std::size_t i = node.begin; i < node.end; ++i) {
        if (i == position) continue;
        const double to_x = x - x_[i], to_y = y - y_[i];
        add(to_x, to_y, to_x * to_x + to_y * to_y, 1);
      }
      at = node.next;
    } else {
      ++at;
    }
  }
  return sums;
}

}  // namespace deri
