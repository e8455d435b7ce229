#pragma once
// GPT-2 (Radford et al. 2019): pre-norm causal transformer with a tied head, and, in every block, cross-attention to a
// memory. Tensor names and results are those of HuggingFace's GPT2LMHeadModel with add_cross_attention.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "deri/nn/language_decoder.hpp"

namespace deri {

inline constexpr double kGpt2NormEpsilon = 1e-5;

struct Gpt2Options {
  std::int64_t vocabulary, positions, width, layers, heads;
  bool cross_attention = true;  // false: the memory is not looked at
  double dropout = 0.1;         // of embeddings, attention weights and both outputs of a block, in training
};

class Gpt2Block;

class Gpt2 : public LanguageDecoder {
 public:
  // Weights ~ N(0, 0.02), the projections onto the residual stream N(0, 0.02 / sqrt(2 layers)), biases 0, norms the
  // identity: GPT-2's own start.
  explicit Gpt2(const Gpt2Options& options);

  const Gpt2Options& options() const { return options_; }
  std::int64_t vocabulary() const override { return options_.vocabulary; }
  std::int64_t positions() const override { return options_.positions; }
  std::int64_t memory_width() const override { return options_.width; }

  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& memory) override;
  DecoderState start(const torch::Tensor& memory, std::int64_t beams) override;
  torch::Tensor step(const torch::Tensor& ids, DecoderState& state) override;

  // Called by forward() and step() with what it computes on its way, by name: "embeddings"; of block i "h.i.ln_1",
  // "h.i.attn.query", ".key", ".value" [B, heads, T, D], ".scores", ".weights" [B, heads, T, T], ".context",
  // "h.i.attn", the same of "h.i.crossattention" (weights [B, heads, T, M]: where in the memory a token looks),
  // "h.i.ln_2", "h.i.mlp.c_fc", "h.i.mlp.gelu", "h.i.mlp", and "h.i", the block's output; "ln_f". An empty function
  // ends it.
  using Observer = std::function<void(const std::string& name, const torch::Tensor& value)>;
  void observe(Observer observer) { observer_ = std::move(observer); }

 private:
  torch::Tensor embed(const torch::Tensor& ids, std::int64_t first_position);
  // x [N * beams, T, width] through every block -> logits [N * beams, T, vocabulary].
  torch::Tensor run_blocks(torch::Tensor x, const torch::Tensor& bias, DecoderState& state);

  Gpt2Options options_;
  Observer observer_;
  torch::nn::Embedding wte_{nullptr}, wpe_{nullptr};
  std::vector<std::shared_ptr<Gpt2Block>> blocks_;
  torch::nn::LayerNorm ln_f_{nullptr};
};

}  // namespace deri
