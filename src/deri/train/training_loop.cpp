#include "deri/train/training_loop.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/nn/precision.hpp"
#include "deri/train/run_log.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kStepSeed = 2;  // apart from the tasks' purposes of random numbers

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class TrainingLoop {
 public:
  TrainingLoop(TrainingTask& task, const LoopConfig& config, const fs::path& run, bool resume);
  Json run_to_end();

 private:
  void restore(Checkpoint checkpoint);
  void train_epoch(Progress& progress);
  bool train_step();
  void finish_epoch(Progress& progress);
  void checkpoint();
  std::int64_t total_steps() const { return config_.epochs * task_.batches_per_epoch(); }
  double seconds() const { return seconds_before_ + seconds_since(begin_); }

  TrainingTask& task_;
  const LoopConfig config_;
  const fs::path run_;
  const Precision precision_;
  const torch::Device device_;
  AdamW optimiser_;
  RunPosition position_;
  std::unique_ptr<RunLog> log_;
  Clock::time_point begin_ = Clock::now();
  double seconds_before_ = 0;         // of the processes that this one goes on from
  std::optional<double> wait_share_;  // of the last epoch's time
  double last_loss_ = std::numeric_limits<double>::quiet_NaN();
};

TrainingLoop::TrainingLoop(TrainingTask& task, const LoopConfig& config, const fs::path& run, bool resume)
    : task_(task),
      config_(config),
      run_(run),
      precision_(parse_precision(config.precision)),
      device_(parse_device(config.device)),
      optimiser_(task.module(), config.optimiser) {
  if (resume)
    if (auto found = load_newest_checkpoint(run)) restore(std::move(*found));
  log_ = std::make_unique<RunLog>(run, position_.metrics_bytes);
}

void TrainingLoop::restore(Checkpoint checkpoint) {
  assign_tensors(task_.module(), checkpoint.model, run_.string() + "/checkpoints");
  optimiser_.load_state(checkpoint.optimiser);
  position_ = std::move(checkpoint.position);
  seconds_before_ = position_.seconds;
  spdlog::info("resuming {} at step {} (epoch {}, batch {})", run_.string(), position_.step, position_.epoch + 1,
               position_.batch);
}

// One step, or false at the end of the epoch.
bool TrainingLoop::train_step() {
  const auto begin = Clock::now();
  torch::manual_seed(mix_seed(config_.seed, {kStepSeed, static_cast<std::uint64_t>(position_.step)}));
  optimiser_.zero_gradients();
  std::optional<StepLoss> loss;
  std::map<std::string, double> values;
  {
    const AutocastGuard autocast(precision_, device_);
    loss = task_.next_loss(position_.step);
    if (!loss) return false;
    for (const auto& [name, term] : loss->terms) values[name] = term.item<double>();
  }
  values["loss"] = last_loss_ = loss->total.item<double>();
  if (!std::isfinite(last_loss_))
    fail("the loss is not finite at step {}: lower optimiser.learning_rate or set optimiser.clip_norm",
         position_.step + 1);
  loss->total.backward();
  const double norm = optimiser_.clip_gradients();
  const double rate = learning_rate(config_.schedule, config_.optimiser.learning_rate, position_.step, total_steps());
  optimiser_.step(rate);
  for (const auto& [name, value] : values) position_.loss_sums[name] += value;
  ++position_.step;
  ++position_.batch;
  if (position_.step % config_.log_steps != 0) return true;
  values["learning_rate"] = rate;
  values["gradient_norm"] = norm;
  values["records_per_second"] = static_cast<double>(loss->examples) / seconds_since(begin);
  values["epoch"] = static_cast<double>(position_.epoch + 1);
  log_->write("train", position_.step, values);
  return true;
}

void TrainingLoop::train_epoch(Progress& progress) {
  const auto begin = Clock::now();
  task_.module().train();
  task_.start_epoch(position_.epoch, position_.batch);
  while (train_step()) {
    progress.update(position_.step,
                    fmt::format("epoch {}/{}, loss {:.3f}", position_.epoch + 1, config_.epochs, last_loss_));
    if (position_.step % config_.checkpoint_steps == 0) checkpoint();
  }
  wait_share_ = task_.seconds_waited();
  if (wait_share_) *wait_share_ /= seconds_since(begin);
}

