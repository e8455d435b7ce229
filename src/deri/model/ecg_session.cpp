#include "deri/model/ecg_session.hpp"

#include "deri/base/error.hpp"
#include "deri/nn/evaluation_mode.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/precision.hpp"
#include "deri/nn/resnet1d.hpp"

namespace deri {
namespace {

// With a whole-number encoder what comes behind is in bfloat16, whose rounding is the smaller of the two, unless this
// machine is slower at that.
Precision behind_the_encoder(InferencePrecision precision) {
  if (precision == InferencePrecision::kInt8 && !fast_kernels(torch::kBFloat16)) return Precision::kFloat32;
  return precision == InferencePrecision::kFloat32 ? Precision::kFloat32 : Precision::kBfloat16;
}

}  // namespace

EcgSession::EcgSession(EcgTextModel& model, InferencePrecision precision, const torch::Tensor& calibration)
    : model_(model), device_(model.parameters().front().device()), behind_(behind_the_encoder(precision)) {
  const auto* resnet = dynamic_cast<const ResNet1d*>(&model.ecg_encoder());
  if (resnet != nullptr && device_.is_cpu() && ResNetSession::usable(precision))
    encoder_ = std::make_unique<ResNetSession>(resnet->layers(), precision, calibration);
  else if (precision == InferencePrecision::kInt8)
    fail(
        "precision int8 is for ResNets on the CPU, with the fast kernels of a build with oneDNN; use float32 or "
        "bfloat16 (this model's backbone is {}, its device {})",
        model.config().backbone, device_.str());
}

torch::Tensor EcgSession::view(const torch::Tensor& ecg, EcgView view) {
  const torch::InferenceMode inference;
  const EvaluationMode evaluation(model_);
  const AutocastGuard autocast(behind_, device_);
  const torch::Tensor rows =
      encoder_ ? model_.features_view(encoder_->forward(ecg), view) : model_.ecg_view(ecg.to(device_), view);
  return rows.to(torch::kFloat32);
}

}  // namespace deri
