#include "deri/base/half.hpp"

#include <bit>
#include <cstddef>

#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"

namespace deri {
namespace {

constexpr std::uint32_t kFloatInfinity = 0x7F800000;
constexpr std::uint32_t kHalfInfinity = 0x7C00;
constexpr std::uint32_t kHalfExponent = kHalfInfinity;  // the same five bits
constexpr std::uint32_t kHalfQuietNan = 0x7E00;
constexpr std::uint32_t kFirstInfinite = 0x47800000;   // 65536; what rounds up to it becomes infinite by itself
constexpr std::uint32_t kSmallestNormal = 0x38800000;  // 2^-14
constexpr int kDroppedBits = 13;                       // of the fraction: 23 - 10
// A float's exponent counts from 127, a float16's from 15.
constexpr std::uint32_t kExponentShift = std::uint32_t{127 - 15} << 23;

// value / 2^shift, halves to even.
std::uint32_t rounded_shift(std::uint32_t value, int shift) {
  const std::uint32_t below_half = (std::uint32_t{1} << (shift - 1)) - 1;
  return (value + below_half + ((value >> shift) & 1)) >> shift;
}

// Of a magnitude below 2^-14: a multiple of 2^-24.
std::uint32_t subnormal_bits(std::uint32_t magnitude) {
  const int exponent = static_cast<int>(magnitude >> 23);
  const std::uint32_t fraction = (magnitude & 0x7FFFFF) | 0x800000;
  // value = fraction * 2^(exponent - 150); below 2^-25 nothing is left of it.
  const int shift = 126 - exponent;
  return shift > 24 ? 0 : rounded_shift(fraction, shift);
}

// Branchless, so that rows of it become vector code.
inline float widened(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16;
  const std::uint32_t magnitude = half & 0x7FFFU;
  const std::uint32_t exponent = magnitude & kHalfExponent;
  const std::uint32_t moved = magnitude << kDroppedBits;
  // Infinity and NaN have the largest exponent in both formats.
  const std::uint32_t normal = moved + kExponentShift + (exponent == kHalfExponent ? kExponentShift : 0);
  // m * 2^-24 = 2^-14 (1 + m / 1024) - 2^-14: exact, and without float's own subnormals.
  const float subnormal = std::bit_cast<float>(kSmallestNormal | moved) - std::bit_cast<float>(kSmallestNormal);
  return std::bit_cast<float>((exponent == 0 ? std::bit_cast<std::uint32_t>(subnormal) : normal) | sign);
}

DERI_VECTOR_CLONES void widen_row(const Half* __restrict__ halfs, float* __restrict__ values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] = widened(halfs[i].bits);
}

DERI_VECTOR_CLONES std::uint32_t largest_exponent(const Half* halfs, std::size_t count) {
  std::uint16_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto exponent = static_cast<std::uint16_t>(halfs[i].bits & kHalfExponent);
    largest = exponent > largest ? exponent : largest;
  }
  return largest;
}

}  // namespace

Half to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000;
  const std::uint32_t magnitude = bits & 0x7FFFFFFF;
  std::uint32_t half = 0;
  if (magnitude > kFloatInfinity)
    half = kHalfQuietNan;
  else if (magnitude >= kFirstInfinite)
    half = kHalfInfinity;
  else if (magnitude < kSmallestNormal)
    half = subnormal_bits(magnitude);
  else
    half = rounded_shift(magnitude - kExponentShift, kDroppedBits);
  return {static_cast<std::uint16_t>(sign | half)};
}

float to_float(Half value) {
  return widened(value.bits);
}

void to_half(std::span<const float> values, std::span<Half> halfs) {
  DERI_CHECK(values.size() == halfs.size());
  for (std::size_t i = 0; i < values.size(); ++i) halfs[i] = to_half(values[i]);
}

void to_float(std::span<const Half> halfs, std::span<float> values) {
  DERI_CHECK(values.size() == halfs.size());
  widen_row(halfs.data(), values.data(), halfs.size());
}

bool all_finite(std::span<const Half> halfs) {
  return largest_exponent(halfs.data(), halfs.size()) < kHalfExponent;
}

}  // namespace deri
