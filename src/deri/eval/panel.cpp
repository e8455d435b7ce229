#include "deri/eval/panel.hpp"

#include <cmath>

#include "deri/base/vector_clones.hpp"

namespace deri {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

// `rate` and `root` hold the corrections of the moments' bias: lr / (1 - beta1^t) and sqrt(1 - beta2^t).
DERI_VECTOR_CLONES void adam_update(std::size_t count, double rate, double root, double decay,
                                    const double* __restrict__ gradient, double* __restrict__ moment1,
                                    double* __restrict__ moment2, double* __restrict__ parameters) {
  for (std::size_t i = 0; i < count; ++i) {
    const double g = gradient[i] + decay * parameters[i];
    moment1[i] = kBeta1 * moment1[i] + (1 - kBeta1) * g;
    moment2[i] = kBeta2 * moment2[i] + (1 - kBeta2) * (g * g);
    parameters[i] -= rate * moment1[i] / (std::sqrt(moment2[i]) / root + kEpsilon);
  }
}

}  // namespace

DERI_VECTOR_CLONES void multiply_tile(const double* __restrict__ x, std::size_t across, std::size_t along,
                                      std::size_t depth, const double* __restrict__ panel, double* __restrict__ out) {
  double a[kPanel] = {}, b[kPanel] = {}, c[kPanel] = {}, d[kPanel] = {};
  for (std::size_t i = 0; i < depth; ++i, x += along, panel += kPanel) {
    // Left as a loop, it becomes vector code; unrolled early, it does not.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 1
#endif
    for (std::size_t l = 0; l < kPanel; ++l) {
      a[l] += x[0] * panel[l];
      b[l] += x[across] * panel[l];
      c[l] += x[2 * across] * panel[l];
      d[l] += x[3 * across] * panel[l];
    }
  }
  for (std::size_t l = 0; l < kPanel; ++l) {
    out[l] += a[l];
    out[kPanel + l] += b[l];
    out[2 * kPanel + l] += c[l];
    out[3 * kPanel + l] += d[l];
  }
}

DERI_VECTOR_CLONES void add_scaled(std::size_t count, double factor, const double* __restrict__ x,
                                   double* __restrict__ y) {
  for (std::size_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

double dot(const double* x, const double* y, std::size_t count) {
  double lanes[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (std::size_t l = 0; l < 4; ++l) lanes[l] += x[i + l] * y[i + l];
  for (; i < count; ++i) lanes[0] += x[i] * y[i];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

void adam_step(std::size_t count, double learning_rate, double weight_decay, std::int64_t step, const double* gradient,
               double* moment1, double* moment2, double* parameters) {
  const auto t = static_cast<double>(step);
  adam_update(count, learning_rate / (1 - std::pow(kBeta1, t)), std::sqrt(1 - std::pow(kBeta2, t)), weight_decay,
              gradient, moment1, moment2, parameters);
}

}  // namespace deri
