#pragma once
// What `deri bench` computes with: synthetic ECGs with their reports, and models of the published size with random
// weights.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/ecg/recording.hpp"
#include "deri/model/ecg_text_model.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

// 12 leads of 10 s at 500 Hz.
struct SyntheticPair {
  Recording recording;
  std::string report;
};
std::vector<SyntheticPair> synthetic_pairs(std::size_t count);

// [count, leads, samples], as the model of `input` takes them.
torch::Tensor input_tensor(const std::vector<SyntheticPair>& pairs, const InputConfig& input);

// Learnt from these reports.
std::shared_ptr<const WordPiece> speed_tokenizer(const std::vector<SyntheticPair>& pairs);

// DERI as published: reports padded to 256 tokens through BERT-base, pads in the decoded feature.
ModelConfig published_config();

// The same network as we train it: pads masked, and no text tower worth mentioning, because its features are stored.
ModelConfig stored_text_config();

// Without anything random in training but the choice of the RME tokens.
ModelConfig without_dropout(ModelConfig config);

// Random weights, always the same.
std::shared_ptr<EcgTextModel> speed_model(const ModelConfig& config);

// Copies all weights but the text tower's.
void copy_weights_beside_tower(const EcgTextModel& from, EcgTextModel& to);

}  // namespace deri
