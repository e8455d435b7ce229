#include "deri/model/deri.hpp"

#include <array>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/nn/attention.hpp"
#include "deri/nn/kernels.hpp"

namespace deri {
namespace {

using torch::Tensor;

std::int64_t kept_tokens(double keep, std::int64_t tokens) {
  // The small term undoes the rounding of products such as 0.29 * 100.
  const auto kept = static_cast<std::int64_t>(std::floor(keep * static_cast<double>(tokens) + 1e-9));
  if (kept < 1) fail("rme_keep {} leaves none of {} ECG tokens: raise it or use longer input", keep, tokens);
  return kept;
}

// The two decoders differ in what they read and in the width of their result.
std::shared_ptr<Interaction> make_interaction(const ModelConfig& config, std::int64_t positions, std::int64_t out) {
  return std::make_shared<Interaction>(InteractionOptions{.positions = positions,
                                                          .width = config.width,
                                                          .out = out,
                                                          .depth = config.interaction_depth,
                                                          .heads = config.interaction_heads,
                                                          .head_width = config.interaction_head_width,
                                                          .dropout = config.interaction_dropout,
                                                          .drop_path = config.interaction_drop_path});
}

// Row b of the result holds tokens[b] at order[b]: tokens [B, N, d], order [B, K] -> [B, K, d].
Tensor pick_tokens(const Tensor& tokens, const Tensor& order) {
  return tokens.gather(1, order.unsqueeze(2).expand({-1, -1, tokens.size(2)}));
}

}  // namespace

Deri::Deri(const ModelConfig& config, ModelParts parts)
    : EcgTextModel(config, parts),
      rme_tokens_(kept_tokens(config.rme_keep, ecg_tokens())),
      att_pool_head_(register_module("att_pool_head",
                                     std::make_shared<SeparatorPool>(ecg_tokens(), config.width, config.pool_heads))),
      linear1_(
          register_module("linear1", std::make_shared<SeparatorPool>(rme_tokens_, config.width, config.rme_heads))),
      linear2_(
          register_module("linear2", std::make_shared<SeparatorPool>(rme_tokens_, config.width, config.rme_heads))),
      // One position more than tokens: the ECG's tokens and decode_e's separator.
      decode_t_(register_module("decode_t", make_interaction(config, ecg_tokens() + 1, config.text.hidden))),
      decode_e_(register_module("decode_e", make_interaction(config, config.text.max_tokens, config.width))) {}

DeriOutputs Deri::forward(const Tensor& ecg, const TextFeatures& text, const std::optional<RmeNoise>& noise) {
  const Tensor tokens = encode_ecg(ecg);
  const Tensor pooled = l2_normalised(att_pool_head_->forward(tokens));
  const RmeNoise chosen = noise ? *noise : draw_noise(tokens);
  const Tensor order1 = chosen.head1.argsort(/*dim=*/1, /*descending=*/false).slice(1, 0, rme_tokens_);
  const Tensor order2 = chosen.head2.argsort(/*dim=*/1, /*descending=*/false).slice(1, -rme_tokens_);

  DeriOutputs out;
  out.rme1 = linear1_->forward(pick_tokens(tokens, order1)).mean(1);
  out.rme2 = linear2_->forward(pick_tokens(tokens, order2)).mean(1);
  out.proj_ecg = pooled.mean(1);
  out.proj_text = text_embedding(text);
  out.dec_ecg = decode_ecg(text);
  out.dec_text = decode_text(pooled);
  out.mix_ecg = out.proj_ecg + project_text(out.dec_text);
  out.mix_text = out.proj_text + out.dec_ecg;
  out.ori_ecg = tokens.mean(1);
  out.ori_text = text.pooled;
  return out;
}

Tensor Deri::pooled_view(const Tensor& features, EcgView view) {
  if (view != EcgView::kZeroShot) return pooled_tokens(features, view).mean(1);
  const std::string& kind = config().zero_shot_embedding;
  if (kind != "mix-unnormalised") return pooled_view(features, kind == "aligned" ? EcgView::kAligned : EcgView::kMix);
  const Tensor pooled = att_pool_head_->forward(encode_features(features));
  return pooled.mean(1) + project_text(decode_text(pooled));
}

Tensor Deri::pooled_tokens(const Tensor& features, EcgView view) {
  const Tensor pooled = l2_normalised(att_pool_head_->forward(encode_features(features)));
  if (view == EcgView::kAligned) return pooled;
  return pooled + project_text(decode_text(pooled)).unsqueeze(1);
}

LossTerms Deri::losses(const Tensor& ecg, const TextFeatures& text, const ObjectiveConfig& objective,
                       const Tensor& same_report) {
  return deri_losses(forward(ecg, text), objective, same_report);
}

RmeNoise Deri::draw_noise(const Tensor& tokens) const {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(tokens.device());
  const std::array<std::int64_t, 2> shape{tokens.size(0), tokens.size(1)};
  const Tensor head1 = torch::rand(shape, options);
  return {.head1 = head1, .head2 = torch::rand(shape, options)};
}

Tensor Deri::decode_text(const Tensor& pooled_tokens) {
  const Tensor separator = decode_e_->separator().expand({pooled_tokens.size(0), 1, -1});
  return decode_t_->forward(torch::cat({pooled_tokens, separator}, 1)).mean(1);
}

Tensor Deri::decode_ecg(const TextFeatures& text) {
  const Tensor mask = config().mask_padding ? text.mask : Tensor();
  if (mask.defined() && fast_type(text.hidden)) {
    const RaggedBatch batch = RaggedBatch::of_mask(mask);
    return batch.means(decode_e_->forward(project_text(batch.rows(text.hidden, mask)), batch));
  }
  return mean_of_tokens(decode_e_->forward(project_text(text.hidden), mask), mask);
}

LossTerms deri_losses(const DeriOutputs& outputs, const ObjectiveConfig& objective, const Tensor& same_report) {
  LossTerms terms;
  const auto add = [&](const char* name, const Tensor& x, const Tensor& y) {
    add_clip_term(terms, name, x, y, objective, same_report);
  };
  add("cma", outputs.proj_ecg, outputs.proj_text);
  add("cma_mix", outputs.mix_ecg, outputs.mix_text);
  add("uma", outputs.rme1, outputs.rme2);
  add("dec_ecg", outputs.ori_ecg, outputs.dec_ecg);
  add("dec_text", outputs.ori_text, outputs.dec_text);
  return terms;
}

}  // namespace deri
