#pragma once
// A model on disk, self-describing: any command takes the folder as --model.
//   model.safetensors  weights under the published tensor names
//   config.json        version, architecture, preprocessing, how it was trained
//   vocab.txt          the text tower's vocabulary
//   prompts.json       class prompts for zero-shot, if it was trained with some
//   README.md          model card

#include <filesystem>
#include <memory>
#include <string>

#include "deri/base/json.hpp"
#include "deri/model/config.hpp"
#include "deri/model/ecg_text_model.hpp"
#include "deri/model/prompts.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

inline constexpr int kModelVersion = 1;

// A model with all that is needed to use it.
struct ModelBundle {
  ModelConfig config;
  std::shared_ptr<EcgTextModel> model;
  std::shared_ptr<const WordPiece> tokenizer;
  Prompts prompts;
  Json training = Json::object();  // provenance: data, seed, epoch, scores; shown on the card
};

// A model of `config` with weights drawn from `seed`; the pretrained text tower, if the configuration names one, is
// loaded. For a tower of our own, config.text.vocabulary becomes the tokenizer's size. Throws Error.
ModelBundle new_model(ModelConfig config, std::shared_ptr<const WordPiece> tokenizer, Prompts prompts,
                      std::uint64_t seed);

// Writes the folder, whole or not at all; an older one of that name is replaced. The bundle must have all parts.
void save_model(const std::filesystem::path& folder, const ModelBundle& bundle);

// Reads a folder; the model is in evaluation mode on the CPU. With kEcg neither the text tower nor the vocabulary is
// read (a BERT-base is 440 MB), there is no tokenizer, and the weights stay in the mapped file: a model to compute
// with, not to train. Throws Error if a file is missing or damaged, or the folder is of another version.
ModelBundle load_model(const std::filesystem::path& folder, ModelParts parts = ModelParts::kAll);

}  // namespace deri
