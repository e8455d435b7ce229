#include "deri/nn/transformer_block.hpp"

#include "deri/nn/linear.hpp"

namespace deri {

using torch::Tensor;

SelfAttention::SelfAttention(std::int64_t width, std::int64_t heads, std::int64_t head_width)
    : heads_(heads),
      to_qkv_(register_module("to_qkv", torch::nn::Linear(width, 3 * heads * head_width))),
      to_out_(register_module("to_out", torch::nn::ModuleList())),
      out_(torch::nn::Linear(heads * head_width, width)) {
  to_out_->push_back(out_);
}

Tensor SelfAttention::forward(const Tensor& x, const Tensor& key_mask) {
  return linear_map(attend_within(linear_map(x, to_qkv_), heads_, key_mask), out_);
}

Tensor SelfAttention::forward(const Tensor& rows, const Sequences& sequences) {
  return linear_map(attend_within(linear_map(rows, to_qkv_), heads_, sequences), out_);
}

Tensor drop_path(const Tensor& branch, double rate, bool training) {
  if (!training || rate <= 0) return branch;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(branch.dim()), 1);
  shape[0] = branch.size(0);
  const Tensor keep = torch::empty(shape, branch.options()).bernoulli_(1 - rate);
  return branch * keep.div_(1 - rate);
}

}  // namespace deri
