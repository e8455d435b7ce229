#pragma once
// Masked-language modelling on reports alone (Devlin et al. 2019): a text tower that has read every training report
// before it sees an ECG.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/data/report_corpus.hpp"
#include "deri/model/config.hpp"
#include "deri/train/training_loop.hpp"

namespace deri {

// What `deri pretrain-text` reads.
struct TextPretrainConfig : LoopConfig {
  std::int64_t vocabulary_size = 4096;  // tokens learnt from the training reports, unless text.pretrained names a tower
  std::string report_language = "original";  // original, en, mixed: see ReportLanguage
  double mask_ratio = 0.15;
  // text.pretrained: a HuggingFace folder whose weights and vocabulary to begin with; empty: from nothing. What
  // concerns its use (trainable, pooling, pad_to_max) is not used here.
  TextTowerConfig text;

  template <typename Visitor>
  void visit(Visitor& field) {
    LoopConfig::visit(field);
    field("vocabulary_size", vocabulary_size);
    field("report_language", report_language);
    field("mask_ratio", mask_ratio);
    field("text", text);
  }
};

// Reads a YAML file and applies --set overrides; text.pretrained is taken from the YAML file's folder. Throws Error for
// unknown keys (with the nearest), wrong types, and values out of range.
TextPretrainConfig load_text_pretrain_config(const std::filesystem::path& path,
                                             const std::vector<std::string>& overrides);

// Trains in a run folder (training_loop.hpp) whose best/ and last/ are HuggingFace folders that model.text.pretrained
// can name; best by validation loss. Validation: the masked tokens' mean loss ("loss"), the share guessed right
// ("accuracy"), and the loss of guessing by frequency alone ("unigram_loss"), on the same masks in every epoch. Throws
// Error as run_training() does, and if there are fewer than two validation texts.
Json pretrain_text(const TextPretrainConfig& config, const ReportCorpus& corpus, const std::string& source,
                   const std::filesystem::path& run, bool resume);

}  // namespace deri
