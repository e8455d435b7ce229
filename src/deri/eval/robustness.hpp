#pragma once
// A model's macro AUROC on ECGs with fewer leads and with noise. What reads the embeddings stays as it was on clean
// ECGs: the class prompts, and the strict probe fitted on clean training records.

#include <cstdint>
#include <map>
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

struct RobustnessOptions {
  std::string split = kTest;
  std::vector<std::string> label_sets;
  std::vector<std::int64_t> leads{12, 8, 6, 2, 1};  // see lead_subset()
  std::vector<double> noise{0, 5, 10, 15, 20, 25};  // percent of each lead's deviation
  int resamples = 1000;                             // of the bootstrap
  std::uint64_t seed = 0;                           // of the bootstrap
  std::int64_t batch_size = 64;
  InferencePrecision precision = InferencePrecision::kFloat32;
  int threads = 0;
};

// One point of a curve.
struct RobustnessPoint {
  std::string label_set;
  std::string reading;  // "zero-shot", left out for a model without prompts; or "probe"
  std::string axis;     // "leads" or "noise"
  double x = 0;
  std::vector<std::string> ids;
  ScoredLabels scored;
  Estimate auroc{};  // macro
};

// Points by label set, reading, axis and x as given. Throws Error as zero_shot() and linear_probe() do, and for what
// lead_subset() refuses.
std::vector<RobustnessPoint> robustness(const ModelBundle& bundle, const Store& store, const RobustnessOptions& options,
                                        const torch::Device& device);

// "super zero-shot leads 8": a point's name among its scores.
std::string score_key(const RobustnessPoint& point);
std::map<std::string, ScoreTable> score_tables(const std::vector<RobustnessPoint>& points, const Json& about);

Json to_json(const std::vector<RobustnessPoint>& points, const RobustnessOptions& options);
// A table for the terminal.
std::string to_text(const std::vector<RobustnessPoint>& points);

}  // namespace deri
