#include "deri/nn/attention.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/nn/attention_kernel.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/panel_product.hpp"

namespace deri {
namespace {

using torch::Tensor;

// exp(kMasked - anything reasonable) is exactly 0 in float32, and the value exists in bfloat16 and
// float16 too.
constexpr double kMasked = -1e4;

// [B, T, heads * D] -> [B, heads, T, D]
Tensor split_heads(const Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

// A head's columns of query (0), key (1) or value (2), from the row `first` on.
template <typename Rows, typename Value>
Rows columns_of(Value* qkv, std::int64_t first, std::int64_t part, std::int64_t head, const HeadShape& shape,
                std::int64_t heads) {
  const std::int64_t width = heads * shape.width;
  return {qkv + first * 3 * width + part * width + head * shape.width, 3 * width};
}

// body(sequence's first row, its shape, head, scratch) for every head of every sequence, spread over the threads.
template <typename Body>
void for_heads(const Sequences& sequences, std::int64_t heads, std::int64_t width, const Body& body) {
  std::int64_t longest = 0;
  for (std::int64_t b = 0; b < sequences.count(); ++b) longest = std::max(longest, sequences.length(b));
  const auto scratch_values = static_cast<std::size_t>(attention_scratch({longest, width}));
#pragma omp parallel num_threads(torch::get_num_threads())
  {
    const auto scratch = std::make_unique_for_overwrite<float[]>(scratch_values);
#pragma omp for schedule(dynamic)  // sequences are of different lengths
    for (std::int64_t i = 0; i < sequences.count() * heads; ++i) {
      const std::int64_t b = i / heads;
      body(sequences.offsets[static_cast<std::size_t>(b)], HeadShape{sequences.length(b), width}, i % heads,
           std::span(scratch.get(), scratch_values));
    }
  }
}

// In bfloat16 where the matrix kernels know it and a head fills their panels.
ProductItem item_for(torch::ScalarType type, std::int64_t width) {
  return type == torch::kBFloat16 && width % static_cast<std::int64_t>(kPanelColumns) == 0 &&
                 can_multiply_panels(ProductItem::kBfloat16Pair)
             ? ProductItem::kBfloat16Pair
             : ProductItem::kFloat32;
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& qkv, std::int64_t heads,
                        const Sequences& sequences, torch::ScalarType type) {
    auto [out, log_sums] = compute(qkv, heads, sequences, type);
    context->save_for_backward({qkv, out, log_sums});
    context->saved_data["heads"] = heads;
    context->saved_data["offsets"] = sequences.offsets;
    context->saved_data["type"] = static_cast<std::int64_t>(type);
    return out;
  }

  // The result, and the logarithms of the softmax's sums [heads, R].
  static std::pair<Tensor, Tensor> compute(const Tensor& qkv, std::int64_t heads, const Sequences& sequences,
                                           torch::ScalarType type) {
    const std::int64_t rows = qkv.size(0), total = qkv.size(1) / 3, width = total / heads;
    const ProductItem item = item_for(type, width);
    Tensor out = torch::empty({rows, total}, torch::kFloat32), log_sums = torch::empty({heads, rows}, torch::kFloat32);
    out.slice(0, sequences.offsets.back()).zero_();
    const float* from = qkv.data_ptr<float>();
    auto* to = out.data_ptr<float>();
    auto* sums = log_sums.data_ptr<float>();
    for_heads(sequences, heads, width,
              [&](std::int64_t first, const HeadShape& shape, std::int64_t head, std::span<float> scratch) {
                const auto part = [&](std::int64_t p) {
                  return columns_of<HeadRows>(from, first, p, head, shape, heads);
                };
                attention_forward(shape, item, part(0), part(1), part(2), scratch,
                                  {to + first * total + head * width, total}, sums + head * rows + first);
              });
    return {out, log_sums};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &qkv = saved[0], &out = saved[1], &log_sums = saved[2];
    const std::int64_t heads = context->saved_data["heads"].toInt();
    const Sequences sequences{.offsets = context->saved_data["offsets"].toIntVector()};
    const std::int64_t rows = qkv.size(0), total = qkv.size(1) / 3, width = total / heads;
    const ProductItem item = item_for(static_cast<torch::ScalarType>(context->saved_data["type"].toInt()), width);
    const Tensor slope = gradients[0].contiguous();
    Tensor result = torch::empty_like(qkv);
    result.slice(0, sequences.offsets.back()).zero_();
    const float *from = qkv.data_ptr<float>(), *forward_out = out.data_ptr<float>(), *back = slope.data_ptr<float>();
    const float* sums = log_sums.data_ptr<float>();
    auto* to = result.data_ptr<float>();
    for_heads(
        sequences, heads, width,
        [&](std::int64_t first, const HeadShape& shape, std::int64_t head, std::span<float> scratch) {
          const auto part = [&](std::int64_t p) { return columns_of<HeadRows>(from, first, p, head, shape, heads); };
          const auto part_gradient = [&](std::int64_t p) {
            return columns_of<MutableHeadRows>(to, first, p, head, shape, heads);
          };
          const std::int64_t at = first * total + head * width;
          attention_backward(shape, item, part(0), part(1), part(2), {forward_out + at, total}, {back + at, total},
                             sums + head * rows + first, scratch, part_gradient(0), part_gradient(1), part_gradient(2));
        });
    return {result, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Sequences Sequences::equal(std::int64_t count, std::int64_t length) {
  Sequences sequences;
  for (std::int64_t b = 1; b <= count; ++b) sequences.offsets.push_back(b * length);
  return sequences;
}

Tensor attend_within(const Tensor& qkv, std::int64_t heads, const Sequences& sequences) {
  DERI_CHECK(qkv.dim() == 2 && qkv.size(1) % (3 * heads) == 0 && sequences.offsets.back() <= qkv.size(0));
  const torch::ScalarType type = fast_type(qkv).value_or(torch::kFloat32);
  const Tensor rows = qkv.to(torch::kFloat32).contiguous();
  if (!torch::GradMode::is_enabled() || !rows.requires_grad())
    return AttentionFunction::compute(rows, heads, sequences, type).first;
  return AttentionFunction::apply(rows, heads, sequences, type);
}

Tensor attend_within(const Tensor& qkv, std::int64_t heads, const Tensor& key_mask) {
  const std::int64_t batch = qkv.size(0), tokens = qkv.size(1), width = qkv.size(2) / 3;
  if (!key_mask.defined() && fast_type(qkv))
    return attend_within(qkv.reshape({batch * tokens, 3 * width}), heads, Sequences::equal(batch, tokens))
        .view({batch, tokens, width});
  const std::vector<Tensor> parts = qkv.chunk(3, -1);
  return attend(parts[0], parts[1], parts[2], heads, key_mask);
}

Tensor attend(const Tensor& query, const Tensor& key, const Tensor& value, std::int64_t heads, const Tensor& key_mask,
              double dropout) {
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(2) / heads));
  Tensor scores = torch::matmul(split_heads(query, heads) * scale, split_heads(key, heads).transpose(2, 3));
  if (key_mask.defined()) scores = scores.masked_fill(key_mask.logical_not().unsqueeze(1).unsqueeze(1), kMasked);
  Tensor weights = scores.softmax(-1);
  if (dropout > 0) weights = torch::dropout(weights, dropout, /*train=*/true);
  return torch::matmul(weights, split_heads(value, heads))
      .transpose(1, 2)
      .reshape({query.size(0), query.size(1), query.size(2)});
}

Tensor mean_of_tokens(const Tensor& x, const Tensor& mask) {
  if (!mask.defined()) return x.mean(1);
  const Tensor weights = mask.unsqueeze(2).to(x.scalar_type());
  return (x * weights).sum(1) / weights.sum(1);
}

}  // namespace deri
