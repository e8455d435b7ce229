#include "deri/model/objective.hpp"

#include <limits>

#include "deri/base/config.hpp"

namespace deri {
namespace {

using torch::Tensor;

// At least float32, whatever the layers before computed in.
Tensor normalised(const Tensor& x) {
  return torch::nn::functional::normalize(x.to(torch::promoteTypes(x.scalar_type(), torch::kFloat32)),
                                          torch::nn::functional::NormalizeFuncOptions().dim(1));
}

// Finds one member of the configuration by its key.
struct FindWeight {
  const std::string& name;
  const double* found = nullptr;

  void operator()(const char* key, double& value) {
    if (name == key) found = &value;
  }
  void operator()(const char*, bool&) {}
};

}  // namespace

Tensor clip(const Tensor& x, const Tensor& y, double temperature, const Tensor& same_report) {
  // Similarities divided by a temperature of 0.07 need more than autocast's 8 bits of mantissa.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  Tensor similarity = torch::matmul(normalised(x), normalised(y).t()) / temperature;
  if (same_report.defined()) {
    const Tensor self = torch::eye(similarity.size(0), same_report.options());
    similarity =
        similarity.masked_fill(same_report.logical_and(self.logical_not()), -std::numeric_limits<float>::infinity());
  }
  return -(similarity.log_softmax(1).diagonal().mean() + similarity.log_softmax(0).diagonal().mean());
}

double term_weight(const ObjectiveConfig& objective, const std::string& name) {
  ObjectiveConfig copy = objective;
  FindWeight find{name};
  copy.visit(find);
  DERI_CHECK(find.found != nullptr);
  return *find.found;
}

Tensor total_loss(const LossTerms& terms, const ObjectiveConfig& objective) {
  Tensor total;
  for (const auto& [name, value] : terms) {
    const Tensor weighted = value * term_weight(objective, name);
    total = total.defined() ? total + weighted : weighted;
  }
  if (!total.defined()) fail("objective: every term of this kind of model has weight 0: give at least one a weight");
  return total;
}

void add_clip_term(LossTerms& terms, const std::string& name, const Tensor& x, const Tensor& y,
                   const ObjectiveConfig& objective, const Tensor& same_report) {
  if (term_weight(objective, name) == 0) return;
  terms.emplace_back(name, clip(x, y, objective.temperature, objective.exclude_duplicates ? same_report : Tensor()));
}

}  // namespace deri
