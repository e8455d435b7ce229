#pragma once
// The elementwise part of a gated MLP with its dropout, forward and backward in one pass each.

#include <cstdint>

namespace deri {

// Which values a dropout keeps: a function of (seed, index) alone, so that the backward pass need not store it.
struct DropoutMask {
  std::uint32_t seed = 0;
  double rate = 0;  // of values dropped; the others are divided by 1 - rate
};

// out[i] = keep(i) SiLU(gate[i]) value[i], for i in [first, end). SiLU(x) = x / (1 + exp(-x)).
void gate_values(const float* gate, const float* value, const DropoutMask& mask, std::int64_t first, std::int64_t end,
                 float* out);

// The gradients of gate and value from that of out.
void gate_gradients(const float* gate, const float* value, const float* out_gradient, const DropoutMask& mask,
                    std::int64_t first, std::int64_t end, float* gate_gradient, float* value_gradient);

}  // namespace deri
