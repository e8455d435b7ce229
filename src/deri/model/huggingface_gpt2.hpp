#pragma once
// GPT-2 as HuggingFace keeps it on disk: a folder of config.json, vocab.json and merges.txt, and model.safetensors or
// pytorch_model.bin. Any size; DistilGPT2 is the published report decoder.

#include <filesystem>

#include "deri/nn/gpt2.hpp"
#include "deri/text/byte_level_bpe.hpp"

namespace deri {

struct HuggingFaceGpt2 {
  Gpt2Options options;  // sizes as its config.json says, with cross-attention; the dropout is the caller's
  ByteLevelBpe tokenizer;
};
// Reads sizes and vocabulary. Throws Error, naming file and key; also for settings that would make it another network
// than GPT-2 (activation, scaling of attention, epsilon).
HuggingFaceGpt2 open_huggingface_gpt2(const std::filesystem::path& folder);

// Copies the folder's weights into `network`, whose vocabulary may be larger than the folder's (tokens were added):
// rows of tokens that the folder does not have, and cross-attention if it has none, keep the values they have, which
// are GPT-2's own start. Throws Error if anything else is missing, damaged or of another shape.
void load_gpt2_weights(const std::filesystem::path& folder, Gpt2& network);

}  // namespace deri
