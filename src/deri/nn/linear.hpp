#pragma once
// Linear maps for every network here: libtorch's, or on the CPU oneDNN's products with weights in its own layout.

#include <torch/torch.h>

namespace deri {

// x W^T + b: x [..., in], weight [out, in], bias [out] or undefined -> [..., out]. The fast kernels give float32, in
// autocast too, where inputs and weights are rounded to bfloat16 and sums are float32; plain ones what torch::linear
// gives.
torch::Tensor linear_map(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

inline torch::Tensor linear_map(const torch::Tensor& x, const torch::nn::Linear& layer) {
  return linear_map(x, layer->weight, layer->bias);
}

}  // namespace deri
