#include "deri/model/model_folder.hpp"

#include "deri/base/config.hpp"
#include "deri/base/files.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/weights.hpp"
#include "deri/nn/skip_initialisation.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

std::string model_card(const ModelBundle& bundle) {
  const ModelConfig& config = bundle.config;
  std::string card = fmt::format(
      "# {} model\n\nAn ECG-report model written by deri {}. Use it with any deri command: `--model` and this folder's "
      "path.\n\n"
      "| | |\n|---|---|\n| backbone | {} |\n| input | {} leads, {} s at {} Hz, scaling {} |\n"
      "| text tower | {} layers, width {}, {} |\n\n",
      config.kind == "merl" ? "MERL" : "DERI", DERI_VERSION, config.backbone, config.input.leads.size(),
      config.input.seconds, config.input.rate, config.input.scaling, config.text.layers, config.text.hidden,
      config.text.pretrained.empty() ? "our own small tower, trained along (no pretrained language model)"
                                     : "from " + config.text.pretrained);
  if (!bundle.training.empty())
    card += "## How it was trained, and what it reached\n\n```json\n" + bundle.training.dump(2) + "\n```\n\n";
  return card + "Not a medical device: for research only.\n";
}

std::shared_ptr<const WordPiece> load_vocabulary(const fs::path& folder, const TextTowerConfig& config) {
  auto tokenizer = std::make_shared<WordPiece>(WordPiece::load(folder / "vocab.txt"));
  if (static_cast<std::int64_t>(tokenizer->size()) > config.vocabulary)
    fail("{}: vocab.txt has {} tokens, the model {}: they are of different models", folder.string(), tokenizer->size(),
         config.vocabulary);
  return tokenizer;
}

std::shared_ptr<EcgTextModel> load_weights(const fs::path& file, const ModelConfig& config, ModelParts parts) {
  auto tensors = load_tensors(file);
  const SkipInitialisation every_weight_is_in_the_file;
  auto model = make_model(config, parts);
  if (parts == ModelParts::kAll) {
    assign_tensors(*model, tensors, file.string());
  } else {
    std::erase_if(tensors, [](const auto& entry) { return entry.first.starts_with("lm_model."); });
    share_tensors(*model, tensors, file.string());
  }
  return model;
}

}  // namespace

ModelBundle new_model(ModelConfig config, std::shared_ptr<const WordPiece> tokenizer, Prompts prompts,
                      std::uint64_t seed) {
  if (config.text.pretrained.empty()) {
    if (!config.text.trainable)
      fail("text.trainable must be true for a tower without text.pretrained: nothing else trains it");
    config.text.vocabulary = static_cast<std::int64_t>(tokenizer->size());
  } else {
    config.text = open_huggingface_bert(config.text.pretrained, config.text).config;
  }
  validate(config);
  torch::manual_seed(seed);
  ModelBundle bundle{config, make_model(config), std::move(tokenizer), std::move(prompts)};
  if (!config.text.pretrained.empty()) load_bert_weights(config.text.pretrained, bundle.model->text_tower());
  return bundle;
}

void save_model(const fs::path& folder, const ModelBundle& bundle) {
  DERI_CHECK(bundle.model->has_text_tower());
  StagedDirectory staged(folder, true);
  const Json config = {
      {"deri_model_version", kModelVersion}, {"model", write_config(bundle.config)}, {"training", bundle.training}};
  save_tensors(staged.path() / "model.safetensors", module_tensors(*bundle.model), {{"format", "pt"}});
  save_json(staged.path() / "config.json", config);
  bundle.tokenizer->save(staged.path() / "vocab.txt");
  if (!bundle.prompts.empty()) save_json(staged.path() / "prompts.json", bundle.prompts.to_json());
  write_file_atomic(staged.path() / "README.md", model_card(bundle));
  staged.commit();
}

ModelBundle load_model(const fs::path& folder, ModelParts parts) {
  if (!fs::is_directory(folder)) fail("{} is not a model folder: there is no such folder", folder.string());
  const fs::path config_file = folder / "config.json";
  const Json tree = load_json(config_file);
  const auto version = tree.is_object() ? tree.find("deri_model_version") : tree.end();
  if (version == tree.end()) {
    if (fs::is_directory(folder / "encoder"))
      fail("{}: not an encoder but a report writer; its encoder is {}", folder.string(), (folder / "encoder").string());
    fail("{}: not a deri model (no 'deri_model_version')", config_file.string());
  }
  if (*version != kModelVersion)
    fail("{}: model version {}, this program reads version {}: train it again or use the matching deri",
         config_file.string(), version->dump(), kModelVersion);
  if (!tree.contains("model")) fail("{}: the key 'model' is missing", config_file.string());

  ModelBundle bundle;
  bundle.config = read_config<ModelConfig>(tree["model"], config_file.string());
  validate(bundle.config);
  bundle.training = tree.value("training", Json::object());
  if (parts == ModelParts::kAll) bundle.tokenizer = load_vocabulary(folder, bundle.config.text);
  if (fs::exists(folder / "prompts.json")) bundle.prompts = Prompts::load(folder / "prompts.json");
  bundle.model = load_weights(folder / "model.safetensors", bundle.config, parts);
  bundle.model->eval();
  return bundle;
}

}  // namespace deri
