#include "deri/nn/attention_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"
#include "deri/base/vector_values.hpp"
#include "deri/nn/panel_packing.hpp"

#if DERI_WITH_ONEDNN
#include <dnnl.hpp>
#endif

namespace deri {
namespace {

constexpr std::int64_t kLanes = 16;

std::int64_t whole(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// The T x T matrices have rows of whole panels. What is beyond T counts as 0 up to a whole vector and is not read
// after.
std::int64_t padded_row(std::int64_t tokens) {
  return whole(tokens, static_cast<std::int64_t>(kPanelColumns));
}

// The sum, or the greatest, of a vector's values: halves first, so that no value waits for all before it.
DERI_INLINE float sum_of(const Floats<kLanes>& x) {
  Floats<kLanes / 2> halves[2];
  std::memcpy(halves, &x, sizeof halves);
  const Floats<kLanes / 2> pairs = halves[0] + halves[1];
  return ((pairs[0] + pairs[4]) + (pairs[1] + pairs[5])) + ((pairs[2] + pairs[6]) + (pairs[3] + pairs[7]));
}

DERI_INLINE float greatest_of(const Floats<kLanes>& x) {
  Floats<kLanes / 2> halves[2];
  std::memcpy(halves, &x, sizeof halves);
  const Floats<kLanes / 2> pairs = halves[0] > halves[1] ? halves[0] : halves[1];
  return std::max(std::max(std::max(pairs[0], pairs[4]), std::max(pairs[1], pairs[5])),
                  std::max(std::max(pairs[2], pairs[6]), std::max(pairs[3], pairs[7])));
}

// Each row of scores becomes the softmax of them times `scale`; columns beyond T become 0.
DERI_WIDE_VECTOR_CLONES void softmax_rows(float* matrix, std::int64_t tokens, std::int64_t stride, float scale,
                                          float* log_sums) {
  const std::int64_t end = (tokens + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t r = 0; r < tokens; ++r) {
    float* row = matrix + r * stride;
    for (std::int64_t c = tokens; c < end; ++c) row[c] = -INFINITY;
    Floats<kLanes> value, greatest = Floats<kLanes>{} - INFINITY, sum = {};
    for (std::int64_t c = 0; c < end; c += kLanes) {
      load<kLanes>(row + c, value);
      value *= scale;
      greatest = value > greatest ? value : greatest;
    }
    const float top = greatest_of(greatest);
    for (std::int64_t c = 0; c < end; c += kLanes) {
      load<kLanes>(row + c, value);
      value = value * scale - top;
      exponential<kLanes>(value);
      sum += value;
      store<kLanes>(value, row + c);
    }
    const float total = sum_of(sum);
    for (std::int64_t c = 0; c < end; c += kLanes) {
      load<kLanes>(row + c, value);
      store<kLanes>(value * (1 / total), row + c);
    }
    log_sums[r] = top + std::log(total);
  }
}

// Each score becomes exp(scale score - log_sums[row]): the softmax again.
DERI_WIDE_VECTOR_CLONES void repeat_softmax(float* matrix, std::int64_t tokens, std::int64_t stride, float scale,
                                            const float* log_sums) {
  const std::int64_t end = (tokens + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t r = 0; r < tokens; ++r) {
    float* row = matrix + r * stride;
    for (std::int64_t c = tokens; c < end; ++c) row[c] = -INFINITY;
    Floats<kLanes> value;
    for (std::int64_t c = 0; c < end; c += kLanes) {
      load<kLanes>(row + c, value);
      value = value * scale - log_sums[r];
      exponential<kLanes>(value);
      store<kLanes>(value, row + c);
    }
  }
}

// Back through the softmax: slopes = scale weights (slopes - sum of weights slopes), where that sum is
// out . out_gradient. Columns beyond T become 0.
DERI_WIDE_VECTOR_CLONES void softmax_gradient(const float* weights, const HeadShape& shape, std::int64_t stride,
                                              float scale, HeadRows out, HeadRows out_gradient, float* slopes) {
  const std::int64_t end = (shape.tokens + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t r = 0; r < shape.tokens; ++r) {
    const float *x = out.data + r * out.stride, *dx = out_gradient.data + r * out_gradient.stride;
    Floats<kLanes> first, second, sums = {};
    std::int64_t c = 0;
    for (; c + kLanes <= shape.width; c += kLanes) {
      load<kLanes>(x + c, first);
      load<kLanes>(dx + c, second);
      sums += first * second;
    }
    float sum = sum_of(sums);
    for (; c < shape.width; ++c) sum += x[c] * dx[c];
    for (c = shape.tokens; c < end; ++c) slopes[r * stride + c] = 0;
    for (c = 0; c < end; c += kLanes) {
      load<kLanes>(weights + r * stride + c, first);
      load<kLanes>(slopes + r * stride + c, second);
      store<kLanes>(scale * first * (second - sum), slopes + r * stride + c);
    }
  }
}

// c = a b, with a or b transposed where its letter is 'T'; a becomes [m, k], b [k, n].
void product(char a_form, char b_form, std::int64_t m, std::int64_t n, std::int64_t k, HeadRows a, HeadRows b,
             MutableHeadRows c) {
#if DERI_WITH_ONEDNN
  const auto status = dnnl_sgemm(a_form, b_form, m, n, k, 1, a.data, a.stride, b.data, b.stride, 0, c.data, c.stride);
  DERI_CHECK(status == dnnl_success);
#else
  (void)a_form, (void)b_form, (void)m, (void)n, (void)k, (void)a, (void)b, (void)c;
  DERI_CHECK(false);
#endif
}

float scale_of(const HeadShape& shape) {
  return 1 / std::sqrt(static_cast<float>(shape.width));
}

// The products of one head: by panels where its width fills them, else by oneDNN.
class HeadProducts {
 public:
  // `memory`: what pack_scratch() says, at the start of a cache line.
  HeadProducts(const HeadShape& shape, ProductItem item, float* memory)
      : shape_(shape),
        stride_(padded_row(shape.tokens)),
        item_(item),
        panels_(shape.width % static_cast<std::int64_t>(kPanelColumns) == 0 && can_multiply_panels(item)),
        right_(memory),
        square_(right_ + stride_ * shape.width),
        left_(square_ + stride_ * stride_ / 2) {
    DERI_CHECK(panels_ || item == ProductItem::kFloat32);
  }

  static std::int64_t pack_scratch(const HeadShape& shape) {
    const std::int64_t stride = padded_row(shape.tokens);
    return stride * shape.width + stride * stride / 2 + stride * shape.width / 2;
  }

  // c [T, T] = a b^T of a and b [T, D].
  void outer(HeadRows a, HeadRows b, float* c) const {
    const auto& [tokens, width] = shape_;
    if (!panels_) return product('N', 'T', tokens, tokens, width, a, b, {c, stride_});
    MatrixRows a_items = rows_of(a, width), b_items = rows_of(b, width);
    if (item_ == ProductItem::kBfloat16Pair) {
      pack_rows(b_items, item_, left_);
      b_items = {left_, b_items.columns / 2, b_items.rows, b_items.columns / 2};
    }
    pack_turned(b_items, right_);
    if (item_ == ProductItem::kBfloat16Pair) {
      pack_rows(a_items, item_, left_);
      a_items = {left_, a_items.columns / 2, a_items.rows, a_items.columns / 2};
    }
    multiply(a_items.data, a_items.stride, false, a_items.columns, {c, stride_}, stride_);
  }

  // c [T, D] = m b of m [T, T] and b [T, D].
  void weighted(const float* m, HeadRows b, MutableHeadRows c) const {
    const auto& [tokens, width] = shape_;
    if (!panels_) return product('N', 'N', tokens, width, tokens, {m, stride_}, b, c);
    pack_depth(rows_of(b, width), item_, kPanelColumns, right_);
    const bool pairs = item_ == ProductItem::kBfloat16Pair;
    if (pairs) pack_rows(rows_of({m, stride_}, stride_), item_, square_);
    multiply(pairs ? square_ : m, static_cast<std::size_t>(pairs ? stride_ / 2 : stride_), false, depth_of_tokens(), c,
             width);
  }

  // c [T, D] = m^T b.
  void weighted_turned(const float* m, HeadRows b, MutableHeadRows c) const {
    const auto& [tokens, width] = shape_;
    if (!panels_) return product('T', 'N', tokens, width, tokens, {m, stride_}, b, c);
    pack_depth(rows_of(b, width), item_, kPanelColumns, right_);
    const bool pairs = item_ == ProductItem::kBfloat16Pair;
    if (pairs) pack_depth(rows_of({m, stride_}, stride_), item_, static_cast<std::size_t>(stride_), square_);
    multiply(pairs ? square_ : m, static_cast<std::size_t>(stride_), true, depth_of_tokens(), c, width);
  }

 private:
  MatrixRows rows_of(HeadRows x, std::int64_t columns) const {
    return {x.data, static_cast<std::size_t>(x.stride), static_cast<std::size_t>(shape_.tokens),
            static_cast<std::size_t>(columns)};
  }

  std::size_t depth_of_tokens() const { return items_of(static_cast<std::size_t>(shape_.tokens), item_); }

  // c [T, columns] = a times the panels in right_.
  void multiply(const float* a, std::size_t a_stride, bool turned, std::size_t depth, MutableHeadRows c,
                std::int64_t columns) const {
    PanelProduct panel{.a = a,
                       .a_stride = a_stride,
                       .a_transposed = turned,
                       .b = right_,
                       .depth = depth,
                       .c = c.data,
                       .c_stride = static_cast<std::size_t>(c.stride),
                       .rows = static_cast<std::size_t>(shape_.tokens),
                       .add = false};
    for (std::int64_t first = 0; first < columns; first += static_cast<std::int64_t>(kPanelColumns)) {
      multiply_panel(panel, item_);
      panel.b += depth * kPanelColumns;
      panel.c += kPanelColumns;
    }
  }

  HeadShape shape_;
  std::int64_t stride_;  // of a T x T matrix
  ProductItem item_;
  bool panels_;
  float *right_, *square_, *left_;  // the packed right matrix, T x T matrix, and matrix [T, D]
};

constexpr std::size_t kLine = 64;

// The first place in it where a cache line starts: a panel's vectors would otherwise lie in two each.
float* aligned_start(std::span<float> scratch) {
  const auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
  return scratch.data() + (kLine - address % kLine) % kLine / sizeof(float);
}

}  // namespace

std::int64_t attention_scratch(const HeadShape& shape) {
  return 2 * shape.tokens * padded_row(shape.tokens) + HeadProducts::pack_scratch(shape) +
         static_cast<std::int64_t>(kLine / sizeof(float));
}

void attention_forward(const HeadShape& shape, ProductItem item, HeadRows query, HeadRows key, HeadRows value,
                       std::span<float> scratch, MutableHeadRows out, float* log_sums) {
  const std::int64_t stride = padded_row(shape.tokens);
  float* weights = aligned_start(scratch);
  const HeadProducts products(shape, item, weights + shape.tokens * stride);
  products.outer(query, key, weights);
  softmax_rows(weights, shape.tokens, stride, scale_of(shape), log_sums);
  products.weighted(weights, value, out);
}

void attention_backward(const HeadShape& shape, ProductItem item, HeadRows query, HeadRows key, HeadRows value,
                        HeadRows out, HeadRows out_gradient, const float* log_sums, std::span<float> scratch,
                        MutableHeadRows query_gradient, MutableHeadRows key_gradient, MutableHeadRows value_gradient) {
  const std::int64_t stride = padded_row(shape.tokens);
  float *weights = aligned_start(scratch), *slopes = weights + shape.tokens * stride;
  const HeadProducts products(shape, item, slopes + shape.tokens * stride);
  products.outer(query, key, weights);
  repeat_softmax(weights, shape.tokens, stride, scale_of(shape), log_sums);
  products.weighted_turned(weights, out_gradient, value_gradient);
  products.outer(out_gradient, value, slopes);
  softmax_gradient(weights, shape, stride, scale_of(shape), out, out_gradient, slopes);
  products.weighted(slopes, key, query_gradient);
  products.weighted_turned(slopes, query, key_gradient);
}

}  // namespace deri
