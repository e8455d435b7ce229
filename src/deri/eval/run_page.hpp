#pragma once
// The page that shows what a pre-training run learnt: curves, zero-shot tables, a few ECGs with the reports the model
// finds nearest, and, if a writer was trained on top, the reports it writes, scored and a few of them shown.

#include <cstdint>
#include <filesystem>

#include "deri/data/store.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

struct RunPageInputs {
  std::filesystem::path run;             // run folder: metrics.jsonl and summary.json are read
  std::filesystem::path zero_shot_json;  // what `deri zeroshot --json` wrote
  std::filesystem::path reports_csv;     // what `deri report write` wrote of the test split; may be empty
  const ModelBundle* bundle = nullptr;   // the model to ask for reports
  const Store* store = nullptr;
  std::string note;        // a caveat for the top of the page, such as where the ECGs are from
  int examples = 4;        // ECGs shown, drawn at random from the test split
  std::uint64_t seed = 0;  // of the draw
};

// The page as HTML that needs no network. Throws Error if an input is missing or is not what it should be.
std::string run_page(const RunPageInputs& inputs);

}  // namespace deri
