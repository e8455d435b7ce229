#pragma once
// Zero-shot classification: the score of a record for a label is the cosine of its embedding with the label's prompt
// embedding (method.md section 5). Nothing is trained on labels; the F1 thresholds are chosen on the validation split.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/eval/bootstrap.hpp"
#include "deri/eval/metrics.hpp"
#include "deri/eval/score_table.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/nn/resnet_session.hpp"

namespace deri {

// One embedding per label of `labels`, L2-normalised: [labels, width]. A label with several prompts gets the mean of
// their normalised embeddings. Throws Error for a label without prompt.
torch::Tensor class_embeddings(const ModelBundle& bundle, const std::vector<std::string>& labels,
                               const torch::Device& device);

// Scores and targets of the records of `labels`, whose embeddings are `records` [N, width], a row for every record of
// labels.indices. All on the CPU.
ScoredLabels zero_shot_scores(const torch::Tensor& records, const torch::Tensor& classes, const LabelMatrix& labels);

struct ZeroShotOptions {
  std::string split = kTest;            // what is scored
  std::vector<std::string> label_sets;  // e.g. {"super", "rhythm"}
  bool published_protocol = false;      // thresholds chosen on the scored split itself
  int resamples = 1000;                 // of the bootstrap
  std::uint64_t seed = 0;               // of the bootstrap and of the untrained model
  std::int64_t batch_size = 64;
  InferencePrecision precision = InferencePrecision::kFloat32;
};

// One model's numbers on one label set.
struct ZeroShotScores {
  ScoredLabels scored;
  // Platt-scaled on the validation split: a cosine is no probability, this is. Strict protocol only, and with
  // validation records.
  std::optional<ScoredLabels> probabilities;
  MultiLabelMetrics metrics;
  MultiLabelIntervals intervals;
};

struct ZeroShotResult {
  std::string label_set;
  std::vector<std::string> ids;  // of the records scored: those of the split with a label of the set
  ZeroShotScores trained;
  ZeroShotScores untrained;     // the same architecture with random weights
  PairedDifference difference;  // macro AUROC, trained minus untrained, same resamples
};

// A model of the same configuration with weights drawn from `seed`; a frozen text tower is kept as it is.
ModelBundle untrained_twin(const ModelBundle& bundle, std::uint64_t seed);

// Evaluates a model and its untrained twin. Throws Error for a split or label set the store does not have, or a missing
// prompt.
std::vector<ZeroShotResult> zero_shot(const ModelBundle& bundle, const Store& store, const ZeroShotOptions& options,
                                      const torch::Device& device);

// Mean macro AUROC of the trained model over label sets, on one split, without intervals: what pre-training selects by.
// NaN if no set has a defined AUROC.
double mean_zero_shot_auroc(const ModelBundle& bundle, const Store& store, const std::string& split,
                            const std::vector<std::string>& label_sets, std::int64_t batch_size,
                            const torch::Device& device);

// The trained model's scores by label set: what save_result() keeps. `about` says what made them.
std::map<std::string, ScoreTable> score_tables(const std::vector<ZeroShotResult>& results, const Json& about);
// The untrained model's, under the same keys.
std::map<std::string, ScoreTable> untrained_score_tables(const std::vector<ZeroShotResult>& results, const Json& about);

// Every number of the results, with the options that made them.
Json to_json(const std::vector<ZeroShotResult>& results, const ZeroShotOptions& options);
// A table for the terminal.
std::string to_text(const std::vector<ZeroShotResult>& results);

}  // namespace deri
