#include "deri/eval/principal.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/base/vector_clones.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

// More directions than are wanted: the error falls with (variance of the ninth / variance of the second)^iteration.
constexpr std::size_t kDirections = 8;
constexpr int kIterations = 24;
// Sums over rows are made within chunks and then over chunks, so they do not depend on who computed what.
constexpr std::size_t kChunk = 512;

using Directions = std::vector<double>;  // [columns, kDirections]
using Small = std::array<std::array<double, kDirections>, kDirections>;

// y = row * directions.
DERI_VECTOR_CLONES void project(const float* __restrict__ row, std::size_t columns,
                                const double* __restrict__ directions, double* __restrict__ y) {
  double out[kDirections] = {};
  for (std::size_t i = 0; i < columns; ++i)
    for (std::size_t l = 0; l < kDirections; ++l)
      out[l] += static_cast<double>(row[i]) * directions[i * kDirections + l];
  for (std::size_t l = 0; l < kDirections; ++l) y[l] = out[l];
}

// sum += row^T y.
DERI_VECTOR_CLONES void add_outer(const float* __restrict__ row, std::size_t columns, const double* __restrict__ y,
                                  double* __restrict__ sum) {
  for (std::size_t i = 0; i < columns; ++i)
    for (std::size_t l = 0; l < kDirections; ++l) sum[i * kDirections + l] += static_cast<double>(row[i]) * y[l];
}

// matrix^T matrix directions.
Directions multiplied(std::span<const float> matrix, std::size_t columns, const Directions& directions, int threads) {
  const std::size_t rows = matrix.size() / columns, chunks = (rows + kChunk - 1) / kChunk;
  std::vector<Directions> sums(chunks);
  parallel_for(chunks, threads, [&](std::size_t chunk) {
    Directions sum(directions.size());
    for (std::size_t row = chunk * kChunk; row < std::min((chunk + 1) * kChunk, rows); ++row) {
      std::array<double, kDirections> y{};
      project(matrix.data() + row * columns, columns, directions.data(), y.data());
      add_outer(matrix.data() + row * columns, columns, y.data(), sum.data());
    }
    sums[chunk] = std::move(sum);
  });
  Directions total(directions.size());
  for (const Directions& sum : sums)
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += sum[i];
  return total;
}

// Gram and Schmidt, twice over for accuracy. What depends on earlier directions becomes 0.
void make_orthonormal(Directions& directions) {
  const std::size_t columns = directions.size() / kDirections;
  const auto product = [&](std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t i = 0; i < columns; ++i) sum += directions[i * kDirections + a] * directions[i * kDirections + b];
    return sum;
  };
  for (std::size_t a = 0; a < kDirections; ++a) {
    const double before = std::sqrt(product(a, a));
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t b = 0; b < a; ++b) {
        const double share = product(a, b);
        for (std::size_t i = 0; i < columns; ++i)
          directions[i * kDirections + a] -= share * directions[i * kDirections + b];
      }
    }
    const double length = std::sqrt(product(a, a));
    const double factor = length > 1e-12 * before ? 1 / length : 0;
    for (std::size_t i = 0; i < columns; ++i) directions[i * kDirections + a] *= factor;
  }
}

// The eigenvectors (columns) of a symmetric matrix by Jacobi's rotations; its diagonal becomes the eigenvalues.
Small eigenvectors(Small& matrix) {
  Small vectors{};
  for (std::size_t i = 0; i < kDirections; ++i) vectors[i][i] = 1;
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (std::size_t p = 0; p < kDirections; ++p) {
      for (std::size_t q = p + 1; q < kDirections; ++q) {
        if (matrix[p][q] == 0) continue;
        const double angle = 0.5 * std::atan2(2 * matrix[p][q], matrix[q][q] - matrix[p][p]);
        const double c = std::cos(angle), s = std::sin(angle);
        const auto rotate = [&](double& a, double& b) {
          const double old = a;
          a = c * old - s * b;
          b = s * old + c * b;
        };
        for (std::size_t k = 0; k < kDirections; ++k) rotate(matrix[k][p], matrix[k][q]);
        for (std::size_t k = 0; k < kDirections; ++k) rotate(matrix[p][k], matrix[q][k]);
        for (std::size_t k = 0; k < kDirections; ++k) rotate(vectors[k][p], vectors[k][q]);
      }
    }
  }
  return vectors;
}

// Turned within the space they span so that the first two have the greatest variances (Rayleigh and Ritz).
void sort_by_variance(Directions& directions, const Directions& image) {
  const std::size_t columns = directions.size() / kDirections;
  Small variance{};
  for (std::size_t a = 0; a < kDirections; ++a)
    for (std::size_t b = 0; b < kDirections; ++b)
      for (std::size_t i = 0; i < columns; ++i)
        variance[a][b] += 0.5 * (directions[i * kDirections + a] * image[i * kDirections + b] +
                                 directions[i * kDirections + b] * image[i * kDirections + a]);
  const Small vectors = eigenvectors(variance);
  std::array<std::size_t, kDirections> order{};
  for (std::size_t i = 0; i < kDirections; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return variance[a][a] > variance[b][b]; });
  for (std::size_t i = 0; i < columns; ++i) {
    std::array<double, kDirections> turned{};
    for (std::size_t l = 0; l < kDirections; ++l)
      for (std::size_t k = 0; k < kDirections; ++k) turned[l] += directions[i * kDirections + k] * vectors[k][order[l]];
    std::copy(turned.begin(), turned.end(), directions.begin() + static_cast<std::ptrdiff_t>(i * kDirections));
  }
}

double sign_of_largest(const Directions& directions, std::size_t direction) {
  double largest = 0;
  for (std::size_t i = direction; i < directions.size(); i += kDirections)
    if (std::abs(directions[i]) > std::abs(largest) * (1 + 1e-9)) largest = directions[i];
  return largest < 0 ? -1 : 1;
}

}  // namespace

std::vector<double> principal_coordinates(std::span<const float> matrix, std::size_t columns, int threads) {
  DERI_CHECK(columns > 0 && matrix.size() % columns == 0);
  Rng rng(mix_seed(fnv1a("principal_coordinates"), {}));
  Directions directions(columns * kDirections);
  for (double& value : directions) value = rng.normal();
  make_orthonormal(directions);
  for (int i = 0; i < kIterations; ++i) {
    directions = multiplied(matrix, columns, directions, threads);
    make_orthonormal(directions);
  }
  sort_by_variance(directions, multiplied(matrix, columns, directions, threads));
  const double signs[2] = {sign_of_largest(directions, 0), sign_of_largest(directions, 1)};
  std::vector<double> coordinates(matrix.size() / columns * 2);
  for (std::size_t row = 0; row < matrix.size() / columns; ++row) {
    std::array<double, kDirections> y{};
    project(matrix.data() + row * columns, columns, directions.data(), y.data());
    for (std::size_t l = 0; l < 2; ++l) coordinates[2 * row + l] = signs[l] * y[l];
  }
  return coordinates;
}

}  // namespace deri
