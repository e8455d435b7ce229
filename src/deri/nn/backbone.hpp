#pragma once
// What every ECG encoder offers: leads over time in, feature tokens over time out.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

namespace deri {

class Backbone : public torch::nn::Module {
 public:
  // ecg [B, leads, samples] -> features [B, features(), tokens(samples)].
  virtual torch::Tensor forward(const torch::Tensor& ecg) = 0;

  // Channels of the output.
  virtual std::int64_t features() const = 0;

  // Time steps of the output for an input of `samples` time steps.
  virtual std::int64_t tokens(std::int64_t samples) const = 0;
};

// The names make_backbone() knows: resnet18/34/50/101, vit_tiny/small/middle/base.
const std::vector<std::string>& backbone_names();

// A freshly initialised encoder for inputs of `leads` x `samples`. Throws Error for an unknown name
// (with the nearest known one) and for an input shorter than one output token.
std::shared_ptr<Backbone> make_backbone(const std::string& name, std::int64_t leads, std::int64_t samples);

}  // namespace deri
