#pragma once
// Mixed precision. The one place that knows how libtorch 1.13 and 2.x differ in switching autocast on.

#include <string>

#include <torch/torch.h>

namespace deri {

enum class Precision { kFloat32, kBfloat16 };

// "float32" or "bfloat16". Throws Error for anything else.
Precision parse_precision(const std::string& name);

// While it lives, operations that gain from it run in bfloat16 on `device`; weights and losses stay float32. Does
// nothing for kFloat32.
class AutocastGuard {
 public:
  AutocastGuard(Precision precision, const torch::Device& device);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  bool active_;
  torch::DeviceType device_;
};

// Whether bfloat16 is switched on for the CPU in this thread.
bool autocast_on_cpu();

}  // namespace deri
