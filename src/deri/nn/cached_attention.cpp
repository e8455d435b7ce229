#include "deri/nn/cached_attention.hpp"

#include <algorithm>
#include <cmath>

#include "deri/base/vector_clones.hpp"

namespace deri {
namespace {

constexpr std::int64_t kLanes = 16;

// Sums side by side, and these in a tree, so that the compiler may use vectors without changing an order of additions.
DERI_WIDE_VECTOR_CLONES float dot(const float* a, const float* b, std::int64_t count) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  float rest = 0;
  for (; i < count; ++i) rest += a[i] * b[i];
  for (std::int64_t lane = 0; lane < 8; ++lane) sums[lane] += sums[lane + 8];
  for (std::int64_t lane = 0; lane < 4; ++lane) sums[lane] += sums[lane + 4];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest;
}

DERI_WIDE_VECTOR_CLONES void add_scaled(float* sum, const float* x, float factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += factor * x[i];
}

}  // namespace

void attend_to_tokens(const float* query, const AttendedTokens& past, std::int64_t heads, std::int64_t width,
                      std::span<float> scores, float* result) {
  const std::int64_t head_width = width / heads;
  const float scale = 1 / std::sqrt(static_cast<float>(head_width));
  const auto offset = [&](std::int64_t token) {
    return token * past.stride + (past.rows == nullptr ? 0 : past.rows[token] * width);
  };
  for (std::int64_t head = 0; head < heads; ++head) {
    const std::int64_t at = head * head_width;
    float greatest = -INFINITY;
    for (std::int64_t t = 0; t < past.tokens; ++t) {
      const float score = scale * dot(query + at, past.keys + offset(t) + at, head_width);
      scores[static_cast<std::size_t>(t)] = score;
      greatest = std::max(greatest, score);
    }
    float sum = 0;
    for (std::int64_t t = 0; t < past.tokens; ++t) {
      float& score = scores[static_cast<std::size_t>(t)];
      score = std::exp(score - greatest);
      sum += score;
    }
    std::fill_n(result + at, head_width, 0.0F);
    for (std::int64_t t = 0; t < past.tokens; ++t)
      add_scaled(result + at, past.values + offset(t) + at, scores[static_cast<std::size_t>(t)] / sum, head_width);
  }
}

}  // namespace deri
