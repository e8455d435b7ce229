#pragma once
// A report writer of a few thousand weights, beside its encoder, and a vocabulary for it.

#include <string>
#include <vector>

#include "model/small_model.hpp"

#include "deri/model/writer_config.hpp"
#include "deri/text/byte_level_bpe.hpp"

namespace deri::testing {

// The 256 letters, four merges, then `specials`, as GPT-2's vocabulary has them at its end.
inline ByteLevelBpe small_bpe(const std::vector<std::string>& specials = {}) {
  const std::vector<ByteLevelBpe::Merge> merges = {{"n", "o"}, {"r", "m"}, {"no", "rm"}, {"Ġ", "norm"}};
  std::vector<std::string> tokens = byte_alphabet();
  for (const auto& [left, right] : merges) tokens.push_back(left + right);
  tokens.insert(tokens.end(), specials.begin(), specials.end());
  return ByteLevelBpe(tokens, merges, "small");
}

inline ReportWriterConfig small_writer_config(const std::string& decoder_kind) {
  ReportWriterConfig config;
  config.max_tokens = 20;
  config.decoder.kind = decoder_kind;
  config.decoder.vocabulary = 30;
  config.decoder.width = 16;
  config.decoder.layers = 2;
  config.decoder.heads = 2;
  config.decoder.positions = 24;
  config.decoder.slots = 2;
  config.decoder.relation_heads = 4;
  config.decoder.feed_forward = 24;
  return config;
}

// Weights far from 0, norms and biases as they are: what is read makes a difference to what is written.
inline void make_decisive(torch::nn::Module& network, std::uint64_t seed) {
  torch::manual_seed(seed);
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : network.parameters())
    if (parameter.dim() > 1) parameter.normal_(0, 0.3);
}

}  // namespace deri::testing
