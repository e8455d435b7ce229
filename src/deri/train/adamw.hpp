#pragma once
// AdamW (Loshchilov & Hutter 2019) with its state in our hands: named tensors that a checkpoint can hold.

#include <map>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/model/weights.hpp"

namespace deri {

struct OptimiserConfig {
  double learning_rate = 1e-3;  // the schedule's peak
  double weight_decay = 1e-8;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double clip_norm = 0;  // gradients are scaled down to this global norm; 0: left as they are

  template <typename Visitor>
  void visit(Visitor& field) {
    field("learning_rate", learning_rate);
    field("weight_decay", weight_decay);
    field("beta1", beta1);
    field("beta2", beta2);
    field("epsilon", epsilon);
    field("clip_norm", clip_norm);
  }
};

class AdamW {
 public:
  // The parameters to train; those that do not require a gradient are left out.
  AdamW(const torch::nn::Module& module, const OptimiserConfig& config);

  void zero_gradients();
  // Scales all gradients to at most config.clip_norm together; returns their global norm before.
  double clip_gradients();
  // One update of every parameter that has a gradient:
  //   m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2
  //   p = p (1 - lr wd) - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
  void step(double learning_rate);

  // Moments and step counts as named tensors ("optimiser.m.NAME", …), and back. Throws Error when one is missing or of
  // another shape.
  NamedTensors state() const;
  void load_state(const std::map<std::string, torch::Tensor>& state);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, m, v;
    std::int64_t steps = 0;
  };

  void step_plainly(Slot& slot, double learning_rate) const;

  OptimiserConfig config_;
  std::vector<Slot> slots_;
};

}  // namespace deri
