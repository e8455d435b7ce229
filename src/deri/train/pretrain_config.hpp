#pragma once
// What `deri pretrain` reads: the whole of a run in one YAML file.

#include <cstdint>
#include <string>
#include <vector>

#include "deri/model/config.hpp"
#include "deri/train/training_loop.hpp"

namespace deri {

// Values of PretrainConfig::text_features that are no folder.
inline constexpr const char* kTextFeaturesAuto = "auto";
inline constexpr const char* kTextFeaturesOff = "off";

// Small random changes of a training pair; those of the record are applied in millivolts before scaling.
struct AugmentConfig {
  double gain = 0;           // each record times a factor from [1 - gain, 1 + gain]
  double shift_seconds = 0;  // the record moved in time by up to this much, zeros moving in
  double noise_mv = 0;       // standard deviation of white noise added, mV
  double lead_dropout = 0;   // chance that a lead is set to zero; one lead at least stays
  // Tokens of a report are left out, each with a chance that the report draws from [0, token_dropout]: texts of every
  // length, such as a class prompt is, for every finding. [CLS] and [SEP] stay.
  double token_dropout = 0;

  template <typename Visitor>
  void visit(Visitor& field) {
    field("gain", gain);
    field("shift_seconds", shift_seconds);
    field("noise_mv", noise_mv);
    field("lead_dropout", lead_dropout);
    field("token_dropout", token_dropout);
  }
};

// Which epoch's model is kept as best/.
struct SelectionConfig {
  // zero-shot  the highest mean macro AUROC over label_sets on the validation split, as published
  // loss       the lowest validation loss
  std::string by = "zero-shot";
  std::string prompts;  // JSON of class prompts; needed for zero-shot
  std::vector<std::string> label_sets = {"super"};

  template <typename Visitor>
  void visit(Visitor& field) {
    field("by", by);
    field("prompts", prompts);
    field("label_sets", label_sets);
  }
};

struct PretrainConfig : LoopConfig {
  std::int64_t vocabulary_size = 4096;  // tokens learnt from the training reports, for a tower of our own
  ModelConfig model;
  ObjectiveConfig objective;
  AugmentConfig augment;
  // A frozen tower reads every report once, and its features are kept (train/text_features.hpp), unless token_dropout
  // changes the reports. auto: in STORE.text-features beside the store; where that cannot be written, in text-features
  // beside the run folder. A path: in that folder. off: the tower runs in every step.
  std::string text_features = "auto";
  SelectionConfig selection;

  template <typename Visitor>
  void visit(Visitor& field) {
    LoopConfig::visit(field);
    field("vocabulary_size", vocabulary_size);
    field("model", model);
    field("objective", objective);
    field("augment", augment);
    field("text_features", text_features);
    field("selection", selection);
  }
};

// Reads a YAML file and applies --set overrides. Relative paths of files named in it (prompts, text.pretrained,
// text_features) are taken from the YAML file's folder. Throws Error for unknown keys (with the nearest), wrong types,
// and values out of range.
PretrainConfig load_pretrain_config(const std::filesystem::path& path, const std::vector<std::string>& overrides);

// Throws Error naming the key.
void validate(const PretrainConfig& config);
void validate(const AugmentConfig& augment);

}  // namespace deri
