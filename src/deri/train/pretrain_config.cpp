#include "deri/train/pretrain_config.hpp"

#include "deri/base/config.hpp"

namespace deri {

PretrainConfig load_pretrain_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  auto config = load_config<PretrainConfig>(path, overrides);
  resolve_file(config.selection.prompts, path);
  resolve_file(config.model.text.pretrained, path);
  if (config.text_features != kTextFeaturesAuto && config.text_features != kTextFeaturesOff)
    resolve_file(config.text_features, path);
  try {
    validate(config);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
  return config;
}

void validate(const AugmentConfig& augment) {
  require(augment.gain >= 0 && augment.gain < 1, "augment.gain must be in [0, 1)");
  require(augment.shift_seconds >= 0, "augment.shift_seconds must not be negative");
  require(augment.noise_mv >= 0, "augment.noise_mv must not be negative");
  require(augment.lead_dropout >= 0 && augment.lead_dropout < 1, "augment.lead_dropout must be in [0, 1)");
  require(augment.token_dropout >= 0 && augment.token_dropout < 1, "augment.token_dropout must be in [0, 1)");
}

void validate(const PretrainConfig& config) {
  validate(static_cast<const LoopConfig&>(config));
  require(config.batch_size >= 2, "batch_size must be at least 2: a contrastive loss needs a negative");
  require(config.vocabulary_size >= 100, "vocabulary_size must be at least 100");
  validate(config.augment);
  require(!config.text_features.empty(), "text_features must be auto, off or a folder");
  require(config.selection.by == "zero-shot" || config.selection.by == "loss",
          "selection.by must be zero-shot or loss");
  if (config.selection.by == "zero-shot") {
    require(!config.selection.prompts.empty(), "selection.prompts must name a JSON file of class prompts");
    require(!config.selection.label_sets.empty(), "selection.label_sets must not be empty");
  }
  validate(config.model);
  validate(config.objective);
}

}  // namespace deri