void TrainingLoop::finish_epoch(Progress& progress) {
  const auto batches = static_cast<double>(position_.batch);
  std::map<std::string, double> training;
  for (const auto& [name, sum] : position_.loss_sums) training[name] = sum / batches;
  std::map<std::string, double> validation;
  {
    const torch::NoGradGuard no_grad;
    task_.module().eval();
    torch::manual_seed(mix_seed(config_.seed, {kStepSeed}));  // what validation draws is the same in every epoch
    validation = task_.validate();
  }
  ++position_.epoch;
  position_.batch = 0;
  position_.loss_sums.clear();
  if (wait_share_) training["loader_wait_share"] = *wait_share_;
  log_->write("epoch_train", position_.step, training);
  log_->write("epoch_validation", position_.step, validation);

  double score = task_.score(validation);
  if (std::isnan(score)) score = std::numeric_limits<double>::lowest();
  const bool best = !position_.best_score || score > *position_.best_score;
  if (best) {
    position_.best_score = score;
    position_.best_epoch = position_.epoch;
    task_.save(run_ / "best", position_, validation);
  }
  task_.save(run_ / "last", position_, validation);
  checkpoint();
  const auto [key, name] = task_.score_name();
  progress.update(position_.step,
                  fmt::format("epoch {}/{}, loss {:.3f}, validation {} {:.4f}{}", position_.epoch, config_.epochs,
                              training.at("loss"), name, validation.at(key), best ? " (best)" : ""));
}

void TrainingLoop::checkpoint() {
  position_.metrics_bytes = log_->bytes();
  position_.seconds = seconds();
  save_checkpoint(run_, position_, module_tensors(task_.module()), optimiser_.state());
}

Json TrainingLoop::run_to_end() {
  const fs::path summary_file = run_ / "summary.json";
  if (position_.epoch >= config_.epochs && fs::exists(summary_file)) return load_json(summary_file);
  Progress progress("train", "steps", total_steps());
  progress.start_at(position_.step);
  while (position_.epoch < config_.epochs) {
    train_epoch(progress);
    finish_epoch(progress);
  }
  Json summary = {
      {"epochs", config_.epochs},
      {"steps", position_.step},
      {"best_epoch", position_.best_epoch},
      {"selected_by", task_.score_name().second},
      {"best_validation_score", position_.best_score ? Json(std::abs(*position_.best_score)) : Json(nullptr)},
      {"seconds", seconds()},
      {"seconds_of_this_process", seconds_since(begin_)}};
  save_json(summary_file, summary);
  return summary;
}

}  // namespace

void open_run_folder(const fs::path& run, const Json& configuration, const Json& data, bool resume) {
  if (!fs::exists(run / "config.yaml")) {
    if (fs::exists(run) && !fs::is_empty(run))
      fail("{} exists and is not a run folder: choose another one", run.string());
    make_directories(run);
    save_json(run / "data.json", data);
    write_file_atomic(run / "config.yaml", to_yaml(configuration));
    return;
  }
  if (!resume) fail("{} holds a run already: add --resume to go on with it, or choose another folder", run.string());
  const Json begun_with = load_yaml(run / "config.yaml");
  for (const auto& [key, value] : configuration.items())
    if (begun_with.value(key, Json()) != value)
      fail("{}: the run was begun with another '{}' ({}), not {}: resume with the same configuration", run.string(),
           key, begun_with.value(key, Json()).dump(), value.dump());
  if (load_json(run / "data.json").value("checksum", Json()) != data.at("checksum"))
    fail("{}: the run was begun on other data than {}", run.string(), data.value("source", std::string()));
}

Json run_training(TrainingTask& task, const LoopConfig& config, const fs::path& run, bool resume) {
  return TrainingLoop(task, config, run, resume).run_to_end();
}

void validate(const LoopConfig& config) {
  require(config.epochs >= 1, "epochs must be at least 1");
  require(config.batch_size >= 1, "batch_size must be at least 1");
  require(config.checkpoint_steps >= 1, "checkpoint_steps must be at least 1");
  require(config.log_steps >= 1, "log_steps must be at least 1");
  require(config.optimiser.learning_rate > 0, "optimiser.learning_rate must be positive");
  require(config.optimiser.clip_norm >= 0, "optimiser.clip_norm must not be negative");
  parse_precision(config.precision);
  validate(config.schedule);
}

}  // namespace deri
