#pragma once
// DERI_VECTOR_CLONES before a function compiles it twice, for AVX2 and for any machine; the program picks one when it
// is loaded. The results are the same to the bit: nothing is contracted or reordered. For free functions that are
// nothing but a loop over samples. DERI_WIDE_VECTOR_CLONES also compiles for AVX-512, where the loop gains from it.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define DERI_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#define DERI_WIDE_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DERI_VECTOR_CLONES
#define DERI_WIDE_VECTOR_CLONES
#endif
