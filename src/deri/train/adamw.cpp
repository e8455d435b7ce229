#include "deri/train/adamw.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/train/adamw_kernel.hpp"

namespace deri {
namespace {

using torch::Tensor;

bool is_plain_memory(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && x.layout() == torch::kStrided && x.is_contiguous();
}

// Memory in pieces of a fixed size: sums over them are the same whatever the number of threads.
constexpr std::int64_t kPiece = 16384;

template <typename Piece>
void for_pieces(const std::vector<Piece>& pieces, const auto& body) {
  const auto count = static_cast<std::int64_t>(pieces.size());
#pragma omp parallel for schedule(static) num_threads(torch::get_num_threads())
  for (std::int64_t i = 0; i < count; ++i) body(pieces[static_cast<std::size_t>(i)], static_cast<std::size_t>(i));
}

struct Stretch {
  const float* data;
  std::int64_t count;
};

double norm_of(const std::vector<Stretch>& stretches) {
  std::vector<double> sums(stretches.size());
  for_pieces(stretches,
             [&](const Stretch& piece, std::size_t i) { sums[i] = sum_of_squares(piece.data, piece.count); });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

struct PieceUpdate {
  AdamWValues values;
  AdamWFactors factors;
};

}  // namespace

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
  std::vector<Stretch> stretches;
  std::vector<Tensor> norms;  // of gradients elsewhere
  for (const Slot& slot : slots_) {
    const Tensor& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    if (kernels() == Kernels::kPlain || !is_plain_memory(gradient)) {
      norms.push_back(gradient.norm());
      continue;
    }
    for (std::int64_t at = 0; at < gradient.numel(); at += kPiece)
      stretches.push_back({gradient.data_ptr<float>() + at, std::min(kPiece, gradient.numel() - at)});
  }
  const double elsewhere = norms.empty() ? 0 : torch::stack(norms).norm().item<double>();
  const double norm = std::hypot(norm_of(stretches), elsewhere);
  if (config_.clip_norm > 0 && norm > config_.clip_norm)
    for (const Slot& slot : slots_)
      if (slot.parameter.grad().defined()) slot.parameter.grad().mul_(config_.clip_norm / norm);
  return norm;
}

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  std::vector<PieceUpdate> updates;
  for (Slot& slot : slots_) {
    const Tensor& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    ++slot.steps;
    const std::array<Tensor, 4> memory{slot.parameter, gradient, slot.m, slot.v};
    if (kernels() == Kernels::kPlain || !std::all_of(memory.begin(), memory.end(), is_plain_memory)) {
      step_plainly(slot, learning_rate);
      continue;
    }
    const auto t = static_cast<double>(slot.steps);
    const AdamWFactors factors{.beta1 = config_.beta1,
                               .beta2 = config_.beta2,
                               .epsilon = config_.epsilon,
                               .decay = learning_rate * config_.weight_decay,
                               .rate = learning_rate / (1 - std::pow(config_.beta1, t)),
                               .v_factor = 1 / std::sqrt(1 - std::pow(config_.beta2, t))};
    for (std::int64_t at = 0; at < gradient.numel(); at += kPiece) {
      updates.push_back({.values = {.parameter = slot.parameter.data_ptr<float>() + at,
                                    .gradient = gradient.data_ptr<float>() + at,
                                    .m = slot.m.data_ptr<float>() + at,
                                    .v = slot.v.data_ptr<float>() + at,
                                    .count = std::min(kPiece, gradient.numel() - at)},
                         .factors = factors});
    }
    slot.parameter.unsafeGetTensorImpl()->bump_version();  // what libtorch's in-place operators do
  }
  for_pieces(updates, [](const PieceUpdate& piece, std::size_t) { update_adamw(piece.values, piece.factors); });
}

void AdamW::step_plainly(Slot& slot, double learning_rate) const {
  const Tensor& gradient = slot.parameter.grad();
  const auto t = static_cast<double>(slot.steps);
  slot.m.mul_(config_.beta1).add_(gradient, 1 - config_.beta1);
  slot.v.mul_(config_.beta2).addcmul_(gradient, gradient, 1 - config_.beta2);
  slot.parameter.mul_(1 - learning_rate * config_.weight_decay);
  const Tensor denominator = slot.v.sqrt().div_(std::sqrt(1 - std::pow(config_.beta2, t))).add_(config_.epsilon);
  slot.parameter.addcdiv_(slot.m, denominator, -learning_rate / (1 - std::pow(config_.beta1, t)));
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
