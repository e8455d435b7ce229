#include "deri/model/huggingface_bert.hpp"

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/json.hpp"
#include "deri/model/huggingface_folder.hpp"
#include "deri/model/weights.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

std::string replace_ending(const std::string& name, const std::string& ending, const std::string& with) {
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) + with : name;
}

// Names as different tools write them → ours: "bert." in front (models with a head), LayerNorm.gamma/beta (TensorFlow
// conversions).
std::map<std::string, torch::Tensor> bert_tensors(const fs::path& folder) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : load_huggingface_tensors(folder)) {
    std::string ours = name.starts_with("bert.") ? name.substr(5) : name;
    ours = replace_ending(ours, "LayerNorm.gamma", "LayerNorm.weight");
    ours = replace_ending(ours, "LayerNorm.beta", "LayerNorm.bias");
    tensors[ours] = tensor;
  }
  return tensors;
}

}  // namespace

HuggingFaceBert open_huggingface_bert(const fs::path& folder, const TextTowerConfig& defaults) {
  if (!fs::is_directory(folder)) fail("text.pretrained: {} is not a folder", folder.string());
  const fs::path file = folder / "config.json";
  const Json config = load_json(file);
  HuggingFaceBert bert{defaults, std::make_shared<WordPiece>(WordPiece::load(folder / "vocab.txt"))};
  bert.config.vocabulary = huggingface_size(config, "vocab_size", file);
  bert.config.hidden = huggingface_size(config, "hidden_size", file);
  bert.config.layers = huggingface_size(config, "num_hidden_layers", file);
  bert.config.heads = huggingface_size(config, "num_attention_heads", file);
  bert.config.intermediate = huggingface_size(config, "intermediate_size", file);
  bert.config.positions = huggingface_size(config, "max_position_embeddings", file);
  if (static_cast<std::int64_t>(bert.tokenizer->size()) > bert.config.vocabulary)
    fail("{}: vocab.txt has {} tokens, config.json says {}", folder.string(), bert.tokenizer->size(),
         bert.config.vocabulary);
  return bert;
}

void load_bert_weights(const fs::path& folder, Bert& bert) {
  assign_tensors(bert, bert_tensors(folder), folder.string(), true);
}

void save_huggingface_bert(const fs::path& folder, const BertForMaskedLm& model, const TextTowerConfig& config,
                           const WordPiece& tokenizer) {
  StagedDirectory staged(folder, true);
  save_tensors(staged.path() / "model.safetensors", module_tensors(model), {{"format", "pt"}});
  save_json(staged.path() / "config.json", {{"architectures", {"BertForMaskedLM"}},
                                            {"model_type", "bert"},
                                            {"vocab_size", config.vocabulary},
                                            {"hidden_size", config.hidden},
                                            {"num_hidden_layers", config.layers},
                                            {"num_attention_heads", config.heads},
                                            {"intermediate_size", config.intermediate},
                                            {"max_position_embeddings", config.positions},
                                            {"type_vocab_size", 2},
                                            {"hidden_act", "gelu"},
                                            {"layer_norm_eps", 1e-12},
                                            {"hidden_dropout_prob", config.dropout},
                                            {"attention_probs_dropout_prob", config.dropout},
                                            {"pad_token_id", tokenizer.pad_id()},
                                            {"tie_word_embeddings", true}});
  tokenizer.save(staged.path() / "vocab.txt");
  staged.commit();
}

BertOptions bert_options(const TextTowerConfig& text) {
  return {.vocabulary = text.vocabulary,
          .hidden = text.hidden,
          .layers = text.layers,
          .heads = text.heads,
          .intermediate = text.intermediate,
          .positions = text.positions,
          .dropout = text.dropout,
          .mean_pooling = text.pooling == "mean"};
}

}  // namespace deri
