#pragma once
// IEEE 754 binary16 ("float16") on machines with and without instructions for it: 1 sign bit, 5 of exponent, 10 of
// fraction. What we keep in it is kept, not computed with.

#include <cstdint>
#include <span>

namespace deri {

struct Half {
  std::uint16_t bits = 0;
  bool operator==(const Half&) const = default;
};

inline constexpr float kLargestHalf = 65504;

// The nearest float16; of two equally near ones, that whose last bit is 0. Magnitudes of 65520 and more become
// infinite, NaN stays NaN.
Half to_half(float value);
// Exact: every float16 is a float.
float to_float(Half value);

// The same for rows of equal length.
void to_half(std::span<const float> values, std::span<Half> halfs);
void to_float(std::span<const Half> halfs, std::span<float> values);

// Neither infinite nor NaN, all of them.
bool all_finite(std::span<const Half> halfs);

}  // namespace deri
