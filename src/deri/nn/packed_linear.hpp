#pragma once
// A linear layer for inference on the CPU whose weights oneDNN has laid out once as its kernels read them: a few rows
// through a large matrix run at the speed of the memory, which libtorch's own products do not reach.

#include <cstdint>
#include <memory>

#include <torch/torch.h>

namespace deri {

class PackedLinear {
 public:
  // Whether this build and this machine can: oneDNN was there when it was built, and, for bfloat16, the processor
  // multiplies such numbers (AVX-512).
  static bool available(torch::ScalarType type);

  // y = x W + b, through GELU (tanh) if `gelu`. weight [in, out] float32, of any strides, and bias [out] float32, or
  // undefined; copied. `type`, float32 or bfloat16, is what weights and inputs are rounded to; sums and results are
  // float32. available(type) must hold.
  PackedLinear(const torch::Tensor& weight, const torch::Tensor& bias, torch::ScalarType type, bool gelu = false);
  ~PackedLinear();
  PackedLinear(PackedLinear&&) noexcept;
  PackedLinear& operator=(PackedLinear&&) noexcept;

  // x [R, in] float32 -> [R, out] float32. Not from several threads at once.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  class Kernels;
  std::unique_ptr<Kernels> kernels_;
};

}  // namespace deri
