#pragma once
// MERL (Liu et al., ICML 2024), the baseline: one pooled token per ECG against the report, and two dropout views of the
// ECG against each other.

#include <memory>

#include "deri/model/ecg_text_model.hpp"
#include "deri/nn/attention_pool.hpp"

namespace deri {

// Every embedding of a training step, [B, width].
struct MerlOutputs {
  torch::Tensor view1, view2;         // drop(W1 e), drop(W2 e), e the mean ECG token
  torch::Tensor proj_ecg, proj_text;  // the pooled ECG token and the projected report, both L2-normalised
};

class Merl : public EcgTextModel {
 public:
  explicit Merl(const ModelConfig& config, ModelParts parts = ModelParts::kAll);

  // ecg [B, leads, samples].
  MerlOutputs forward(const torch::Tensor& ecg, const TextFeatures& text);

  // cma, uma.
  LossTerms losses(const torch::Tensor& ecg, const TextFeatures& text, const ObjectiveConfig& objective,
                   const torch::Tensor& same_report = {}) override;

 protected:
  torch::Tensor pooled_view(const torch::Tensor& features, EcgView view) override;    // the pooled token
  torch::Tensor pooled_tokens(const torch::Tensor& features, EcgView view) override;  // there are none: throws Error

 private:
  std::shared_ptr<ClassTokenPool> att_pool_head_;
  torch::nn::Linear linear1_, linear2_;
};

// The two terms of MERL's objective out of a step's embeddings.
LossTerms merl_losses(const MerlOutputs& outputs, const ObjectiveConfig& objective,
                      const torch::Tensor& same_report = {});

}  // namespace deri
