#pragma once
// Texts → the tensors a text tower reads.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "deri/model/config.hpp"
#include "deri/model/ecg_text_model.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

// Token ids of reports or prompts, as the tower of `config` takes them: cleaned, cut to max_tokens.
std::vector<std::vector<std::int32_t>> tokenize_texts(const WordPiece& tokenizer, const TextTowerConfig& config,
                                                      const std::vector<std::string>& texts);

// One batch, ids [B, T] padded with pad_id to the longest row, or to `columns` if that is more; mask [B, T] true at
// tokens.
TextInput padded_batch(const std::vector<const std::vector<std::int32_t>*>& token_ids, std::size_t columns,
                       std::int32_t pad_id, const torch::Device& device);

// One batch, ids [B,T] padded with pad_id, mask [B,T] true at tokens. T is max_tokens if config.pad_to_max, else the
// longest.
TextInput make_text_input(const std::vector<const std::vector<std::int32_t>*>& token_ids, const TextTowerConfig& config,
                          std::int32_t pad_id, const torch::Device& device);

}  // namespace deri
