#pragma once
// What every model folder of HuggingFace's has: config.json, and weights as model.safetensors or pytorch_model.bin.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include <torch/torch.h>

#include "deri/base/json.hpp"

namespace deri {

// Every tensor of the folder's weights. Throws Error if there are none, or they are damaged.
std::map<std::string, torch::Tensor> load_huggingface_tensors(const std::filesystem::path& folder);

// A whole number of a config.json. Throws Error, naming file and key, if it is not there.
std::int64_t huggingface_size(const Json& config, const char* key, const std::filesystem::path& file);

}  // namespace deri
