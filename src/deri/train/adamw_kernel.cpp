#include "deri/train/adamw_kernel.hpp"

#include <cmath>

#include "deri/base/vector_clones.hpp"
#include "deri/base/vector_values.hpp"

namespace deri {

// Compiled without errno, so that the square root becomes vector code.
DERI_WIDE_VECTOR_CLONES void update_adamw(const AdamWValues& values, const AdamWFactors& factors) {
  float* __restrict parameter = values.parameter;
  const float* __restrict gradient = values.gradient;
  float* __restrict m = values.m;
  float* __restrict v = values.v;
  const auto beta1 = static_cast<float>(factors.beta1), beta2 = static_cast<float>(factors.beta2);
  const auto rest1 = static_cast<float>(1 - factors.beta1), rest2 = static_cast<float>(1 - factors.beta2);
  const auto keep = static_cast<float>(1 - factors.decay), epsilon = static_cast<float>(factors.epsilon);
  const auto rate = static_cast<float>(factors.rate), v_factor = static_cast<float>(factors.v_factor);
  for (std::int64_t i = 0; i < values.count; ++i) {
    const float g = gradient[i];
    m[i] = m[i] * beta1 + g * rest1;
    v[i] = v[i] * beta2 + g * g * rest2;
    parameter[i] = parameter[i] * keep - rate * m[i] / (std::sqrt(v[i]) * v_factor + epsilon);
  }
}

DERI_WIDE_VECTOR_CLONES double sum_of_squares(const float* x, std::int64_t count) {
  constexpr int kLanes = 16;
  constexpr std::int64_t kBlock = std::int64_t{256} * kLanes;  // few enough for float32 sums
  double total = 0;
  std::int64_t i = 0;
  while (count - i >= kLanes) {
    Floats<kLanes> value, sums = {};
    for (const std::int64_t end = i + kBlock; i < end && count - i >= kLanes; i += kLanes) {
      load<kLanes>(x + i, value);
      sums += value * value;
    }
    for (int lane = 0; lane < kLanes; ++lane) total += static_cast<double>(sums[lane]);
  }
  for (; i < count; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

}  // namespace deri
