#pragma once
// A Gpt2 that only writes, on the CPU, as fast as its weights can be read: packed matrices (packed_linear.hpp), keys
// and values that stay where they are when beams split, and attention by hand. Same texts as the Gpt2 it is made from,
// up to rounding.

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "deri/nn/gpt2.hpp"
#include "deri/nn/language_decoder.hpp"
#include "deri/nn/packed_linear.hpp"

namespace deri {

class Gpt2Session : public LanguageDecoder {
 public:
  // A copy of the network's weights, rounded to `type` (float32, bfloat16) where they are multiplied. The network must
  // be on the CPU, and PackedLinear::available(type) hold.
  Gpt2Session(const Gpt2& network, torch::ScalarType type);

  std::int64_t vocabulary() const override { return options_.vocabulary; }
  std::int64_t positions() const override { return options_.positions; }
  std::int64_t memory_width() const override { return options_.width; }

  // Not for scoring texts: an internal error.
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& memory) override;
  DecoderState start(const torch::Tensor& memory, std::int64_t beams) override;
  torch::Tensor step(const torch::Tensor& ids, DecoderState& state) override;

 private:
  struct Norm {
    torch::Tensor weight, bias;
    torch::Tensor operator()(const torch::Tensor& x) const;
  };
  struct Block {
    Norm ln_1, ln_cross, ln_2;
    PackedLinear attention_in, attention_out, mlp_in, mlp_out;
    std::unique_ptr<PackedLinear> cross_query, cross_memory, cross_out;  // nullptr without cross-attention
  };

  // [R, width], of one block. The new keys and values go into the state.
  torch::Tensor attend_to_past(Block& block, const torch::Tensor& x, DecoderState::Layer& layer,
                               const DecoderState& state) const;
  torch::Tensor attend_to_memory(Block& block, const torch::Tensor& x, const DecoderState::Layer& layer,
                                 std::int64_t beams) const;

  Gpt2Options options_;
  torch::Tensor token_embeddings_, position_embeddings_;
  std::vector<Block> blocks_;
  Norm ln_f_;
  std::unique_ptr<PackedLinear> head_;
};

}  // namespace deri
