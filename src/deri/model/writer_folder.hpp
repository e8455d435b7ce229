#pragma once
// A report writer on disk:
//   writer.safetensors  head and decoder
//   config.json         version, decoder, what of the encoder it reads, how it was trained
//   vocab.json, merges.txt, or vocab.txt   the reports' vocabulary
//   encoder/            the ECG encoder, a model folder like any other
//   README.md           model card

#include <cstdint>
#include <filesystem>
#include <memory>

#include "deri/base/json.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/model/report_tokenizer.hpp"
#include "deri/model/report_writer.hpp"

namespace deri {

inline constexpr int kWriterVersion = 1;

// A writer with all that is needed to use it.
struct WriterBundle {
  ReportWriterConfig config;
  ModelBundle encoder;  // its model is the writer's
  std::shared_ptr<ReportWriter> writer;
  std::shared_ptr<const ReportTokenizer> tokenizer;
  Json training = Json::object();  // provenance: data, seed, epoch, scores; shown on the card
};

// A writer with weights drawn from `seed`; a pretrained decoder, if the configuration names one, is loaded, and its
// sizes and its tokenizer are taken. Otherwise `tokenizer` gives the vocabulary. Throws Error.
WriterBundle new_writer(ReportWriterConfig config, ModelBundle encoder,
                        std::shared_ptr<const ReportTokenizer> tokenizer, std::uint64_t seed);

// Writes the folder, whole or not at all; an older one of that name is replaced.
void save_writer(const std::filesystem::path& folder, const WriterBundle& bundle);

// Reads a folder; the writer is in evaluation mode on the CPU. Throws Error if a file is missing or damaged, the parts
// are of different models, or the folder is of another version.
WriterBundle load_writer(const std::filesystem::path& folder);

}  // namespace deri
