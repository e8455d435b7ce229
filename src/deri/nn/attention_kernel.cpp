#include "deri/nn/attention_kernel.hpp"

#include <algorithm>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"
#include "deri/base/vector_values.hpp"

#if DERI_WITH_ONEDNN
#include <dnnl.hpp>
#endif

namespace deri {
namespace {

constexpr std::int64_t kLanes = 16;

// The T x T matrices have rows of whole vectors; what is beyond T is never read as a weight.
std::int64_t padded_row(std::int64_t tokens) {
  return (tokens + kLanes - 1) / kLanes * kLanes;
}

// Each of `rows` rows becomes its softmax; columns beyond `columns` become 0.
DERI_WIDE_VECTOR_CLONES void softmax_rows(float* matrix, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                                          float* log_sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = matrix + r * stride;
    for (std::int64_t c = columns; c < stride; ++c) row[c] = -INFINITY;
    Floats<kLanes> value, greatest = Floats<kLanes>{} - INFINITY, sum = {};
    for (std::int64_t c = 0; c < stride; c += kLanes) {
      load<kLanes>(row + c, value);
      greatest = value > greatest ? value : greatest;
    }
    float top = greatest[0];
    for (std::int64_t lane = 1; lane < kLanes; ++lane) top = std::max(top, greatest[lane]);
    for (std::int64_t c = 0; c < stride; c += kLanes) {
      load<kLanes>(row + c, value);
      value -= top;
      exponential<kLanes>(value);
      sum += value;
      store<kLanes>(value, row + c);
    }
    float total = 0;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) total += sum[lane];
    for (std::int64_t c = 0; c < stride; c += kLanes) {
      load<kLanes>(row + c, value);
      store<kLanes>(value / total, row + c);
    }
    log_sums[r] = top + std::log(total);
  }
}

// Each value becomes exp(value - log_sums[row]): the softmax again.
DERI_WIDE_VECTOR_CLONES void repeat_softmax(float* matrix, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                                            const float* log_sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = matrix + r * stride;
    for (std::int64_t c = columns; c < stride; ++c) row[c] = -INFINITY;
    Floats<kLanes> value;
    for (std::int64_t c = 0; c < stride; c += kLanes) {
      load<kLanes>(row + c, value);
      value -= log_sums[r];
      exponential<kLanes>(value);
      store<kLanes>(value, row + c);
    }
  }
}

// Back through the softmax: slopes = weights (slopes - sum of weights slopes), where that sum is out . out_gradient.
DERI_WIDE_VECTOR_CLONES void softmax_gradient(const float* weights, const HeadShape& shape, std::int64_t stride,
                                              HeadRows out, HeadRows out_gradient, float* slopes) {
  for (std::int64_t r = 0; r < shape.tokens; ++r) {
    const float *x = out.data + r * out.stride, *dx = out_gradient.data + r * out_gradient.stride;
    Floats<kLanes> first, second, sums = {};
    std::int64_t c = 0;
    for (; c + kLanes <= shape.width; c += kLanes) {
      load<kLanes>(x + c, first);
      load<kLanes>(dx + c, second);
      sums += first * second;
    }
    float sum = 0;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sum += sums[lane];
    for (; c < shape.width; ++c) sum += x[c] * dx[c];
    for (c = 0; c < stride; c += kLanes) {
      load<kLanes>(weights + r * stride + c, first);
      load<kLanes>(slopes + r * stride + c, second);
      store<kLanes>(first * (second - sum), slopes + r * stride + c);
    }
  }
}

// c = factor * a b, with a or b transposed where its letter is 'T'; a becomes [m, k], b [k, n].
void product(char a_form, char b_form, std::int64_t m, std::int64_t n, std::int64_t k, float factor, HeadRows a,
             HeadRows b, MutableHeadRows c) {
#if DERI_WITH_ONEDNN
  const auto status =
      dnnl_sgemm(a_form, b_form, m, n, k, factor, a.data, a.stride, b.data, b.stride, 0, c.data, c.stride);
  DERI_CHECK(status == dnnl_success);
#else
  (void)a_form, (void)b_form, (void)m, (void)n, (void)k, (void)factor, (void)a, (void)b, (void)c;
  DERI_CHECK(false);
#endif
}

float scale_of(const HeadShape& shape) {
  return 1 / std::sqrt(static_cast<float>(shape.width));
}

}  // namespace

std::int64_t attention_scratch(const HeadShape& shape) {
  return 2 * shape.tokens * padded_row(shape.tokens);
}

void attention_forward(const HeadShape& shape, HeadRows query, HeadRows key, HeadRows value, std::span<float> scratch,
                       MutableHeadRows out, float* log_sums) {
  const auto& [tokens, width] = shape;
  const std::int64_t stride = padded_row(tokens);
  float* weights = scratch.data();
  product('N', 'T', tokens, tokens, width, scale_of(shape), query, key, {weights, stride});
  softmax_rows(weights, tokens, tokens, stride, log_sums);
  product('N', 'N', tokens, width, tokens, 1, {weights, stride}, value, out);
}

void attention_backward(const HeadShape& shape, HeadRows query, HeadRows key, HeadRows value, HeadRows out,
                        HeadRows out_gradient, const float* log_sums, std::span<float> scratch,
                        MutableHeadRows query_gradient, MutableHeadRows key_gradient, MutableHeadRows value_gradient) {
  const auto& [tokens, width] = shape;
  const std::int64_t stride = padded_row(tokens);
  float *weights = scratch.data(), *slopes = weights + tokens * stride;
  product('N', 'T', tokens, tokens, width, scale_of(shape), query, key, {weights, stride});
  repeat_softmax(weights, tokens, tokens, stride, log_sums);
  product('T', 'N', tokens, width, tokens, 1, {weights, stride}, out_gradient, value_gradient);
  product('N', 'T', tokens, tokens, width, 1, out_gradient, value, {slopes, stride});
  for (std::int64_t r = 0; r < tokens; ++r) std::fill(slopes + r * stride + tokens, slopes + (r + 1) * stride, 0.0F);
  softmax_gradient(weights, shape, stride, out, out_gradient, slopes);
  product('N', 'N', tokens, width, tokens, scale_of(shape), {slopes, stride}, key, query_gradient);
  product('T', 'N', tokens, width, tokens, scale_of(shape), {slopes, stride}, query, key_gradient);
}

}  // namespace deri
