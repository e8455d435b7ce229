#include "deri/nn/gating.hpp"

#include <algorithm>
#include <cmath>

#include "deri/base/vector_clones.hpp"
#include "deri/base/vector_values.hpp"

namespace deri {
namespace {

constexpr int kLanes = 16;

// Numbers below this, of 2^32, drop a value.
std::uint32_t threshold_of(const DropoutMask& mask) {
  return static_cast<std::uint32_t>(std::llround(mask.rate * 4294967295.0));
}

// kept = factor where the value is kept, else 0. The hash is MurmurHash3's finaliser of the index, mixed with the seed
// before and after.
DERI_INLINE void keep(std::uint32_t seed, std::uint32_t threshold, float factor, std::int64_t index,
                      Floats<kLanes>& kept) {
  Words<kLanes> hash;
  for (int lane = 0; lane < kLanes; ++lane) hash[lane] = static_cast<std::uint32_t>(index + lane);
  hash = hash * 0x9E3779B9U + seed;
  hash ^= hash >> 16;
  hash *= 0x85EBCA6BU;
  hash ^= hash >> 13;
  hash *= 0xC2B2AE35U;
  hash ^= (hash >> 16) + seed;
  hash *= 0x27D4EB2FU;
  hash ^= hash >> 15;
  const Floats<kLanes> zero = {}, whole = zero + factor;
  kept = hash >= threshold ? whole : zero;
}

// A vector at i, or what there is of it.
DERI_INLINE void load_some(const float* from, std::int64_t count, Floats<kLanes>& to) {
  if (count >= kLanes) {
    load<kLanes>(from, to);
    return;
  }
  to = Floats<kLanes>{};
  for (std::int64_t lane = 0; lane < count; ++lane) to[lane] = from[lane];
}

DERI_INLINE void store_some(const Floats<kLanes>& from, std::int64_t count, float* to) {
  if (count >= kLanes) {
    store<kLanes>(from, to);
    return;
  }
  for (std::int64_t lane = 0; lane < count; ++lane) to[lane] = from[lane];
}

// sigmoid = 1 / (1 + exp(-x)).
DERI_INLINE void sigmoid_of(const Floats<kLanes>& x, Floats<kLanes>& sigmoid) {
  Floats<kLanes> power = -x;
  exponential<kLanes>(power);
  sigmoid = 1.0F / (1.0F + power);
}

}  // namespace

DERI_WIDE_VECTOR_CLONES void gate_values(const float* gate, const float* value, const DropoutMask& mask,
                                         std::int64_t first, std::int64_t end, float* out) {
  const std::uint32_t threshold = threshold_of(mask);
  const auto factor = static_cast<float>(1 / (1 - mask.rate));
  Floats<kLanes> a, b, sigmoid, kept;
  for (std::int64_t i = first; i < end; i += kLanes) {
    load_some(gate + i, end - i, a);
    load_some(value + i, end - i, b);
    sigmoid_of(a, sigmoid);
    a = a * sigmoid * b;
    if (threshold > 0) {
      keep(mask.seed, threshold, factor, i, kept);
      a *= kept;
    }
    store_some(a, end - i, out + i);
  }
}

DERI_WIDE_VECTOR_CLONES void gate_gradients(const float* gate, const float* value, const float* out_gradient,
                                            const DropoutMask& mask, std::int64_t first, std::int64_t end,
                                            float* gate_gradient, float* value_gradient) {
  const std::uint32_t threshold = threshold_of(mask);
  const auto factor = static_cast<float>(1 / (1 - mask.rate));
  Floats<kLanes> a, b, slope, sigmoid, kept;
  for (std::int64_t i = first; i < end; i += kLanes) {
    load_some(gate + i, end - i, a);
    load_some(value + i, end - i, b);
    load_some(out_gradient + i, end - i, slope);
    if (threshold > 0) {
      keep(mask.seed, threshold, factor, i, kept);
      slope *= kept;
    }
    sigmoid_of(a, sigmoid);
    store_some(slope * a * sigmoid, end - i, value_gradient + i);
    // d SiLU / dx = s (1 + x (1 - s))
    store_some(slope * b * sigmoid * (1.0F + a * (1.0F - sigmoid)), end - i, gate_gradient + i);
  }
}

}  // namespace deri
