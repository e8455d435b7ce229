#include "deri/model/ecg_text_model.hpp"

#include <array>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/model/deri.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/merl.hpp"
#include "deri/nn/linear.hpp"

namespace deri {
namespace {

using torch::Tensor;

const ModelConfig& validated(const ModelConfig& config) {
  validate(config);
  return config;
}

// Steps a convolution of kernel 1 makes over `tokens`.
std::int64_t strided_count(std::int64_t tokens, std::int64_t stride) {
  return (tokens + stride - 1) / stride;
}

constexpr std::array<std::pair<EcgView, const char*>, 4> kViews{{{EcgView::kZeroShot, "zero-shot"},
                                                                 {EcgView::kAligned, "aligned"},
                                                                 {EcgView::kMix, "mix"},
                                                                 {EcgView::kEncoder, "encoder"}}};

}  // namespace

const char* view_name(EcgView view) {
  for (const auto& [value, name] : kViews)
    if (value == view) return name;
  DERI_CHECK(false);
}

EcgView parse_view(const std::string& name) {
  for (const auto& [value, text] : kViews)
    if (name == text) return value;
  fail("unknown view '{}' of an ECG; there are zero-shot, aligned, mix and encoder", name);
}

EcgTextModel::EcgTextModel(const ModelConfig& config, ModelParts parts)
    : config_(validated(config)),
      ecg_encoder_(register_module("ecg_encoder",
                                   make_backbone(config.backbone, static_cast<std::int64_t>(config.input.leads.size()),
                                                 config.input.samples()))),
      downconv_(register_module(
          "downconv",
          torch::nn::Conv1d(
              torch::nn::Conv1dOptions(ecg_encoder_->features(), config.width, 1).stride(config.downconv_stride)))),
      lm_model_(parts == ModelParts::kAll
                    ? register_module("lm_model", std::make_shared<Bert>(bert_options(config.text)))
                    : nullptr),
      proj_t_(register_module(
          "proj_t", torch::nn::Sequential(torch::nn::Linear(config.text.hidden, config.width), torch::nn::GELU(),
                                          torch::nn::Linear(config.width, config.width)))),
      ecg_tokens_(strided_count(ecg_encoder_->tokens(config.input.samples()), config.downconv_stride)) {
  if (has_text_tower() && !config_.text.trainable) {
    for (Tensor& parameter : lm_model_->parameters()) parameter.set_requires_grad(false);
    lm_model_->eval();
  }
}

void EcgTextModel::train(bool on) {
  Module::train(on);
  if (has_text_tower() && !config_.text.trainable) lm_model_->eval();
}

Bert& EcgTextModel::text_tower() {
  DERI_CHECK(has_text_tower());
  return *lm_model_;
}

Tensor EcgTextModel::ecg_view(const Tensor& ecg, EcgView view) {
  return features_view(ecg_encoder_->forward(ecg), view);
}

Tensor EcgTextModel::features_view(const Tensor& features, EcgView view) {
  return view == EcgView::kEncoder ? features.mean(2) : pooled_view(features, view);
}

Tensor EcgTextModel::ecg_token_view(const Tensor& ecg, EcgView view) {
  if (view == EcgView::kZeroShot) fail("the zero-shot view of an ECG has no tokens: choose aligned, mix or encoder");
  const Tensor features = ecg_encoder_->forward(ecg);
  return view == EcgView::kEncoder ? features.transpose(1, 2) : pooled_tokens(features, view);
}

TextFeatures EcgTextModel::encode_text(const TextInput& text) {
  const torch::AutoGradMode gradient(config_.text.trainable && torch::GradMode::is_enabled());
  BertOutput output = text_tower().forward(text.ids, text.mask);
  return {.pooled = output.pooled, .hidden = output.hidden, .mask = text.mask};
}

Tensor EcgTextModel::text_embedding(const TextFeatures& text) {
  return l2_normalised(project_text(text.pooled));
}

Tensor EcgTextModel::encode_features(const Tensor& features) {
  // A convolution of kernel 1 is a linear map of every stride-th token; token-major is what attention reads next.
  const Tensor tokens = features.slice(2, 0, features.size(2), config_.downconv_stride).transpose(1, 2);
  DERI_CHECK(tokens.size(1) == ecg_tokens_);
  return linear_map(tokens, downconv_->weight.squeeze(2), downconv_->bias);
}

Tensor EcgTextModel::project_text(const Tensor& x) {
  const auto& expand = *proj_t_->ptr<torch::nn::LinearImpl>(0);
  const auto& contract = *proj_t_->ptr<torch::nn::LinearImpl>(2);
  return linear_map(torch::gelu(linear_map(x, expand.weight, expand.bias)), contract.weight, contract.bias);
}

std::shared_ptr<EcgTextModel> make_model(const ModelConfig& config, ModelParts parts) {
  validate(config);
  if (config.kind == "merl") return std::make_shared<Merl>(config, parts);
  return std::make_shared<Deri>(config, parts);
}

Tensor l2_normalised(const Tensor& x) {
  return torch::nn::functional::normalize(x, torch::nn::functional::NormalizeFuncOptions().dim(-1));
}

}  // namespace deri
