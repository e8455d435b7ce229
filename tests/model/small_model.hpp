#pragma once
// A model of a few ten thousand weights beside its encoder, and a batch for it.

#include "deri/model/ecg_text_model.hpp"

namespace deri::testing {

inline ModelConfig small_config(const std::string& kind) {
  ModelConfig config;
  config.kind = kind;
  config.input.rate = 100;
  config.width = 16;
  config.downconv_stride = kind == "merl" ? 1 : 3;
  config.interaction_heads = 2;
  config.interaction_head_width = 8;
  config.text.vocabulary = 40;
  config.text.hidden = 24;
  config.text.layers = 1;
  config.text.heads = 2;
  config.text.intermediate = 32;
  config.text.positions = 20;
  config.text.max_tokens = 16;
  return config;
}

inline torch::Tensor small_ecg(std::int64_t batch) {
  return torch::rand({batch, 12, 1000});
}

// Reports of 5, 6, 7, ... tokens, padded to `tokens`.
inline TextInput small_text(std::int64_t batch, std::int64_t tokens) {
  TextInput text{torch::zeros({batch, tokens}, torch::kInt64), torch::zeros({batch, tokens}, torch::kBool)};
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < 5 + b; ++t) text.ids[b][t] = 1 + (7 * b + 3 * t) % 39;
    text.mask[b].slice(0, 0, 5 + b).fill_(true);
  }
  return text;
}

}  // namespace deri::testing
