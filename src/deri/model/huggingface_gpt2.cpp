#include "deri/model/huggingface_gpt2.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/model/huggingface_folder.hpp"
#include "deri/model/weights.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenEmbeddings = "transformer.wte.weight";

// Settings that may be absent, and must have GPT-2's value if they are there.
void refuse_other_networks(const Json& config, const fs::path& file) {
  const Json expected = {{"activation_function", "gelu_new"},
                         {"scale_attn_weights", true},
                         {"scale_attn_by_inverse_layer_idx", false},
                         {"tie_word_embeddings", true}};
  for (const auto& [key, value] : expected.items())
    if (config.contains(key) && config[key] != value)
      fail("{}: {} is {}, this program's GPT-2 has {}", file.string(), key, shown(config[key].dump()), value.dump());
  if (config.contains("layer_norm_epsilon") &&
      !(config["layer_norm_epsilon"].is_number() &&
        std::abs(config["layer_norm_epsilon"].get<double>() - kGpt2NormEpsilon) < 1e-9))
    fail("{}: layer_norm_epsilon is {}, this program's GPT-2 has {}", file.string(),
         shown(config["layer_norm_epsilon"].dump()), kGpt2NormEpsilon);
  if (config.contains("n_inner") && !config["n_inner"].is_null() &&
      config["n_inner"] != 4 * huggingface_size(config, "n_embd", file))
    fail("{}: n_inner is {}, this program's GPT-2 has 4 n_embd", file.string(), shown(config["n_inner"].dump()));
}

bool is_cross_attention(const std::string& name) {
  return name.find(".crossattention.") != std::string::npos || name.find(".ln_cross_attn.") != std::string::npos;
}

// Names as they are found → ours: models without a head leave out "transformer.".
std::map<std::string, torch::Tensor> gpt2_tensors(const fs::path& folder) {
  std::map<std::string, torch::Tensor> tensors;
  for (auto& [name, tensor] : load_huggingface_tensors(folder))
    tensors[name.starts_with("transformer.") || name.starts_with("lm_head.") ? name
                                                                             : fmt::format("transformer.{}", name)] =
        tensor;
  return tensors;
}

// `known` [n, width] with the rows from n on of `own`.
torch::Tensor with_added_rows(const torch::Tensor& known, const torch::Tensor& own) {
  if (known.dim() != 2 || known.size(1) != own.size(1) || known.size(0) >= own.size(0)) return known;
  return torch::cat({known.to(own.scalar_type()), own.slice(0, known.size(0), own.size(0))});
}

}  // namespace

HuggingFaceGpt2 open_huggingface_gpt2(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("decoder.pretrained: {} is not a folder", folder.string());
  const fs::path file = folder / "config.json";
  const Json config = load_json(file);
  refuse_other_networks(config, file);
  HuggingFaceGpt2 gpt2{{.vocabulary = huggingface_size(config, "vocab_size", file),
                        .positions = huggingface_size(config, "n_positions", file),
                        .width = huggingface_size(config, "n_embd", file),
                        .layers = huggingface_size(config, "n_layer", file),
                        .heads = huggingface_size(config, "n_head", file)},
                       ByteLevelBpe::load(folder)};
  if (static_cast<std::int64_t>(gpt2.tokenizer.size()) != gpt2.options.vocabulary)
    fail("{}: the tokenizer has {} tokens, config.json says {}", folder.string(), gpt2.tokenizer.size(),
         gpt2.options.vocabulary);
  return gpt2;
}

void load_gpt2_weights(const fs::path& folder, Gpt2& network) {
  std::map<std::string, torch::Tensor> tensors = gpt2_tensors(folder);
  const bool has_cross_attention =
      std::any_of(tensors.begin(), tensors.end(), [](const auto& entry) { return is_cross_attention(entry.first); });
  for (const auto& [name, own] : module_tensors(network)) {
    const auto found = tensors.find(name);
    if (found == tensors.end() && !has_cross_attention && is_cross_attention(name))
      tensors[name] = own.detach().clone();
    if (found != tensors.end() && name == kTokenEmbeddings)
      found->second = with_added_rows(found->second, own.detach());
  }
  assign_tensors(network, tensors, folder.string(), true);
}

}  // namespace deri
