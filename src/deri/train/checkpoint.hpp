#pragma once
// All that a run needs to go on as if it had never stopped: weights, optimiser state, position. Random numbers need no
// state: every step's are a function of (seed, step). One file, which appears whole:
// checkpoints/step-000001500.safetensors, the newest two kept.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <torch/torch.h>

#include "deri/base/json.hpp"
#include "deri/model/weights.hpp"

namespace deri {

// Where a run stands.
struct RunPosition {
  std::int64_t step = 0;                    // optimiser steps taken
  std::int64_t epoch = 0;                   // the epoch under way, from 0
  std::int64_t batch = 0;                   // batches of it already done
  std::map<std::string, double> loss_sums;  // of the epoch under way: term → sum over its batches
  std::optional<double> best_score;         // of the kept best model; higher is better
  std::int64_t best_epoch = -1;
  std::uint64_t metrics_bytes = 0;  // length of metrics.jsonl: lines after it are of work to be redone
  double seconds = 0;               // of work so far, all processes together

  Json to_json() const;
  static RunPosition from_json(const Json& json);
};

struct Checkpoint {
  RunPosition position;
  std::map<std::string, torch::Tensor> model;      // names of the module's tensors
  std::map<std::string, torch::Tensor> optimiser;  // names of AdamW::state()
};

void save_checkpoint(const std::filesystem::path& run, const RunPosition& position, const NamedTensors& model,
                     const NamedTensors& optimiser);

// The newest checkpoint of a run folder, or nothing if there is none yet. Throws Error if it is damaged.
std::optional<Checkpoint> load_newest_checkpoint(const std::filesystem::path& run);

}  // namespace deri
