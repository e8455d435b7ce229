#pragma once
// AdamW's arithmetic on plain float32 memory, each value read and written once.

#include <cstdint>

namespace deri {

// One step's factors, the same for every value of a parameter.
struct AdamWFactors {
  double beta1, beta2, epsilon;
  double decay;     // lr wd
  double rate;      // lr / (1 - beta1^t)
  double v_factor;  // 1 / sqrt(1 - beta2^t)
};

// The memory of `count` values; none overlaps another.
struct AdamWValues {
  float* parameter;
  const float* gradient;
  float* m;
  float* v;
  std::int64_t count;
};

// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p = p (1 - decay) - rate m / (sqrt(v) v_factor + epsilon).
void update_adamw(const AdamWValues& values, const AdamWFactors& factors);

// The sum of x[i]^2.
double sum_of_squares(const float* x, std::int64_t count);

}  // namespace deri
