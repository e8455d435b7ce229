#include "deri/eval/tsne.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/nearest.hpp"
#include "deri/eval/principal.hpp"
#include "deri/eval/tsne_objective.hpp"

namespace deri {
namespace {

// Up to here the exact sums are as fast as the tree's.
constexpr std::size_t kExactPoints = 500;
constexpr double kStartSpread = 1e-4;
constexpr double kEarlyMomentum = 0.5, kMomentum = 0.8, kSmallestGain = 0.01;

void check(std::span<const float> matrix, std::size_t columns, const TsneOptions& options) {
  if (columns == 0 || matrix.empty()) fail("t-SNE: the matrix is empty; give at least one row and one column");
  if (matrix.size() % columns != 0) {
    fail("t-SNE: {} values do not make rows of {}; every row needs as many values", matrix.size(), columns);
  }
  if (matrix.size() / columns >= std::numeric_limits<std::uint32_t>::max()) fail("t-SNE: too many rows");
  const auto bad = std::find_if(matrix.begin(), matrix.end(), [](float value) { return !std::isfinite(value); });
  if (bad != matrix.end()) {
    const auto at = static_cast<std::size_t>(bad - matrix.begin());
    fail("t-SNE: the value in row {}, column {} is not finite; leave such rows out", at / columns, at % columns);
  }
  const auto need = [](bool good, const char* option, double value, const char* range) {
    if (!good) fail("t-SNE: {} is {}; it must be {}", option, value, range);
  };
  need(options.perplexity >= 1 && std::isfinite(options.perplexity), "perplexity", options.perplexity, "at least 1");
  need(options.theta >= 0 && options.theta <= 1, "theta", options.theta, "between 0 and 1");
  need(options.iterations >= 0, "iterations", options.iterations, "0 or more");
  need(options.exaggerated_iterations >= 0, "exaggerated_iterations", options.exaggerated_iterations, "0 or more");
  need(options.exaggeration >= 1 && options.exaggeration <= 1e6, "exaggeration", options.exaggeration,
       "between 1 and 1e6");
  need(options.learning_rate >= 0 && options.learning_rate <= 1e9, "learning_rate", options.learning_rate,
       "between 0 and 1e9");
}

// The columns' means; of a constant column exactly that value, so that no rounding error is taken for a difference.
std::vector<double> column_means(std::span<const float> matrix, std::size_t columns) {
  std::vector<double> mean(columns);
  const std::size_t rows = matrix.size() / columns;
  for (std::size_t i = 0; i < matrix.size(); ++i) mean[i % columns] += matrix[i] / static_cast<double>(rows);
  std::vector<char> varies(columns);
  for (std::size_t i = 0; i < matrix.size(); ++i)
    if (matrix[i] != matrix[i % columns]) varies[i % columns] = 1;
  for (std::size_t c = 0; c < columns; ++c)
    if (varies[c] == 0) mean[c] = matrix[c];
  return mean;
}

// Columns of mean 0, the largest value 1: nothing overflows, and the perplexity makes up for the scale.
std::vector<float> normalised(std::span<const float> matrix, std::size_t columns) {
  const std::vector<double> mean = column_means(matrix, columns);
  double largest = 0;
  for (std::size_t i = 0; i < matrix.size(); ++i) largest = std::max(largest, std::abs(matrix[i] - mean[i % columns]));
  const double scale = largest > 0 ? 1 / largest : 0;
  std::vector<float> out(matrix.size());
  for (std::size_t i = 0; i < matrix.size(); ++i) out[i] = static_cast<float>((matrix[i] - mean[i % columns]) * scale);
  return out;
}

double deviation(const std::vector<double>& points, std::size_t axis) {
  double squares = 0;
  for (std::size_t i = axis; i < points.size(); i += 2) squares += points[i] * points[i];
  return std::sqrt(squares / (0.5 * static_cast<double>(points.size())));
}

// The principal components, the first of deviation kStartSpread. Along a component without variance points would never
// part, so it gets random values.
std::vector<double> starting_points(const std::vector<float>& matrix, std::size_t columns, int threads) {
  std::vector<double> points = principal_coordinates(matrix, columns, threads);
  const double first = deviation(points, 0), second = deviation(points, 1);
  const double scale = first > 0 ? kStartSpread / first : 0;
  for (double& value : points) value *= scale;
  Rng rng(mix_seed(fnv1a("tsne.start"), {}));
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if ((axis == 0 ? first : second) > 1e-6 * first) continue;
    for (std::size_t i = axis; i < points.size(); i += 2) points[i] = kStartSpread * rng.normal();
  }
  return points;
}

void centre(std::vector<double>& points) {
  double sum[2] = {};
  for (std::size_t i = 0; i < points.size(); ++i) sum[i % 2] += points[i];
  const double count = 0.5 * static_cast<double>(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) points[i] -= sum[i % 2] / count;
}

// Gradient descent with momentum and a gain for each coordinate, which grows while the gradient keeps its sign and
// shrinks when it turns (Jacobs 1988).
void descend(std::vector<double>& points, const Affinities& affinities, double theta, double rate,
             const TsneOptions& options) {
  std::vector<double> velocity(points.size()), gain(points.size(), 1.0);
  for (int iteration = 0; iteration < options.iterations; ++iteration) {
    const bool early = iteration < options.exaggerated_iterations;
    const std::vector<double> gradient =
        tsne_gradient(affinities, points, theta, options.threads, early ? options.exaggeration : 1);
    const double momentum = early ? kEarlyMomentum : kMomentum;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const bool onward = gradient[i] * velocity[i] < 0;
      gain[i] = std::max(onward ? gain[i] + 0.2 : gain[i] * 0.8, kSmallestGain);
      velocity[i] = momentum * velocity[i] - rate * gain[i] * gradient[i];
      points[i] += velocity[i];
    }
    centre(points);
  }
}

}  // namespace

TsneResult tsne(std::span<const float> matrix, std::size_t columns, const TsneOptions& options) {
  check(matrix, columns, options);
  const std::size_t rows = matrix.size() / columns;
  if (rows == 1) return {{0, 0}, 0, 0};
  const auto count = static_cast<double>(rows);
  const double perplexity = std::max(1.0, std::min(options.perplexity, (count - 1) / 3));
  const auto each = static_cast<std::size_t>(std::min(count - 1, std::floor(3 * perplexity + 1)));
  const std::vector<float> scaled = normalised(matrix, columns);
  const Affinities affinities =
      symmetric_affinities(nearest_neighbours(scaled, columns, each, options.threads), perplexity, options.threads);

  TsneResult result;
  result.perplexity = perplexity;
  result.points = starting_points(scaled, columns, options.threads);
  centre(result.points);
  const double rate =
      options.learning_rate > 0 ? options.learning_rate : std::max(count / options.exaggeration / 4, 50.0);
  descend(result.points, affinities, rows <= kExactPoints ? 0 : options.theta, rate, options);
  result.kl_divergence = tsne_divergence(affinities, result.points, options.threads);
  return result;
}

}  // namespace deri
