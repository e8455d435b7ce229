#pragma once
// A step of pre-training: as the released trainer makes it, and as ours does.

#include <memory>

#include <torch/torch.h>

#include "deri/model/ecg_text_model.hpp"
#include "deri/nn/precision.hpp"
#include "deri/train/adamw.hpp"

namespace deri {

// All five terms, no pair of a batch left out.
ObjectiveConfig speed_objective();

// The released trainer's: text tower run anew, PyTorch's AdamW.
class ReferenceStep {
 public:
  explicit ReferenceStep(std::shared_ptr<EcgTextModel> model);

  // Returns the loss.
  double run(const torch::Tensor& ecg, const TextInput& text, Precision precision);

 private:
  std::shared_ptr<EcgTextModel> model_;
  torch::optim::AdamW optimiser_;
};

// Ours, as training_loop.cpp makes it: text features given, our AdamW.
class OurStep {
 public:
  explicit OurStep(std::shared_ptr<EcgTextModel> model);

  // Returns the loss.
  double run(const torch::Tensor& ecg, const TextFeatures& text, Precision precision);

 private:
  std::shared_ptr<EcgTextModel> model_;
  AdamW optimiser_;
};

}  // namespace deri
