#include "deri/train/pretrain_config.hpp"

#include "deri/base/config.hpp"
#include "deri/train/precision.hpp"

namespace deri {
namespace {

void require(bool condition, const char* message) {
  if (!condition) throw Error(message);
}

void resolve(std::string& file, const std::filesystem::path& folder) {
  if (!file.empty()) file = std::filesystem::weakly_canonical(folder / file).string();
}

}  // namespace

PretrainConfig load_pretrain_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  Json tree = load_yaml(path);
  if (tree.is_null()) tree = Json::object();
  for (const std::string& assignment : overrides) apply_override(tree, assignment);
  auto config = read_config<PretrainConfig>(tree, path.string());
  const auto folder = std::filesystem::absolute(path).parent_path();
  resolve(config.selection.prompts, folder);
  resolve(config.model.text.pretrained, folder);
  try {
    validate(config);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
  return config;
}

void validate(const PretrainConfig& config) {
  require(config.epochs >= 1, "epochs must be at least 1");
  require(config.batch_size >= 2, "batch_size must be at least 2: a contrastive loss needs a negative");
  require(config.vocabulary_size >= 100, "vocabulary_size must be at least 100");
  require(config.checkpoint_steps >= 1, "checkpoint_steps must be at least 1");
  require(config.log_steps >= 1, "log_steps must be at least 1");
  require(config.optimiser.learning_rate > 0, "optimiser.learning_rate must be positive");
  require(config.optimiser.clip_norm >= 0, "optimiser.clip_norm must not be negative");
  require(config.augment.gain >= 0 && config.augment.gain < 1, "augment.gain must be in [0, 1)");
  require(config.augment.shift_seconds >= 0, "augment.shift_seconds must not be negative");
  require(config.augment.noise_mv >= 0, "augment.noise_mv must not be negative");
  require(config.augment.lead_dropout >= 0 && config.augment.lead_dropout < 1,
          "augment.lead_dropout must be in [0, 1)");
  require(config.augment.token_dropout >= 0 && config.augment.token_dropout < 1,
          "augment.token_dropout must be in [0, 1)");
  require(config.selection.by == "zero-shot" || config.selection.by == "loss",
          "selection.by must be zero-shot or loss");
  if (config.selection.by == "zero-shot") {
    require(!config.selection.prompts.empty(), "selection.prompts must name a JSON file of class prompts");
    require(!config.selection.label_sets.empty(), "selection.label_sets must not be empty");
  }
  parse_precision(config.precision);
  validate(config.model);
  validate(config.objective);
  validate(config.schedule);
}

}  // namespace deri
