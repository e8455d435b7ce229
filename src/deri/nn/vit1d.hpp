#pragma once
// A vision transformer (Dosovitskiy et al. 2021) over patches of 50 samples of all leads.
// Tensor names: to_patch_embedding, pos_embedding, block0.attn.fn.to_qkv, block0.ff.fn.net.0, ...,
// norm.

#include <vector>

#include "deri/nn/backbone.hpp"

namespace deri {

class VitBlock;

struct Vit1dOptions {
  std::int64_t width;
  std::int64_t depth;
  std::int64_t heads;  // the MLP is 4 * width wide
};

class Vit1d : public Backbone {
 public:
  // Learns one position for each whole patch of `samples`. Throws Error if there is none.
  Vit1d(std::int64_t leads, std::int64_t samples, const Vit1dOptions& options);

  // Every token through the final norm: [B, leads, samples] -> [B, width, samples / 50]. Samples
  // after the last whole patch are not seen. An input shorter than the network was made for uses
  // its first positions.
  torch::Tensor forward(const torch::Tensor& ecg) override;

  // The norm of the mean token, as the published encoder returns it: [B, leads, samples] -> [B,
  // width].
  torch::Tensor pooled(const torch::Tensor& ecg);

  std::int64_t features() const override { return width_; }
  std::int64_t tokens(std::int64_t samples) const override;

 private:
  torch::Tensor encode(const torch::Tensor& ecg);  // [B, T, width], before the final norm

  std::int64_t width_;
  torch::nn::Conv1d to_patch_embedding_;
  torch::Tensor pos_embedding_;  // [1, T, width]
  std::vector<std::shared_ptr<VitBlock>> blocks_;
  torch::nn::LayerNorm norm_;
};

}  // namespace deri
