#pragma once
// The transformer decoder with relational memory of R2Gen (Chen et al., EMNLP 2020, "Generating Radiology Reports via
// Memory-driven Transformer"). A memory of a few slots is rewritten after every token and steers the norms of every
// layer:
//
//   relational memory M [slots, width], for token y (its embedding, with its position), M_0 = identity, padded or cut:
//     Z   = M + attention(query M; key and value [M; y]),   Z <- Z + mlp(Z)
//     M'  = sigmoid(input) * tanh(Z) + sigmoid(forget) * M, [input; forget] = W y + U tanh(M)
//   conditional norm of x by relation r = flattened M':
//     (gamma + mlp_gamma(r)) * (x - mean) / (deviation + 1e-6) + beta + mlp_beta(r), deviation with n - 1
//   layer: x <- x + dropout(f(norm(x, r))) for f = causal self-attention, attention to the ECG memory, feed-forward
//
// Tensors have R2Gen's names (its class EncoderDecoder). Two differences: R2Gen's visual encoder layers, between
// att_embed and the decoder, are not part of this (the ECG encoder takes their place), and `dropout` also drops
// attention weights, for which R2Gen always takes 0.1.

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "deri/nn/language_decoder.hpp"

namespace deri {

// Defaults are R2Gen's. `width` is even and a multiple of both numbers of heads.
struct RelationalDecoderOptions {
  std::int64_t vocabulary, positions, width, layers, heads;
  std::int64_t memory_width;        // of an ECG memory vector
  std::int64_t slots = 3;           // of the relational memory
  std::int64_t relation_heads = 8;  // of the attention in it
  std::int64_t feed_forward = 512;
  double dropout = 0.1;         // of embeddings, attention weights, feed-forward and every sublayer, in training
  double memory_dropout = 0.5;  // of the ECG memory behind att_embed, in training
};

class RelationalMemory;
class RelationalLayer;
class RelationalNorm;

class RelationalDecoder : public LanguageDecoder {
 public:
  // Weights and embeddings uniform by Xavier, biases of the conditional norms' networks 0.1, norms the identity;
  // att_embed, logit and the other biases as libtorch starts them: R2Gen's own start.
  explicit RelationalDecoder(const RelationalDecoderOptions& options);

  const RelationalDecoderOptions& options() const { return options_; }
  std::int64_t vocabulary() const override { return options_.vocabulary; }
  std::int64_t positions() const override { return options_.positions; }
  std::int64_t memory_width() const override { return options_.memory_width; }

  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& memory) override;
  DecoderState start(const torch::Tensor& memory, std::int64_t beams) override;
  torch::Tensor step(const torch::Tensor& ids, DecoderState& state) override;

 private:
  // T more tokens for each text, ids [R, T] -> logits [R, T, vocabulary]. `hidden`: see hidden_tokens() in the source.
  torch::Tensor advance(const torch::Tensor& ids, const torch::Tensor& hidden, DecoderState& state);
  torch::Tensor embed(const torch::Tensor& ids, std::int64_t first_position);

  RelationalDecoderOptions options_;
  torch::nn::Embedding lut_{nullptr};
  torch::Tensor position_codes_;  // [1, positions, width]
  std::shared_ptr<RelationalMemory> relational_memory_;
  std::vector<std::shared_ptr<RelationalLayer>> layers_;
  std::shared_ptr<RelationalNorm> norm_;
  torch::nn::Sequential att_embed_{nullptr};
  torch::nn::Linear logit_{nullptr};
};

}  // namespace deri
