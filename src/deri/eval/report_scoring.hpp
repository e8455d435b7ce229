#pragma once
// A file of written reports against the truth and the baselines: what `deri report score` does.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "deri/data/store.hpp"
#include "deri/eval/report_comparison.hpp"
#include "deri/eval/report_examples.hpp"
#include "deri/eval/written_reports.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

struct ReportScoringInputs {
  std::string name = "writer";
  std::vector<WrittenReport> reports;                                       // of `split`, and of validation for (b)
  std::vector<std::pair<std::string, std::vector<WrittenReport>>> against;  // other systems on the same records
  std::string split = kTest;
  const Store* store = nullptr;         // for the baselines and the labels; may be absent
  const ModelBundle* judge = nullptr;   // for clinical efficacy and the nearest-neighbour baseline; may be absent
  std::vector<std::string> label_sets;  // of the store, for clinical efficacy (b)
  FindingScoreOptions options;
  std::uint64_t shuffle_seed = 0;
};

struct ReportScoring {
  ReportComparison comparison;
  std::vector<ReportExample> reports;     // every scored record's, of the judged system
  std::int64_t without_truth = 0;         // records left out: they have no report
  std::vector<std::string> not_computed;  // what is missing in the tables, and why: for the user
};

// Systems, in this order: the judged one; the others; "shuffled ECGs", the judged system's reports each given to
// another record; with a store, "most frequent report" of the training records; with a judge, too, "nearest ECG's
// report". Reports are compared as clean_report() leaves them; findings are read from their English. Throws Error if
// the split has no reports, or another system lacks a record.
ReportScoring score_written_reports(const ReportScoringInputs& inputs, const torch::Device& device);

}  // namespace deri
