#include "deri/nn/kernels.hpp"

#include <atomic>

#include "deri/base/error.hpp"
#include "deri/nn/precision.hpp"

#if DERI_WITH_ONEDNN
#include "deri/nn/onednn_types.hpp"
#endif

namespace deri {
namespace {

std::atomic<Kernels> chosen_kernels{Kernels::kFast};

}  // namespace

Kernels kernels() {
  return chosen_kernels;
}

Kernels parse_kernels(const std::string& name) {
  if (name == "fast") return Kernels::kFast;
  if (name == "plain") return Kernels::kPlain;
  fail("kernels: '{}' is not one of fast, plain", name);
}

void set_kernels(Kernels kernels) {
  chosen_kernels = kernels;
}

bool fast_kernels(torch::ScalarType type) {
#if DERI_WITH_ONEDNN
  return kernels() == Kernels::kFast && onednn_computes_in(type);
#else
  (void)type;
  return false;
#endif
}

std::optional<torch::ScalarType> fast_type(const torch::Tensor& x) {
  if (!x.is_cpu() || !(x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16)) return {};
  // Autocast on the CPU knows bfloat16 alone.
  const torch::ScalarType type = autocast_on_cpu() ? torch::kBFloat16 : torch::kFloat32;
  if (type == torch::kFloat32 && x.scalar_type() != torch::kFloat32) return {};
  return fast_kernels(type) ? std::optional(type) : std::nullopt;
}

}  // namespace deri
