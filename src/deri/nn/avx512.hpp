#pragma once
// For sources with hand-written AVX-512 code. DERI_AVX512 before a function compiles it for such machines, whatever the
// program is compiled for; DERI_AVX512_INLINE also puts it into its callers. What calls them asks has_avx512() first.

#if defined(__x86_64__)

// The headers of GCC 12 warn of the values that they leave undefined on purpose.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

// Compilers make the instructions of avx512bf16 from their intrinsics alone: a function that uses none of them runs on
// any machine with the rest.
#define DERI_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define DERI_AVX512_INLINE DERI_AVX512 inline __attribute__((always_inline))

namespace deri {

inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
inline bool has_avx512_bfloat16() {
  return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

}  // namespace deri

#endif
