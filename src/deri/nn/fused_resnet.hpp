#pragma once
// A residual network over time in one piece, forward and backward, on the CPU: convolutions by oneDNN in its blocked
// layout from the first layer to the last, with batch-norm, ReLU and residual sums done on a record while it is in the
// cache. Only what convolutions wrote, and a few blocks' outputs, is kept for the backward pass; what batch-norm, ReLU
// and sums make of it is computed again.

#include <memory>
#include <optional>
#include <vector>

#include <torch/torch.h>

namespace deri {

// A convolution without bias and the batch-norm behind it.
struct NormedConvolution {
  torch::nn::Conv1d convolution{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};
};

// relu(norm(conv(... relu(norm(conv x))) + x'), where x' is x, or norm(conv x) of the shortcut; without x' for the
// first layer of the network.
struct FusedBlock {
  std::vector<NormedConvolution> chain;
  std::optional<NormedConvolution> shortcut = {};
  bool residual = true;
};

class FusedResNet {
 public:
  // The first block is the stem, a chain of one without residual.
  explicit FusedResNet(std::vector<FusedBlock> blocks);
  ~FusedResNet();

  // ecg [B, leads, L] float32 -> [B, F, T] float32; activations are kept in `type`, float32 or bfloat16, sums and
  // weights in float32. In training mode batch statistics, as torch::nn::BatchNorm computes them, and a gradient for
  // the parameters (none for ecg); otherwise the running ones, and no gradient. `ecg` must stay unchanged until the
  // backward pass, as the parameters must; there is one backward pass. fast_kernels(type) must hold.
  torch::Tensor forward(const torch::Tensor& ecg, torch::ScalarType type, bool training);

  class Engine;

 private:
  std::shared_ptr<Engine> engine_;
};

}  // namespace deri
