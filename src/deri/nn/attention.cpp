#include "deri/nn/attention.hpp"

#include <cmath>

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

}  // namespace

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
