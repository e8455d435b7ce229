#pragma once
// Which kernels the networks compute with on the CPU. The fast ones compute the same functions (tests hold them
// together); the plain ones are what a machine or build without oneDNN uses, and what `deri bench` compares with.

#include <optional>
#include <string>

#include <torch/torch.h>

namespace deri {

enum class Kernels {
  kFast,  // ours over oneDNN: blocked layouts, fused operations, ragged batches; where they cannot, libtorch's
  kPlain  // libtorch's operators in their default layout, as the released PyTorch code runs them
};

// Of this process; kFast unless set.
Kernels kernels();
// "fast" or "plain". Throws Error for anything else.
Kernels parse_kernels(const std::string& name);
void set_kernels(Kernels kernels);

// Sets the kernels while it lives.
class KernelsGuard {
 public:
  explicit KernelsGuard(Kernels kernels) : before_(deri::kernels()) { set_kernels(kernels); }
  ~KernelsGuard() { set_kernels(before_); }
  KernelsGuard(const KernelsGuard&) = delete;
  KernelsGuard& operator=(const KernelsGuard&) = delete;

 private:
  Kernels before_;
};

// Whether the fast kernels are chosen, exist in this build, and compute in `type` (float32, bfloat16) on this machine:
// bfloat16 needs AVX-512.
bool fast_kernels(torch::ScalarType type);

// The type that the fast kernels compute in for an input `x` in this place of the program, or nothing where they do not
// apply: not float32 on the CPU. Under autocast it is autocast's type.
std::optional<torch::ScalarType> fast_type(const torch::Tensor& x);

}  // namespace deri
