#include "deri/nn/transformer_block.hpp"

#include <vector>

#include "deri/nn/attention.hpp"

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
  const std::vector<Tensor> qkv = to_qkv_(x).chunk(3, -1);
  return out_(attend(qkv[0], qkv[1], qkv[2], heads_, key_mask));
}

Tensor drop_path(const Tensor& branch, double rate, bool training) {
  if (!training || rate <= 0) return branch;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(branch.dim()), 1);
  shape[0] = branch.size(0);
  const Tensor keep = torch::empty(shape, branch.options()).bernoulli_(1 - rate);
  return branch * keep.div_(1 - rate);
}

}  // namespace deri
