#include "deri/nn/precision.hpp"

#include <ATen/autocast_mode.h>

#include "deri/base/error.hpp"

namespace deri {
namespace {

void set_autocast(torch::DeviceType device, bool on) {
#if TORCH_VERSION_MAJOR >= 2 && TORCH_VERSION_MINOR >= 4
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, on);
#else
  if (device == torch::kCPU) {
    at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(on);
  } else {
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(on);
  }
#endif
}

}  // namespace

Precision parse_precision(const std::string& name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bfloat16") return Precision::kBfloat16;
  fail("precision: '{}' is not one of float32, bfloat16", name);
}

AutocastGuard::AutocastGuard(Precision precision, const torch::Device& device)
    : active_(precision == Precision::kBfloat16), device_(device.type()) {
  if (active_) set_autocast(device_, true);
}

AutocastGuard::~AutocastGuard() {
  if (!active_) return;
  at::autocast::clear_cache();  // cached bfloat16 weights go stale with the next optimiser step
  set_autocast(device_, false);
}

bool autocast_on_cpu() {
#if TORCH_VERSION_MAJOR >= 2 && TORCH_VERSION_MINOR >= 4
  return at::autocast::is_autocast_enabled(torch::kCPU);
#else
  return at::autocast::is_cpu_enabled();
#endif
}

}  // namespace deri
