#pragma once
// Linear probing: what a linear classifier reads from a frozen encoder (method.md section 5).
//
// strict: features computed once, in evaluation mode; logistic regression solved to convergence (logistic.hpp), its
// strength, the view of the ECG and the F1 thresholds chosen on the validation split; the scored split touched once.
// published: published_probe.hpp on the encoder's view, with its faults, and the thresholds chosen on the scored split.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/eval/bootstrap.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/logistic.hpp"
#include "deri/eval/metrics.hpp"
#include "deri/eval/paired_test.hpp"
#include "deri/eval/score_table.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

struct ProbeOptions {
  std::string split = kTest;            // what is scored
  std::vector<std::string> label_sets;  // e.g. {"super", "rhythm"}
  std::vector<double> fractions{1};     // of the training records, each in (0, 1]; subsets as scikit-learn draws them
  bool published_protocol = false;
  std::vector<EcgView> views;  // candidates; empty: aligned, mix (DERI) and encoder; published: encoder
  int resamples = 1000;        // of the bootstrap
  int permutations = 2000;     // of the paired test
  std::uint64_t seed = 0;      // of both, and of the untrained model
  std::int64_t batch_size = 64;
  InferencePrecision precision = InferencePrecision::kFloat32;
  int threads = 0;  // 0: as many as the machine has
};

// One model's probe on one label set and fraction.
struct ProbeScores {
  EcgView view = EcgView::kEncoder;  // the one chosen
  ScoredLabels scored;               // probabilities on the scored split
  MultiLabelMetrics metrics;
  MultiLabelIntervals intervals;
  Json fit;  // how it was fitted: logistic_json() or published_json(), and the validation AUROC of every view
};

struct ProbeResult {
  std::string label_set;
  double fraction = 1;
  std::size_t train_records = 0;
  std::vector<std::string> ids;  // of the records scored: those of the split with a label of the set
  ProbeScores trained;
  ProbeScores untrained;        // the same architecture with random weights
  PairedComparison difference;  // AUROC, trained minus untrained
};

// Throws Error for a split or label set the store does not have, a fraction that leaves no training record, and a view
// the model lacks.
std::vector<ProbeResult> linear_probe(const ModelBundle& bundle, const Store& store, const ProbeOptions& options,
                                      const torch::Device& device);

// A strict probe of one label set on all its training records: the view and the strength that do best on validation.
struct FittedProbe {
  EcgView view = EcgView::kEncoder;
  LogisticPath path;
  Json validation_auroc_of_views = Json::object();
};

// One per label set of the options. Throws Error as linear_probe() does.
std::vector<FittedProbe> fit_probes(const ModelBundle& bundle, const Store& store, const ProbeOptions& options);

// The features of the records of `labels`, which must be among those embedded, and their targets.
ProbeSet probe_set(const EmbeddedRecords& records, const LabelMatrix& labels);

// The trained model's scores by key, "super@0.1": what save_result() keeps. `about` says what made them.
std::map<std::string, ScoreTable> score_tables(const std::vector<ProbeResult>& results, const Json& about);
// The untrained model's, under the same keys.
std::map<std::string, ScoreTable> untrained_score_tables(const std::vector<ProbeResult>& results, const Json& about);

// Every number of the results, with the options that made them.
Json to_json(const std::vector<ProbeResult>& results, const ProbeOptions& options);
// A table for the terminal.
std::string to_text(const std::vector<ProbeResult>& results);

}  // namespace deri
