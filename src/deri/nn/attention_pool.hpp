#pragma once
// The two ways the methods pool ECG tokens by attention.

#include <cstdint>
#include <memory>

#include <torch/torch.h>

namespace deri {

// PyTorch's MultiheadAttention under its own names: in_proj_weight [3W, W], in_proj_bias, out_proj.
class MultiheadAttention : public torch::nn::Module {
 public:
  MultiheadAttention(std::int64_t width, std::int64_t heads);

  // Self-attention: x [B, T, W] -> [B, T, W].
  torch::Tensor forward(const torch::Tensor& x);
  // query [B, Tq, W] attends to memory [B, Tk, W] -> [B, Tq, W].
  torch::Tensor forward(const torch::Tensor& query, const torch::Tensor& memory);

 private:
  std::int64_t width_, heads_;
  torch::Tensor in_proj_weight_, in_proj_bias_;
  torch::nn::Linear out_proj_;
};

// DERI's pool: [separator, tokens, separator] + positions through self-attention, separators
// dropped. The published weights hold a projection [c_proj] that the computation does not use.
class SeparatorPool : public torch::nn::Module {
 public:
  // For exactly `tokens` tokens.
  SeparatorPool(std::int64_t tokens, std::int64_t width, std::int64_t heads);

  // [B, tokens, W] -> [B, tokens, W], one contextual encoding a token.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::Tensor positional_embedding_;  // [1, tokens + 2, W]
  torch::Tensor sep_embedding_;         // [W]
  std::shared_ptr<MultiheadAttention> mhsa_;
};

// MERL's pool: a class token, as the only query, attends to itself and all tokens; then a
// projection [c_proj].
class ClassTokenPool : public torch::nn::Module {
 public:
  ClassTokenPool(std::int64_t tokens, std::int64_t width, std::int64_t heads);

  // [B, tokens, W] -> [B, W].
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::Tensor positional_embedding_;  // [1, 1 + tokens, W]
  torch::Tensor cls_token_;             // [1, 1, W]
  std::shared_ptr<MultiheadAttention> mhsa_;
  torch::nn::Linear c_proj_;
};

}  // namespace deri
