#pragma once
// The loop that every training of ours is: steps of AdamW on a schedule, an epoch's end with validation, a kept best
// model, checkpoints, logs, progress, resuming. What is trained is a TrainingTask.
//
// A run folder holds
//   config.yaml     the resolved configuration
//   data.json       what it is trained on
//   metrics.jsonl   numbers as they come; TensorBoard events beside it. Of an epoch, loader_wait_share: of its time (as
//                   far as this process trained it), how much went by waiting for data
//   checkpoints/    to go on from
//   best/ last/     models, as the task saves them
//   summary.json    at the end: best epoch, scores, wall time

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "deri/base/json.hpp"
#include "deri/train/adamw.hpp"
#include "deri/train/checkpoint.hpp"
#include "deri/train/schedule.hpp"

namespace deri {

// What a forward pass gave.
struct StepLoss {
  torch::Tensor total;                                       // [], what is minimised
  std::vector<std::pair<std::string, torch::Tensor>> terms;  // its parts, for the log
  std::size_t examples = 0;
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  // Its parameters are trained; its parameters and buffers are what a checkpoint holds. On its device already.
  virtual torch::nn::Module& module() = 0;
  virtual std::int64_t batches_per_epoch() const = 0;

  virtual void start_epoch(std::int64_t epoch, std::int64_t first_batch) = 0;
  // The loss on the epoch's next batch, or nothing at its end. Called in training mode, under autocast, with torch's
  // generator seeded for step `step`: what it draws elsewhere must follow from the step, too.
  virtual std::optional<StepLoss> next_loss(std::int64_t step) = 0;
  // Seconds that next_loss() has waited for data since start_epoch(); nothing where none are loaded.
  virtual std::optional<double> seconds_waited() const { return {}; }

  // Numbers of the validation data, in evaluation mode and without gradient.
  virtual std::map<std::string, double> validate() = 0;
  // What best/ is chosen by, higher is better; NaN counts as the lowest.
  virtual double score(const std::map<std::string, double>& validation) const = 0;
  // The validation number that the score is made of, and its name for people.
  virtual std::pair<std::string, std::string> score_name() const = 0;
  virtual void save(const std::filesystem::path& folder, const RunPosition& position,
                    const std::map<std::string, double>& validation) = 0;
};

// What every training's configuration begins with.
struct LoopConfig {
  std::uint64_t seed = 42;
  std::int64_t epochs = 50;
  std::int64_t batch_size = 512;
  std::string precision = "float32";    // float32, bfloat16
  std::string device = "cpu";           // cpu, cuda, cuda:1 …
  std::int64_t checkpoint_steps = 500;  // a checkpoint every so many steps, and at the end of each epoch
  std::int64_t log_steps = 10;          // a line of metrics.jsonl every so many steps
  OptimiserConfig optimiser;
  ScheduleConfig schedule;

  template <typename Visitor>
  void visit(Visitor& field) {
    field("seed", seed);
    field("epochs", epochs);
    field("batch_size", batch_size);
    field("precision", precision);
    field("device", device);
    field("checkpoint_steps", checkpoint_steps);
    field("log_steps", log_steps);
    field("optimiser", optimiser);
    field("schedule", schedule);
  }
};

// Creates the run folder with config.yaml and data.json, or, with `resume`, checks that the one there was begun with
// this configuration and data ("checksum"). Throws Error if `run` exists and `resume` is false, or belongs to others.
void open_run_folder(const std::filesystem::path& run, const Json& configuration, const Json& data, bool resume);

// Trains to the last epoch in an opened run folder and returns the summary: epochs, steps, best_epoch, selected_by,
// best_validation_score, seconds (of all processes), seconds_of_this_process. With `resume`, goes on from the newest
// checkpoint, or begins if there is none; the weights at the end are then bit-identical to those of an uninterrupted
// run on the same machine with the same number of threads. A run that is finished gives its summary. Throws Error if
// the loss stops being finite, or the disk is full (what was written stays whole).
Json run_training(TrainingTask& task, const LoopConfig& config, const std::filesystem::path& run, bool resume);

// Throws Error, naming the key, for numbers that make no sense.
void validate(const LoopConfig& config);

}  // namespace deri
