#pragma once
// A model's views of ECGs in evaluation, computed in a chosen precision by the fastest way that this machine, build and
// backbone have.

#include <memory>

#include <torch/torch.h>

#include "deri/model/ecg_text_model.hpp"
#include "deri/nn/precision.hpp"
#include "deri/nn/resnet_session.hpp"

namespace deri {

class EcgSession {
 public:
  // How many records kInt8 is calibrated on.
  static constexpr std::int64_t kCalibrationRecords = 64;

  // With the weights the model has now: make another when they have changed. The model is used, and must outlive the
  // session. kInt8 takes the ranges of its whole numbers from `calibration`, inputs [N, leads, samples] like those to
  // come (a few dozen), and throws Error where it cannot be had: without fast kernels (kernels.hpp), for a backbone
  // that is no ResNet, on another device than the CPU.
  explicit EcgSession(EcgTextModel& model, InferencePrecision precision = InferencePrecision::kFloat32,
                      const torch::Tensor& calibration = {});

  // ecg [B, leads, samples] -> [B, d] float32, as EcgTextModel::ecg_view() in evaluation mode gives it; without
  // gradient. The model goes back to the mode it was in. Not for several threads at once.
  torch::Tensor view(const torch::Tensor& ecg, EcgView view);

  const ModelConfig& config() const { return model_.config(); }
  // Where the model's weights are.
  torch::Device device() const { return device_; }

 private:
  EcgTextModel& model_;
  torch::Device device_;
  Precision behind_;  // the precision of what comes behind the encoder, or of all of it
  std::unique_ptr<ResNetSession> encoder_;
};

}  // namespace deri
