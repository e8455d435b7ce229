#include "deri/eval/tsne_objective.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/eval/parallel.hpp"
#include "deri/eval/quad_tree.hpp"

namespace deri {
namespace {

// Points of one task. Sums are made within tasks and then over tasks, so they do not depend on the threads.
constexpr std::size_t kTask = 128;

struct PlanePoints {
  explicit PlanePoints(std::span<const double> points) : x(points.size() / 2), y(points.size() / 2) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = points[2 * i];
      y[i] = points[2 * i + 1];
    }
  }
  std::vector<double> x, y;
};

// sum_j p_ij w_ij (y_i - y_j)
std::pair<double, double> attraction(const Affinities& affinities, std::span<const double> points, std::size_t i) {
  double sum_x = 0, sum_y = 0;
  for (std::size_t k = affinities.begin[i]; k < affinities.begin[i + 1]; ++k) {
    const double* other = points.data() + 2 * std::size_t{affinities.column[k]};
    const double dx = points[2 * i] - other[0], dy = points[2 * i + 1] - other[1];
    const double pw = affinities.value[k] / (1 + (dx * dx + dy * dy));
    sum_x += pw * dx;
    sum_y += pw * dy;
  }
  return {sum_x, sum_y};
}

// Calls task(i) for i < count in groups of kTask; returns the sum of what it returns.
template <typename Task>
double sum_over_points(std::size_t count, int threads, const Task& task) {
  std::vector<double> sums((count + kTask - 1) / kTask);
  parallel_for(sums.size(), threads, [&](std::size_t group) {
    double sum = 0;
    for (std::size_t i = group * kTask; i < std::min((group + 1) * kTask, count); ++i) sum += task(i);
    sums[group] = sum;
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

std::vector<double> conditional_affinities(std::span<const float> squared_distances, double perplexity) {
  DERI_CHECK(!squared_distances.empty());
  const std::size_t count = squared_distances.size();
  const double nearest = *std::min_element(squared_distances.begin(), squared_distances.end());
  std::vector<double> beyond(count);  // of the nearest, in units of their mean: b is then near 1
  double mean = 0;
  for (std::size_t j = 0; j < count; ++j) mean += (squared_distances[j] - nearest) / static_cast<double>(count);
  for (std::size_t j = 0; j < count; ++j) beyond[j] = mean > 0 ? (squared_distances[j] - nearest) / mean : 0;

  std::vector<double> p(count);
  const double wanted = std::log(perplexity);
  double beta = 1, low = 0, high = 0;  // high 0: not found yet
  // With the distances all equal, b does not matter; with many at the smallest it ends where the others count nothing.
  for (int step = 0; step < 200; ++step) {
    double sum = 0, weighted = 0;
    for (std::size_t j = 0; j < count; ++j) {
      p[j] = std::exp(-beta * beyond[j]);
      sum += p[j];
      weighted += p[j] * beyond[j];
    }
    for (double& value : p) value /= sum;
    const double excess = std::log(sum) + beta * weighted / sum - wanted;
    if (std::abs(excess) < 1e-9 || beta > 1e30 || beta < 1e-30) break;
    (excess > 0 ? low : high) = beta;
    beta = high == 0 ? 2 * beta : 0.5 * (low + high);
  }
  return p;
}

Affinities symmetric_affinities(const Neighbours& neighbours, double perplexity, int threads) {
  const std::size_t each = neighbours.each;
  DERI_CHECK(each > 0);
  const std::size_t points = neighbours.index.size() / each;
  std::vector<double> conditional(neighbours.index.size());
  parallel_for((points + kTask - 1) / kTask, threads, [&](std::size_t group) {
    for (std::size_t i = group * kTask; i < std::min((group + 1) * kTask, points); ++i) {
      const std::vector<double> p =
          conditional_affinities(std::span(neighbours.squared_distance).subspan(i * each, each), perplexity);
      std::copy(p.begin(), p.end(), conditional.begin() + static_cast<std::ptrdiff_t>(i * each));
    }
  });

  std::vector<std::vector<std::pair<std::uint32_t, double>>> rows(points);
  const double share = 1 / (2 * static_cast<double>(points));
  for (std::size_t i = 0; i < points; ++i) {
    for (std::size_t k = i * each; k < (i + 1) * each; ++k) {
      const std::uint32_t j = neighbours.index[k];
      const double p = share * conditional[k];
      if (p < 1e-200) continue;  // as good as 0, and its logarithm would not be finite when it is
      rows[i].emplace_back(j, p);
      rows[j].emplace_back(static_cast<std::uint32_t>(i), p);
    }
  }
  Affinities affinities;
  for (auto& row : rows) {
    affinities.begin.push_back(affinities.column.size());
    std::sort(row.begin(), row.end());
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (k > 0 && row[k].first == row[k - 1].first) {
        affinities.value.back() += row[k].second;
      } else {
        affinities.column.push_back(row[k].first);
        affinities.value.push_back(row[k].second);
      }
    }
  }
  affinities.begin.push_back(affinities.column.size());
  return affinities;
}

std::vector<double> tsne_gradient(const Affinities& affinities, std::span<const double> points, double theta,
                                  int threads, double exaggeration) {
  const std::size_t count = affinities.points();
  DERI_CHECK(points.size() == 2 * count && theta >= 0 && theta <= 1);
  std::optional<QuadTree> tree;
  std::optional<PlanePoints> plane;
  if (theta > 0) {
    tree.emplace(points);
  } else {
    plane.emplace(points);
  }
  std::vector<double> attract(2 * count), repel(2 * count);
  const double z = sum_over_points(count, threads, [&](std::size_t position) {
    const std::size_t i = tree ? tree->order()[position] : position;
    const Repulsion away = tree ? tree->repulsion(position, theta) : exact_repulsion(plane->x, plane->y, i);
    repel[2 * i] = away.x;
    repel[2 * i + 1] = away.y;
    std::tie(attract[2 * i], attract[2 * i + 1]) = attraction(affinities, points, i);
    return away.weight;
  });
  std::vector<double> gradient(2 * count);
  if (z <= 0) return gradient;  // a single point, or none
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = 4 * (exaggeration * attract[i] - repel[i] / z);
  return gradient;
}

double tsne_divergence(const Affinities& affinities, std::span<const double> points, int threads) {
  const std::size_t count = affinities.points();
  DERI_CHECK(points.size() == 2 * count);
  const PlanePoints plane(points);
  const double z =
      sum_over_points(count, threads, [&](std::size_t i) { return exact_repulsion(plane.x, plane.y, i).weight; });
  return sum_over_points(count, threads, [&](std::size_t i) {
    double sum = 0;
    for (std::size_t k = affinities.begin[i]; k < affinities.begin[i + 1]; ++k) {
      const std::size_t j = affinities.column[k];
      const double dx = plane.x[i] - plane.x[j], dy = plane.y[i] - plane.y[j];
      sum += affinities.value[k] * std::log(affinities.value[k] * (1 + (dx * dx + dy * dy)) * z);
    }
    return sum;
  });
}

}  // namespace deri
