#include "deri/model/huggingface_folder.hpp"

#include "deri/base/error.hpp"
#include "deri/model/weights.hpp"

namespace deri {

namespace fs = std::filesystem;

std::map<std::string, torch::Tensor> load_huggingface_tensors(const fs::path& folder) {
  for (const char* file : {"model.safetensors", "pytorch_model.bin"})
    if (fs::exists(folder / file)) return load_tensors(folder / file);
  fail("{}: neither model.safetensors nor pytorch_model.bin is there", folder.string());
}

std::int64_t huggingface_size(const Json& config, const char* key, const fs::path& file) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number_integer())
    fail("{}: the key '{}' is missing or not a whole number", file.string(), key);
  return found->get<std::int64_t>();
}

}  // namespace deri
