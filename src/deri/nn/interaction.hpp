#pragma once
// DERI's interaction transformer: decodes the features of one modality out of the tokens of the
// other.

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "deri/nn/ragged_batch.hpp"

namespace deri {

// fc2(drop(SiLU(fc1 x)) * drop(fc3 x)), the gated MLP of Shazeer (2020).
class GatedMlp : public torch::nn::Module {
 public:
  GatedMlp(std::int64_t in, std::int64_t hidden, std::int64_t out, double dropout);

  // [..., in] -> [..., out].
  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::nn::Linear fc1_, fc2_, fc3_;
  double dropout_;
};

struct InteractionOptions {
  std::int64_t positions;  // the most tokens it can read
  std::int64_t width;      // of the tokens and of every layer
  std::int64_t out;        // of the result
  std::int64_t depth;      // blocks
  std::int64_t heads;
  std::int64_t head_width;
  double dropout;    // of the gate branches of to_patch and head
  double drop_path;  // stochastic depth of the last block, rising linearly from 0 at the first
};

class InteractionBlock;

// [to_patch] gated MLP; [separator, tokens, separator] + positions; pre-norm blocks of
// self-attention and gated MLP with stochastic depth; separators dropped; layer norm; [head] gated
// MLP.
class Interaction : public torch::nn::Module {
 public:
  explicit Interaction(const InteractionOptions& options);

  // tokens [B, T, width], T <= positions, to [B, T, out]. The separator at the end always takes the
  // last position, so that the result for a text does not depend on how far its batch is padded
  // (given a mask). mask [B, T] bool, true = token: the others are not attended to; undefined: all
  // are tokens. What comes out at masked places has no meaning.
  torch::Tensor forward(const torch::Tensor& tokens, const torch::Tensor& mask = {});

  // The same for sequences of their own lengths, without padding: rows [R, width] -> [R, out]. What comes out for rows
  // of no sequence has no meaning. With the fast kernels alone.
  torch::Tensor forward(const torch::Tensor& rows, const RaggedBatch& batch);

  // The learnt separator [width].
  const torch::Tensor& separator() const { return sep_embedding_; }

 private:
  torch::Tensor pos_embedding_;  // [1, positions + 2, width]
  torch::Tensor sep_embedding_;  // [width]
  std::shared_ptr<GatedMlp> to_patch_;
  std::vector<std::shared_ptr<InteractionBlock>> blocks_;
  torch::nn::LayerNorm norm_;
  std::shared_ptr<GatedMlp> head_;
};

}  // namespace deri
