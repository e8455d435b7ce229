#include "deri/experiment/speed_ceiling.hpp"

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace deri {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 20'000;  // some tens of microseconds between two looks at the clock
constexpr float kFactor = 0.999F, kOther = 1e-3F;

// kRounds times every accumulator; returns something of each, so that none can be left out.
struct Loop {
  float (*run)(float factor, float other);
  double operations;  // of one call
  const char* instructions;
};

// Twelve independent sums: more than any of these processors needs to hide the latency of its multiply-adds.
#define DERI_TWELVE(statement)                                                                                         \
  statement(0) statement(1) statement(2) statement(3) statement(4) statement(5) statement(6) statement(7) statement(8) \
      statement(9) statement(10) statement(11)
constexpr double kSums = 12;

#if defined(__x86_64__)

__attribute__((target("avx512f"))) float avx512_loop(float factor, float other) {
  const __m512 x = _mm512_set1_ps(factor), y = _mm512_set1_ps(other);
#define DERI_DECLARE(i) __m512 sum##i = _mm512_set1_ps(static_cast<float>(i));
#define DERI_ADD(i) sum##i = _mm512_fmadd_ps(sum##i, x, y);
#define DERI_COLLECT(i) total = _mm512_add_ps(total, sum##i);
  DERI_TWELVE(DERI_DECLARE)
  for (int round = 0; round < kRounds; ++round) {
    DERI_TWELVE(DERI_ADD)
  }
  __m512 total = _mm512_setzero_ps();
  DERI_TWELVE(DERI_COLLECT)
#undef DERI_DECLARE
#undef DERI_ADD
#undef DERI_COLLECT
  return _mm512_cvtss_f32(total);
}

__attribute__((target("avx2,fma"))) float avx2_loop(float factor, float other) {
  const __m256 x = _mm256_set1_ps(factor), y = _mm256_set1_ps(other);
#define DERI_DECLARE(i) __m256 sum##i = _mm256_set1_ps(static_cast<float>(i));
#define DERI_ADD(i) sum##i = _mm256_fmadd_ps(sum##i, x, y);
#define DERI_COLLECT(i) total = _mm256_add_ps(total, sum##i);
  DERI_TWELVE(DERI_DECLARE)
  for (int round = 0; round < kRounds; ++round) {
    DERI_TWELVE(DERI_ADD)
  }
  __m256 total = _mm256_setzero_ps();
  DERI_TWELVE(DERI_COLLECT)
#undef DERI_DECLARE
#undef DERI_ADD
#undef DERI_COLLECT
  return _mm256_cvtss_f32(total);
}

__attribute__((target("avx512f,avx512bf16"))) float bfloat16_loop(float factor, float other) {
  const __m512bh x = _mm512_cvtne2ps_pbh(_mm512_set1_ps(factor), _mm512_set1_ps(factor));
  const __m512bh y = _mm512_cvtne2ps_pbh(_mm512_set1_ps(other), _mm512_set1_ps(other));
#define DERI_DECLARE(i) __m512 sum##i = _mm512_set1_ps(static_cast<float>(i));
#define DERI_ADD(i) sum##i = _mm512_dpbf16_ps(sum##i, x, y);
#define DERI_COLLECT(i) total = _mm512_add_ps(total, sum##i);
  DERI_TWELVE(DERI_DECLARE)
  for (int round = 0; round < kRounds; ++round) {
    DERI_TWELVE(DERI_ADD)
  }
  __m512 total = _mm512_setzero_ps();
  DERI_TWELVE(DERI_COLLECT)
#undef DERI_DECLARE
#undef DERI_ADD
#undef DERI_COLLECT
  return _mm512_cvtss_f32(total);
}

#endif

// Whatever the compiler makes of it.
float plain_loop(float factor, float other) {
#define DERI_DECLARE(i) float sum##i = static_cast<float>(i);
#define DERI_ADD(i) sum##i = sum##i * factor + other;
#define DERI_COLLECT(i) total += sum##i;
  DERI_TWELVE(DERI_DECLARE)
  for (int round = 0; round < kRounds; ++round) {
    DERI_TWELVE(DERI_ADD)
  }
  float total = 0;
  DERI_TWELVE(DERI_COLLECT)
#undef DERI_DECLARE
#undef DERI_ADD
#undef DERI_COLLECT
  return total;
}

#undef DERI_TWELVE

constexpr double operations(double multiply_adds) {
  return 2 * kRounds * kSums * multiply_adds;
}

std::optional<Loop> widest_loop(NumberType type) {
#if defined(__x86_64__)
  if (type == NumberType::kBfloat16) {
    if (__builtin_cpu_supports("avx512bf16")) return Loop{bfloat16_loop, operations(32), "AVX512_BF16"};
    return {};
  }
  if (__builtin_cpu_supports("avx512f")) return Loop{avx512_loop, operations(16), "AVX-512"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return Loop{avx2_loop, operations(8), "AVX2 with FMA"};
#endif
  if (type == NumberType::kBfloat16) return {};
  return Loop{plain_loop, operations(1), "plain loop"};
}

// Operations a second of the calling thread.
double measure_thread(const Loop& loop, double seconds) {
  // Not known to the compiler, which could otherwise compute the sums itself.
  volatile float factor = kFactor, other = kOther, sink = 0;
  const auto begin = Clock::now();
  double done = 0, elapsed = 0;
  while (elapsed < seconds) {
    sink = loop.run(factor, other);
    done += loop.operations;
    elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  static_cast<void>(sink);
  return done / elapsed;
}

}  // namespace

std::string ceiling_instructions(NumberType type) {
  const std::optional<Loop> loop = widest_loop(type);
  return loop ? loop->instructions : "none";
}

std::optional<double> measure_ceiling(NumberType type, int threads, double seconds) {
  const std::optional<Loop> loop = widest_loop(type);
  if (!loop) return {};
  std::vector<double> rates(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> workers;
    for (double& rate : rates) workers.emplace_back([&] { rate = measure_thread(*loop, seconds); });
  }
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

}  // namespace deri
