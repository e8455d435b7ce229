#pragma once
// DERI (IJCAI 2025, pp. 4824-4832): ECG and report tokens decode each other's features.

#include <memory>
#include <optional>

#include "deri/model/ecg_text_model.hpp"
#include "deri/nn/attention_pool.hpp"
#include "deri/nn/interaction.hpp"

namespace deri {

// One uniform number per record and ECG token for each RME head: [B, N] float. Sorted ascending, head 1 keeps the
// first floor(rme_keep * N) tokens in that order, head 2 the last.
struct RmeNoise {
  torch::Tensor head1, head2;
};

// Every embedding of a training step, [B, width] unless said otherwise.
struct DeriOutputs {
  torch::Tensor rme1, rme2;           // r1, r2: two random views of the ECG's tokens
  torch::Tensor proj_ecg, proj_text;  // p_e, p_t: aligned encodings
  torch::Tensor mix_ecg, mix_text;    // mix_e = p_e + proj_t(dec_text), mix_t = p_t + dec_ecg
  torch::Tensor dec_ecg;              // the ECG feature decoded from the report
  torch::Tensor dec_text;             // [B, text.hidden], the report's feature decoded from the ECG
  torch::Tensor ori_ecg;              // e0, the mean ECG token
  torch::Tensor ori_text;             // t0, the text tower's pooled output [B, text.hidden]
};

class Deri : public EcgTextModel {
 public:
  explicit Deri(const ModelConfig& config, ModelParts parts = ModelParts::kAll);

  // ecg [B, leads, samples]. Without `noise` it is drawn from torch's default generator.
  DeriOutputs forward(const torch::Tensor& ecg, const TextFeatures& text, const std::optional<RmeNoise>& noise = {});

  // cma, cma_mix, uma, dec_ecg, dec_text.
  LossTerms losses(const torch::Tensor& ecg, const TextFeatures& text, const ObjectiveConfig& objective,
                   const torch::Tensor& same_report = {}) override;

  // How many of the N tokens an RME head sees.
  std::int64_t rme_tokens() const { return rme_tokens_; }

 protected:
  // For zero-shot what config.zero_shot_embedding says: mix_e, mix_e from un-normalised pooled tokens (published), or
  // p_e.
  torch::Tensor pooled_view(const torch::Tensor& features, EcgView view) override;
  // P, or P with proj_t(decoded text feature) added to every token.
  torch::Tensor pooled_tokens(const torch::Tensor& features, EcgView view) override;

 private:
  RmeNoise draw_noise(const torch::Tensor& tokens) const;
  torch::Tensor decode_text(const torch::Tensor& pooled_tokens);  // [B, N, width] -> [B, text.hidden]
  torch::Tensor decode_ecg(const TextFeatures& text);             // -> [B, width]

  std::int64_t rme_tokens_;
  std::shared_ptr<SeparatorPool> att_pool_head_, linear1_, linear2_;
  std::shared_ptr<Interaction> decode_t_, decode_e_;
};

// The five terms of DERI's objective out of a step's embeddings.
LossTerms deri_losses(const DeriOutputs& outputs, const ObjectiveConfig& objective,
                      const torch::Tensor& same_report = {});

}  // namespace deri
