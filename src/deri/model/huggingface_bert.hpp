#pragma once
// BERT as HuggingFace keeps it on disk: a folder of config.json, vocab.txt, and model.safetensors or pytorch_model.bin.

#include <filesystem>
#include <memory>

#include "deri/model/config.hpp"
#include "deri/nn/bert.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

struct HuggingFaceBert {
  TextTowerConfig config;  // sizes as its config.json says; the rest as given
  std::shared_ptr<const WordPiece> tokenizer;
};
// Reads sizes and vocabulary. Throws Error, naming file and key.
HuggingFaceBert open_huggingface_bert(const std::filesystem::path& folder, const TextTowerConfig& defaults);

// Copies the folder's weights into `bert`; other tensors (heads, buffers) are passed over. Throws Error if a file or a
// tensor is missing, damaged or of another shape.
void load_bert_weights(const std::filesystem::path& folder, Bert& bert);

// Writes such a folder, whole or not at all; an older one of that name is replaced. HuggingFace's BertForMaskedLM reads
// it.
void save_huggingface_bert(const std::filesystem::path& folder, const BertForMaskedLm& model,
                           const TextTowerConfig& config, const WordPiece& tokenizer);

// What a tower of this configuration is made of.
BertOptions bert_options(const TextTowerConfig& text);

}  // namespace deri
