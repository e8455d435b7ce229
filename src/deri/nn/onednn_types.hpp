#pragma once
// libtorch's types of numbers as oneDNN's. Only for sources that are compiled with DERI_WITH_ONEDNN.

#include <dnnl.hpp>
#include <torch/torch.h>

namespace deri {

inline dnnl::memory::data_type onednn_type(torch::ScalarType type) {
  return type == torch::kBFloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

// Whether oneDNN computes in this type on this machine: in float32 always, in bfloat16 with AVX-512, natively or in
// float32 steps.
inline bool onednn_computes_in(torch::ScalarType type) {
  if (type == torch::kFloat32) return true;
  return type == torch::kBFloat16 && dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
}

}  // namespace deri
