#pragma once
// Training of a report writer on top of an encoder: teacher forcing on a store's reports.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/model/writer_config.hpp"
#include "deri/train/pretrain_config.hpp"
#include "deri/train/training_loop.hpp"

namespace deri {

// What `deri report train` reads.
struct ReportTrainConfig : LoopConfig {
  std::int64_t vocabulary_size = 4096;  // tokens of byte-level BPE learnt from the training reports
  ReportWriterConfig writer;
  // Changes of the ECGs; token_dropout: the share of a report's tokens that the decoder does not get to read (they are
  // padding to it) while it still has to write them, so that it looks at the ECG rather than guess from its last words.
  AugmentConfig augment;
  bool random_encoder = false;     // a control: the encoder's weights are drawn anew, and stay so if they are frozen
  std::string select_by = "loss";  // best/ has the lowest validation loss, or the highest micro F1 of findings
  std::int64_t samples = 3;        // validation reports written down after each epoch
  // What a frozen encoder says of a split's records is computed once and kept, if it takes no more than this, MiB.
  std::int64_t kept_encodings = 2048;

  template <typename Visitor>
  void visit(Visitor& field) {
    LoopConfig::visit(field);
    field("vocabulary_size", vocabulary_size);
    field("writer", writer);
    field("augment", augment);
    field("random_encoder", random_encoder);
    field("select_by", select_by);
    field("samples", samples);
    field("kept_encodings", kept_encodings);
  }
};

// Reads a YAML file (no path: every key has its default) and applies --set overrides; decoder.pretrained is taken from
// the YAML file's folder. Throws Error for unknown keys (with the nearest), wrong types, and values out of range.
ReportTrainConfig load_report_train_config(const std::filesystem::path& path,
                                           const std::vector<std::string>& overrides);

// Trains in a run folder (training_loop.hpp) whose best/ and last/ are report writers' folders (writer_folder.hpp), and
// whose samples.jsonl has some validation records' reports after each epoch. `encoder_name` says in messages and in
// data.json where the encoder is from. Records without a report are left out and counted; reports longer than
// writer.max_tokens are counted and cut. Validation: mean loss per token ("loss"), its "perplexity", and, if chosen by
// it, the micro F1 of findings in greedily written reports ("finding_f1"). Throws Error as run_training() does, if the
// store has too few reports, and if encoder and decoder do not fit.
Json train_report_writer(const ReportTrainConfig& config, const ModelBundle& encoder, const std::string& encoder_name,
                         const Store& store, const std::filesystem::path& run, bool resume);

}  // namespace deri
