#pragma once
// Pieces of the pre-norm transformer blocks that ViT-1d and the interaction transformer share.

#include <cstdint>
#include <memory>

#include <torch/torch.h>

#include "deri/nn/attention.hpp"

namespace deri {

// The norm and the function of one residual branch, under the published names `norm` and `fn`.
template <typename Function>
class PreNorm : public torch::nn::Module {
 public:
  PreNorm(std::int64_t width, std::shared_ptr<Function> function)
      : norm_(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})))),
        fn_(register_module("fn", std::move(function))) {}

  template <typename... Args>
  torch::Tensor forward(const torch::Tensor& x, const Args&... args) {
    return fn_->forward(norm_(x), args...);
  }

 private:
  torch::nn::LayerNorm norm_;
  std::shared_ptr<Function> fn_;
};

// Multi-head self-attention with one projection to queries, keys and values [to_qkv] and one back
// [to_out.0].
class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(std::int64_t width, std::int64_t heads, std::int64_t head_width);

  // x [B, T, width] -> [B, T, width]; key_mask as in attend().
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& key_mask = {});
  // Ragged: rows [R, width] -> [R, width], see attend_within().
  torch::Tensor forward(const torch::Tensor& rows, const Sequences& sequences);

 private:
  std::int64_t heads_;
  torch::nn::Linear to_qkv_;
  torch::nn::ModuleList to_out_;
  torch::nn::Linear out_;
};

// Stochastic depth (Huang et al. 2016): zeroes the whole branch of a record with probability `rate`
// and divides the others by 1 - rate. The identity outside training. branch [B, ...].
torch::Tensor drop_path(const torch::Tensor& branch, double rate, bool training);

}  // namespace deri
