#include "deri/nn/attention_pool.hpp"

#include <vector>

#include "deri/base/error.hpp"
#include "deri/nn/attention.hpp"
#include "deri/nn/linear.hpp"

namespace deri {
namespace {

using torch::Tensor;

// Small at the start, so that the pool first sees what the tokens say.
Tensor initial_positions(std::int64_t count, std::int64_t width) {
  return torch::randn({1, count, width}) / static_cast<double>(width);
}

}  // namespace

MultiheadAttention::MultiheadAttention(std::int64_t width, std::int64_t heads)
    : width_(width),
      heads_(heads),
      in_proj_weight_(register_parameter("in_proj_weight", torch::empty({3 * width, width}))),
      in_proj_bias_(register_parameter("in_proj_bias", torch::zeros({3 * width}))),
      out_proj_(register_module("out_proj", torch::nn::Linear(width, width))) {
  torch::nn::init::xavier_uniform_(in_proj_weight_);
  torch::nn::init::zeros_(out_proj_->bias);
}

Tensor MultiheadAttention::forward(const Tensor& x) {
  return linear_map(attend_within(linear_map(x, in_proj_weight_, in_proj_bias_), heads_), out_proj_);
}

Tensor MultiheadAttention::forward(const Tensor& query, const Tensor& memory) {
  const Tensor q = torch::linear(query, in_proj_weight_.slice(0, 0, width_), in_proj_bias_.slice(0, 0, width_));
  const std::vector<Tensor> kv =
      torch::linear(memory, in_proj_weight_.slice(0, width_), in_proj_bias_.slice(0, width_)).chunk(2, -1);
  return out_proj_(attend(q, kv[0], kv[1], heads_));
}

SeparatorPool::SeparatorPool(std::int64_t tokens, std::int64_t width, std::int64_t heads)
    : positional_embedding_(register_parameter("positional_embedding", initial_positions(tokens + 2, width))),
      sep_embedding_(register_parameter("sep_embedding", torch::randn({width}))),
      mhsa_(register_module("mhsa", std::make_shared<MultiheadAttention>(width, heads))) {
  register_module("c_proj", torch::nn::Linear(width, width));
}

Tensor SeparatorPool::forward(const Tensor& x) {
  DERI_CHECK(x.size(1) + 2 == positional_embedding_.size(1));
  const Tensor separator = sep_embedding_.expand({x.size(0), 1, x.size(2)});
  const Tensor framed = torch::cat({separator, x, separator}, 1) + positional_embedding_;
  return mhsa_->forward(framed).slice(1, 1, x.size(1) + 1);
}

ClassTokenPool::ClassTokenPool(std::int64_t tokens, std::int64_t width, std::int64_t heads)
    : positional_embedding_(register_parameter("positional_embedding", initial_positions(tokens + 1, width))),
      cls_token_(register_parameter("cls_token", torch::randn({1, 1, width}))),
      mhsa_(register_module("mhsa", std::make_shared<MultiheadAttention>(width, heads))),
      c_proj_(register_module("c_proj", torch::nn::Linear(width, width))) {}

Tensor ClassTokenPool::forward(const Tensor& x) {
  DERI_CHECK(x.size(1) + 1 == positional_embedding_.size(1));
  const Tensor cls = cls_token_ + positional_embedding_.slice(1, 0, 1);
  const Tensor memory = torch::cat({cls.expand({x.size(0), 1, x.size(2)}), x}, 1) + positional_embedding_;
  return c_proj_(mhsa_->forward(memory.slice(1, 0, 1), memory)).squeeze(1);
}

}  // namespace deri
