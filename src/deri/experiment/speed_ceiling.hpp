#pragma once
// What this machine's cores can compute at most: multiply-adds in registers, without a load or a store.

#include <optional>
#include <string>

namespace deri {

enum class NumberType { kFloat32, kBfloat16 };

// The widest instructions that measure_ceiling() uses here: "AVX-512", "AVX2 with FMA" or "plain loop"; for bfloat16
// "AVX512_BF16", or "none": then nothing is measured.
std::string ceiling_instructions(NumberType type);

// Floating-point operations a second of `threads` threads together, over about `seconds`; a multiply-add is two.
// bfloat16: products of bfloat16 numbers added in float32. Nothing where the processor has no instruction for it.
// Matrix units (AMX) are not used.
std::optional<double> measure_ceiling(NumberType type, int threads, double seconds);

}  // namespace deri
