#include "deri/train/adamw.hpp"

#include <cmath>

#include "deri/base/error.hpp"

namespace deri {

AdamW::AdamW(const torch::nn::Module& module, const OptimiserConfig& config) : config_(config) {
  for (const auto& entry : module.named_parameters()) {
    const torch::Tensor& parameter = entry.value();
    if (!parameter.requires_grad()) continue;
    slots_.push_back({entry.key(), parameter, torch::zeros_like(parameter), torch::zeros_like(parameter)});
  }
}

void AdamW::zero_gradients() {
  for (Slot& slot : slots_) slot.parameter.mutable_grad().reset();
}

double AdamW::clip_gradients() {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> norms;
  for (const Slot& slot : slots_)
    if (slot.parameter.grad().defined()) norms.push_back(slot.parameter.grad().norm());
  if (norms.empty()) return 0;
  const double norm = torch::stack(norms).norm().item<double>();
  if (config_.clip_norm > 0 && norm > config_.clip_norm)
    for (const Slot& slot : slots_)
      if (slot.parameter.grad().defined()) slot.parameter.grad().mul_(config_.clip_norm / norm);
  return norm;
}

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  for (Slot& slot : slots_) {
    const torch::Tensor& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    const auto t = static_cast<double>(++slot.steps);
    slot.m.mul_(config_.beta1).add_(gradient, 1 - config_.beta1);
    slot.v.mul_(config_.beta2).addcmul_(gradient, gradient, 1 - config_.beta2);
    slot.parameter.mul_(1 - learning_rate * config_.weight_decay);
    const torch::Tensor denominator =
        slot.v.sqrt().div_(std::sqrt(1 - std::pow(config_.beta2, t))).add_(config_.epsilon);
    slot.parameter.addcdiv_(slot.m, denominator, -learning_rate / (1 - std::pow(config_.beta1, t)));
  }
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (const Slot& slot : slots_) {
    state.emplace_back("optimiser.m." + slot.name, slot.m);
    state.emplace_back("optimiser.v." + slot.name, slot.v);
    state.emplace_back("optimiser.steps." + slot.name, torch::tensor({slot.steps}, torch::kInt64));
  }
  return state;
}

void AdamW::load_state(const std::map<std::string, torch::Tensor>& state) {
  const auto find = [&](const std::string& name, at::IntArrayRef shape) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != shape)
      fail("the checkpoint does not fit this model: '{}' is missing or has another shape", name);
    return found->second;
  };
  for (Slot& slot : slots_) {
    slot.m.copy_(find("optimiser.m." + slot.name, slot.m.sizes()));
    slot.v.copy_(find("optimiser.v." + slot.name, slot.v.sizes()));
    slot.steps = find("optimiser.steps." + slot.name, {1}).item<std::int64_t>();
  }
}

}  // namespace deri
