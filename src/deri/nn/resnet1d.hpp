#pragma once
// ResNet-18/34/50/101 (He et al. 2016) over time, without the max-pool after the first convolution.
// Tensor names: conv1, bn1, layer1.0.conv1, layer1.0.shortcut.0, ..., linear.

#include <array>
#include <vector>

#include "deri/nn/backbone.hpp"
#include "deri/nn/fused_resnet.hpp"

namespace deri {

// One residual block: [B, in, 1, L] -> [B, out, 1, ceil(L / stride)].
class ResidualBlock : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
  // Its layers, for the kernels that compute the network in one piece.
  virtual FusedBlock layers() const = 0;
};

struct ResNet1dOptions {
  std::array<int, 4> blocks;  // residual blocks of each stage
  bool bottleneck;            // blocks of 1-3-1 convolutions that widen by 4, instead of 3-3
};

class ResNet1d : public Backbone {
 public:
  ResNet1d(std::int64_t leads, const ResNet1dOptions& options);

  // [B, leads, L] -> [B, features(), ceil(L / 16)].
  torch::Tensor forward(const torch::Tensor& ecg) override;
  std::int64_t features() const override { return features_; }
  std::int64_t tokens(std::int64_t samples) const override;

  // Its layers, for the kernels that compute the network in one piece.
  std::vector<FusedBlock> layers() const;

 private:
  torch::nn::ModuleList make_stage(std::int64_t width, int blocks, std::int64_t stride, bool bottleneck);
  FusedResNet& fused();

  torch::nn::Conv1d conv1_{nullptr};
  torch::nn::BatchNorm2d bn1_{nullptr};
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
  std::int64_t features_ = 64;
  std::unique_ptr<FusedResNet> fused_;
};

}  // namespace deri
