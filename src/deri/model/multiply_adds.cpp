#include "deri/model/multiply_adds.hpp"

#include <cmath>
#include <string>

namespace deri {
namespace {

std::int64_t half(std::int64_t length) {
  return (length + 1) / 2;
}

// Queries of `queries` tokens with the keys of `keys` tokens, and the weights with their values; all heads together
// `width` wide.
std::int64_t attention(std::int64_t queries, std::int64_t keys, std::int64_t width) {
  return 2 * queries * keys * width;
}

// Time steps that the convolution `name` of a ResNet-1d puts out. Conv1 and the stages 2, 3, 4 halve the length; in a
// stage's first block it is the 3-wide convolution that does, a 1-wide one before it still sees the length of before.
std::int64_t resnet_length(const std::string& name, std::int64_t kernel, std::int64_t samples) {
  std::int64_t length = half(samples);
  if (!name.starts_with("layer")) return length;
  const int stage = name[5] - '0';
  const bool before_stride = name.ends_with(".0.conv1.weight") && kernel == 1;
  for (int i = 1; i < (before_stride ? stage - 1 : stage); ++i) length = half(length);
  return length;
}

MultiplyAdds resnet(const Backbone& encoder, std::int64_t samples) {
  MultiplyAdds count;
  for (const auto& entry : encoder.named_parameters()) {
    const torch::Tensor& weight = entry.value();
    if (weight.dim() != 3) continue;  // norms, and the head that nothing uses
    const std::int64_t made = weight.numel() * resnet_length(entry.key(), weight.size(2), samples);
    count.forward += made;
    if (entry.key() == "conv1.weight") count.inputs += made;
  }
  return count;
}

MultiplyAdds vit(const Backbone& encoder, std::int64_t samples) {
  const std::int64_t tokens = encoder.tokens(samples);
  MultiplyAdds count;
  for (const auto& entry : encoder.named_parameters()) {
    const torch::Tensor& weight = entry.value();
    const bool patches = entry.key() == "to_patch_embedding.weight";
    if (weight.dim() == 2 || patches) count.forward += weight.numel() * tokens;
    if (patches) count.inputs += weight.numel() * tokens;
    if (entry.key().ends_with("to_qkv.weight")) count.forward += attention(tokens, tokens, weight.size(0) / 3);
  }
  return count;
}

// Projections to queries, keys and values, attention, and back.
std::int64_t self_attention(std::int64_t tokens, std::int64_t width, std::int64_t inner) {
  return tokens * 4 * width * inner + attention(tokens, tokens, inner);
}

std::int64_t gated_mlp(std::int64_t tokens, std::int64_t width, std::int64_t out) {
  return tokens * (2 * width * width + width * out);
}

std::int64_t class_token_pool(std::int64_t tokens, std::int64_t width) {
  return width * width * (2 * (tokens + 1) + 3) + attention(1, tokens + 1, width);
}

std::int64_t text_projection(const ModelConfig& config) {
  return config.text.hidden * config.width + config.width * config.width;
}

// An encoder with its down-convolution, and how many tokens come out.
struct EncodedTokens {
  MultiplyAdds count;
  std::int64_t tokens;
};

EncodedTokens encode(const ModelConfig& config) {
  const std::int64_t samples = config.input.samples();
  const auto encoder = make_backbone(config.backbone, static_cast<std::int64_t>(config.input.leads.size()), samples);
  const std::int64_t tokens =
      (encoder->tokens(samples) + config.downconv_stride - 1) / config.downconv_stride;  // rounded up
  MultiplyAdds count = encoder_multiply_adds(*encoder, samples);
  count.forward += tokens * encoder->features() * config.width;
  return {count, tokens};
}

// The ECG's decoding of a report's feature, and that through the projector.
std::int64_t decode_text(const ModelConfig& config, std::int64_t ecg_tokens) {
  return interaction_multiply_adds(config, ecg_tokens + 1, config.text.hidden) + text_projection(config);
}

// `vectors` of the text tower through the projector.
MultiplyAdds read_text(const ModelConfig& config, std::int64_t vectors) {
  return {.forward = vectors * text_projection(config), .inputs = vectors * config.text.hidden * config.width};
}

// What the losses make of one record's tokens.
std::int64_t ecg_losses(const ModelConfig& config, std::int64_t tokens) {
  const std::int64_t width = config.width;
  if (config.kind == "merl") return 2 * width * width + class_token_pool(tokens, width);
  const auto kept = static_cast<std::int64_t>(std::floor(config.rme_keep * static_cast<double>(tokens) + 1e-9));
  return separator_pool_multiply_adds(tokens, width) + 2 * separator_pool_multiply_adds(kept, width) +
         decode_text(config, tokens);
}

}  // namespace

MultiplyAdds encoder_multiply_adds(const Backbone& encoder, std::int64_t samples) {
  for (const auto& entry : encoder.named_parameters())
    if (entry.key() == "to_patch_embedding.weight") return vit(encoder, samples);
  return resnet(encoder, samples);
}

MultiplyAdds text_tower_multiply_adds(const TextTowerConfig& text, std::int64_t tokens) {
  const std::int64_t layer =
      self_attention(tokens, text.hidden, text.hidden) + 2 * tokens * text.hidden * text.intermediate;
  return {.forward = text.layers * layer + text.hidden * text.hidden, .inputs = 0};
}

std::int64_t separator_pool_multiply_adds(std::int64_t tokens, std::int64_t width) {
  return self_attention(tokens + 2, width, width);
}

std::int64_t interaction_multiply_adds(const ModelConfig& config, std::int64_t tokens, std::int64_t out) {
  const std::int64_t width = config.width, framed = tokens + 2;
  const std::int64_t inner = config.interaction_heads * config.interaction_head_width;
  const std::int64_t block = self_attention(framed, width, inner) + gated_mlp(framed, width, width);
  return gated_mlp(tokens, width, width) + config.interaction_depth * block + gated_mlp(tokens, width, out);
}

MultiplyAdds embedding_multiply_adds(const ModelConfig& config) {
  auto [count, tokens] = encode(config);
  if (config.kind == "merl") {
    count.forward += class_token_pool(tokens, config.width);
    return count;
  }
  count.forward += separator_pool_multiply_adds(tokens, config.width);
  if (config.zero_shot_embedding != "aligned") count.forward += decode_text(config, tokens);
  return count;
}

MultiplyAdds losses_multiply_adds(const ModelConfig& config, const std::vector<std::int64_t>& text_tokens) {
  const auto [encoder, tokens] = encode(config);
  MultiplyAdds record = encoder;
  record.forward += ecg_losses(config, tokens);
  record += read_text(config, 1);
  MultiplyAdds count = static_cast<std::int64_t>(text_tokens.size()) * record;
  if (config.kind == "merl") return count;
  for (const std::int64_t length : text_tokens) {
    count += read_text(config, length);
    count.forward += interaction_multiply_adds(config, length, config.width);
  }
  return count;
}

}  // namespace deri
