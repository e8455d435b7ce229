#pragma once
// Attention of one new token per text to what its text has behind it, float32 on the CPU. Beams of a search share their
// past: where token t of a text lies is looked up, so that nothing is copied when beams split and die.

#include <cstdint>
#include <span>

namespace deri {

// A sequence of keys and values to attend to, `width` = heads * D floats a token.
struct AttendedTokens {
  const float* keys;
  const float* values;
  std::int64_t tokens;
  std::int64_t stride;                 // floats from one token to the next
  const std::int32_t* rows = nullptr;  // of token t the row rows[t] of `width` floats within it; nullptr: row 0
};

// result[heads * D] = softmax(q K^T / sqrt(D)) V, each head by itself. `scores` is room for tokens floats.
void attend_to_tokens(const float* query, const AttendedTokens& past, std::int64_t heads, std::int64_t width,
                      std::span<float> scores, float* result);

}  // namespace deri
