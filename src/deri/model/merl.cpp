#include "deri/model/merl.hpp"

#include "deri/base/error.hpp"

namespace deri {
namespace {

using torch::Tensor;

torch::nn::Linear make_view(std::int64_t width) {
  return torch::nn::Linear(torch::nn::LinearOptions(width, width).bias(false));
}

}  // namespace

Merl::Merl(const ModelConfig& config, ModelParts parts)
    : EcgTextModel(config, parts),
      att_pool_head_(register_module("att_pool_head",
                                     std::make_shared<ClassTokenPool>(ecg_tokens(), config.width, config.pool_heads))),
      linear1_(register_module("linear1", make_view(config.width))),
      linear2_(register_module("linear2", make_view(config.width))) {}

MerlOutputs Merl::forward(const Tensor& ecg, const TextFeatures& text) {
  const Tensor tokens = encode_ecg(ecg);
  const Tensor mean = tokens.mean(1);
  MerlOutputs out;
  out.view1 = torch::dropout(linear1_(mean), config().view_dropout, is_training());
  out.view2 = torch::dropout(linear2_(mean), config().view_dropout, is_training());
  out.proj_ecg = l2_normalised(att_pool_head_->forward(tokens));
  out.proj_text = text_embedding(text);
  return out;
}

Tensor Merl::pooled_view(const Tensor& features, EcgView view) {
  if (view == EcgView::kMix) fail("MERL has no mix encoding of an ECG: choose zero-shot, aligned or encoder");
  return att_pool_head_->forward(encode_features(features));
}

Tensor Merl::pooled_tokens(const Tensor&, EcgView view) {
  fail("MERL pools an ECG to one vector, so its {} view has no tokens: choose encoder", view_name(view));
}

LossTerms Merl::losses(const Tensor& ecg, const TextFeatures& text, const ObjectiveConfig& objective,
                       const Tensor& same_report) {
  return merl_losses(forward(ecg, text), objective, same_report);
}

LossTerms merl_losses(const MerlOutputs& outputs, const ObjectiveConfig& objective, const Tensor& same_report) {
  LossTerms terms;
  add_clip_term(terms, "cma", outputs.proj_ecg, outputs.proj_text, objective, same_report);
  add_clip_term(terms, "uma", outputs.view1, outputs.view2, objective, same_report);
  return terms;
}

}  // namespace deri
