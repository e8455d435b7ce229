#pragma once
// Self-attention of one sequence and one head on one thread, forward and backward, without keeping the T x T weights:
// they are computed again from the logarithms of their sums (as Dao et al. 2022 do).

#include <cstdint>
#include <span>

#include "deri/nn/panel_product.hpp"

namespace deri {

// Rows of D values, `stride` values apart.
struct HeadRows {
  const float* data;
  std::int64_t stride;
};
struct MutableHeadRows {
  float* data;
  std::int64_t stride;
};

struct HeadShape {
  std::int64_t tokens;  // T
  std::int64_t width;   // D
};

// Values of scratch memory that the functions need.
std::int64_t attention_scratch(const HeadShape& shape);

// out = softmax(Q K^T / sqrt(D)) V; log_sums [T] gets the logarithm of each row's sum of exponentials. `item` says what
// products are made of, bfloat16 only where can_multiply_panels(); sums and all else are float32.
void attention_forward(const HeadShape& shape, ProductItem item, HeadRows query, HeadRows key, HeadRows value,
                       std::span<float> scratch, MutableHeadRows out, float* log_sums);

// The gradients of query, key and value from that of out.
void attention_backward(const HeadShape& shape, ProductItem item, HeadRows query, HeadRows key, HeadRows value,
                        HeadRows out, HeadRows out_gradient, const float* log_sums, std::span<float> scratch,
                        MutableHeadRows query_gradient, MutableHeadRows key_gradient, MutableHeadRows value_gradient);

}  // namespace deri
