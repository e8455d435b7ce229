#pragma once
// Vectors of floats that the compiler splits as the machine needs, for loops that are compiled for several machines
// (vector_clones.hpp): every function here is inlined into such a loop.

#include <cstdint>
#include <cstring>

#define DERI_INLINE inline __attribute__((always_inline))

namespace deri {

struct BFloat16 {
  std::uint16_t bits;
};

template <int W>
using Floats [[gnu::vector_size(W * 4)]] = float;
template <int W>
using Words [[gnu::vector_size(W * 4)]] = std::uint32_t;
template <int W>
using Halves [[gnu::vector_size(W * 2)]] = std::uint16_t;
template <int W>
using Bytes [[gnu::vector_size(W)]] = std::uint8_t;

template <int W>
DERI_INLINE void load(const float* from, Floats<W>& to) {
  std::memcpy(&to, from, sizeof to);
}

template <int W>
DERI_INLINE void load(const BFloat16* from, Floats<W>& to) {
  Halves<W> halves;
  std::memcpy(&halves, from, sizeof halves);
  const Words<W> words = __builtin_convertvector(halves, Words<W>) << 16;
  std::memcpy(&to, &words, sizeof to);
}

template <int W>
DERI_INLINE void store(const Floats<W>& from, float* to) {
  std::memcpy(to, &from, sizeof from);
}

// To the nearest, ties to even.
template <int W>
DERI_INLINE void store(const Floats<W>& from, BFloat16* to) {
  Words<W> words;
  std::memcpy(&words, &from, sizeof words);
  words += 0x7FFFU + ((words >> 16) & 1U);
  const Halves<W> halves = __builtin_convertvector(words >> 16, Halves<W>);
  std::memcpy(to, &halves, sizeof halves);
}

template <int W>
DERI_INLINE void keep_positive(Floats<W>& x) {
  const Floats<W> zero = {};
  x = x > zero ? x : zero;
}

// x becomes exp(x), within 2 units in the last place; 0 from -87 downwards. exp(x) = 2^n exp(f), |f| <= ln 2 / 2.
template <int W>
DERI_INLINE void exponential(Floats<W>& x) {
  constexpr float kLowest = -87, kHighest = 88;
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it leaves an integer in the low bits
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;  // ln 2 in two parts
  const Floats<W> lowest = Floats<W>{} + kLowest, highest = Floats<W>{} + kHighest, zero = {};
  const auto vanishes = x < lowest;
  x = x > highest ? highest : x;
  x = vanishes ? lowest : x;
  const Floats<W> shifted = x * 1.44269504F + kRounder;
  const Floats<W> whole = shifted - kRounder;
  const Floats<W> f = (x - whole * kLn2High) - whole * kLn2Low;
  Floats<W> sum = f * 1.9875691500e-4F + 1.3981999507e-3F;
  sum = sum * f + 8.3334519073e-3F;
  sum = sum * f + 4.1665795894e-2F;
  sum = sum * f + 1.6666665459e-1F;
  sum = sum * f + 5.0000001201e-1F;
  sum = sum * f * f + f + 1.0F;
  Words<W> power;
  std::memcpy(&power, &shifted, sizeof power);
  power = (power << 23) + 0x3F800000U;  // the integer in the low bits becomes the exponent of 2^n
  Floats<W> scale;
  std::memcpy(&scale, &power, sizeof scale);
  x = vanishes ? zero : sum * scale;
}

}  // namespace deri
