#include "deri/experiment/speed_step.hpp"

#include <utility>

namespace deri {
namespace {

using torch::Tensor;

constexpr double kLearningRate = 1e-3, kWeightDecay = 1e-8;

std::vector<Tensor> trained_parameters(const EcgTextModel& model) {
  std::vector<Tensor> parameters = model.parameters();
  std::erase_if(parameters, [](const Tensor& parameter) { return !parameter.requires_grad(); });
  return parameters;
}

}  // namespace

ObjectiveConfig speed_objective() {
  ObjectiveConfig objective;
  objective.exclude_duplicates = false;
  return objective;
}

ReferenceStep::ReferenceStep(std::shared_ptr<EcgTextModel> model)
    : model_(std::move(model)),
      optimiser_(trained_parameters(*model_), torch::optim::AdamWOptions(kLearningRate).weight_decay(kWeightDecay)) {
  model_->train();
}

double ReferenceStep::run(const Tensor& ecg, const TextInput& text, Precision precision) {
  optimiser_.zero_grad();
  Tensor loss;
  {
    const AutocastGuard autocast(precision, torch::kCPU);
    loss = total_loss(model_->losses(ecg, model_->encode_text(text), speed_objective()), speed_objective());
  }
  loss.backward();
  optimiser_.step();
  return loss.item<double>();
}

OurStep::OurStep(std::shared_ptr<EcgTextModel> model)
    : model_(std::move(model)), optimiser_(*model_, {.learning_rate = kLearningRate, .weight_decay = kWeightDecay}) {
  model_->train();
}

double OurStep::run(const Tensor& ecg, const TextFeatures& text, Precision precision) {
  optimiser_.zero_gradients();
  Tensor loss;
  {
    const AutocastGuard autocast(precision, torch::kCPU);
    loss = total_loss(model_->losses(ecg, text, speed_objective()), speed_objective());
  }
  loss.backward();
  optimiser_.clip_gradients();
  optimiser_.step(kLearningRate);
  return loss.item<double>();
}

}  // namespace deri
