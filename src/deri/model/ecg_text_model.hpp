#pragma once
// What DERI and MERL share: an ECG encoder with a down-convolution, a text tower with a projector, and the interface
// that training and evaluation use.

#include <memory>

#include <torch/torch.h>

#include "deri/model/config.hpp"
#include "deri/model/objective.hpp"
#include "deri/nn/backbone.hpp"
#include "deri/nn/bert.hpp"

namespace deri {

// A batch of tokenised reports.
struct TextInput {
  torch::Tensor ids;   // [B, T] int64, T <= text.max_tokens
  torch::Tensor mask;  // [B, T] bool, true = token, false = padding; every row begins with a token
};

// What the text tower makes of them; may be computed once and kept while the tower is frozen.
struct TextFeatures {
  torch::Tensor pooled;  // [B, text.hidden]
  torch::Tensor hidden;  // [B, T, text.hidden]
  torch::Tensor mask;    // [B, T] bool
};

// The points of view from which a model shows an ECG.
enum class EcgView {
  kZeroShot,  // ecg_embedding(): what zero-shot compares with prompts
  kAligned,   // p_e: the pooled encoding that is aligned with the report [width]
  kMix,       // mix_e = p_e + proj_t(decoded text feature) [width]; DERI only
  kEncoder    // the mean over time of the ECG encoder's output, before any projection [features of the backbone]
};

// "zero-shot", "aligned", "mix", "encoder".
const char* view_name(EcgView view);
// Throws Error for another name, with those there are.
EcgView parse_view(const std::string& name);

// What a model is made of.
enum class ModelParts {
  kAll,
  kEcg  // without the text tower: enough for every view of an ECG
};

class EcgTextModel : public torch::nn::Module {
 public:
  const ModelConfig& config() const { return config_; }

  // As in PyTorch, but a frozen text tower stays in evaluation mode.
  void train(bool on = true) override;

  // The text tower. Frozen: without gradient. The model must have one.
  TextFeatures encode_text(const TextInput& text);

  // l2norm(proj_t(pooled)) [B, width]: what a class prompt or a report is in the shared space.
  torch::Tensor text_embedding(const TextFeatures& text);

  // ecg [B, leads, samples] -> [B, width], not normalised: what zero-shot classification compares with text_embedding()
  // by cosine.
  torch::Tensor ecg_embedding(const torch::Tensor& ecg) { return ecg_view(ecg, EcgView::kZeroShot); }

  // ecg [B, leads, samples] -> [B, d], not normalised; d depends on the view. Throws Error for a view the model lacks.
  torch::Tensor ecg_view(const torch::Tensor& ecg, EcgView view);
  // The same out of what the ECG encoder makes of the records, [B, features, tokens], computed elsewhere.
  torch::Tensor features_view(const torch::Tensor& features, EcgView view);

  // The same before the mean over tokens: ecg [B, leads, samples] -> [B, N, d], whose mean over N is ecg_view().
  // kAligned and kMix are DERI's, kEncoder every model's. Throws Error for a view without tokens.
  torch::Tensor ecg_token_view(const torch::Tensor& ecg, EcgView view);

  // The terms of the objective whose weight is not 0. ecg [B, leads, samples]; row b of `text` is the report of record
  // b; same_report [B, B] bool or undefined, see clip(). Random choices come from torch's default generator.
  virtual LossTerms losses(const torch::Tensor& ecg, const TextFeatures& text, const ObjectiveConfig& objective,
                           const torch::Tensor& same_report = {}) = 0;

  // The parts whose weights may come from elsewhere.
  Backbone& ecg_encoder() { return *ecg_encoder_; }
  bool has_text_tower() const { return lm_model_ != nullptr; }
  Bert& text_tower();

 protected:
  // Checks the configuration and builds the shared parts. Throws Error.
  EcgTextModel(const ModelConfig& config, ModelParts parts);

  // Number of ECG tokens N behind the down-convolution.
  std::int64_t ecg_tokens() const { return ecg_tokens_; }

  // E: ecg [B, leads, samples] -> [B, N, width].
  torch::Tensor encode_ecg(const torch::Tensor& ecg) { return encode_features(ecg_encoder_->forward(ecg)); }
  // The down-convolution of the encoder's features [B, features, tokens] -> [B, N, width].
  torch::Tensor encode_features(const torch::Tensor& features);

  // Views of the encoder's features: kZeroShot, kAligned and, where there is one, kMix.
  virtual torch::Tensor pooled_view(const torch::Tensor& features, EcgView view) = 0;
  // kAligned and kMix before the mean over tokens.
  virtual torch::Tensor pooled_tokens(const torch::Tensor& features, EcgView view) = 0;

  // proj_t: [..., text.hidden] -> [..., width].
  torch::Tensor project_text(const torch::Tensor& x);

 private:
  ModelConfig config_;
  std::shared_ptr<Backbone> ecg_encoder_;
  torch::nn::Conv1d downconv_{nullptr};
  std::shared_ptr<Bert> lm_model_;
  torch::nn::Sequential proj_t_;
  std::int64_t ecg_tokens_;
};

// A freshly initialised model of config.kind; its weights are drawn from torch's default generator. Weights of a
// pretrained text tower are the caller's to load. Throws Error for an invalid configuration.
std::shared_ptr<EcgTextModel> make_model(const ModelConfig& config, ModelParts parts = ModelParts::kAll);

// x / max(|x|, 1e-12) over the last dimension.
torch::Tensor l2_normalised(const torch::Tensor& x);

}  // namespace deri
