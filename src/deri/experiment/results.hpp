#pragma once
// What a suite of experiments found: everything its tables and its page are made from, and results.json.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/eval/bootstrap.hpp"

namespace deri {

// One training of one model, and what became of it.
struct TrainedRun {
  std::string model;
  std::uint64_t seed = 0;
  std::string state;   // "done"; "failed: WHY"; "missing", while it or one of its evaluations is not done
  std::string folder;  // relative to the suite's folder; or the model folder that the suite names
  double seconds = 0;  // of training, all processes together
  std::int64_t best_epoch = 0;
  double best_validation = 0;  // of what the epoch was chosen by; NaN where the model was not trained here
};

// Macro AUROC of one training.
struct SeedNumber {
  std::uint64_t seed = 0;
  Estimate trained{}, untrained{};  // the same networks with random weights
  Estimate difference{};            // trained minus untrained
  double p_value = 0;               // of the difference, from the paired test; NaN where there is none
};

// A model's means over its trainings; the interval is that of seed_means.hpp.
struct ModelNumber {
  std::string model;
  std::vector<SeedNumber> seeds;  // those that are done, by rising seed
  Estimate trained{}, untrained{};
  Estimate frequent{};    // trained, over the labels with kFrequentPositives positives or more
  Estimate difference{};  // trained minus untrained
  double p_value = 0;
};

// Two models' means against each other, a minus b.
struct ModelDifference {
  std::string a, b;
  Estimate difference{};
  double p_value = 0;
};

// One column of a table.
struct ResultColumn {
  std::string task;       // as the suite names it
  std::string kind;       // "zero-shot" or "probe"
  std::string data;       // the data set's name in the suite
  std::string protocol;   // "strict" or "published"
  std::string label_set;  // or "mean": of the task's label sets, every set counting the same
  double fraction = 0;    // of the training records, in (0, 1]; 0 for zero-shot
  std::size_t records = 0;
  std::size_t labels = 0, labels_defined = 0, labels_frequent = 0;
  std::vector<ModelNumber> models;  // in the suite's order; a model without a finished training is absent
  std::vector<ModelDifference> comparisons;
};

// Macro AUROC against how much of an ECG is left, or how much noise it carries: means over seeds.
struct RobustnessCurve {
  std::string task, data, label_set, model;
  std::string reading;    // "zero-shot" or "probe"
  std::string axis;       // "leads" or "noise"
  std::vector<double> x;  // leads left, or the noise's deviation in percent of the lead's
  std::vector<Estimate> auroc;
};

struct SuiteResults {
  std::string title, note;
  std::vector<std::string> models;  // in the suite's order
  std::vector<TrainedRun> runs;
  std::vector<ResultColumn> columns;  // by task, then fraction, then label set, the mean last
  std::vector<RobustnessCurve> robustness;
  std::string interval;  // how intervals and tests were made, in words
};

// Estimates as {"value", "low", "high"}; what is not defined is null, as are the fraction of zero-shot and the best
// epoch of a model that was not trained here.
Json to_json(const SuiteResults& results);

}  // namespace deri
