#include "deri/train/pretrain.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include "deri/base/config.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/base/random.hpp"
#include "deri/data/loader.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/text/report.hpp"
#include "deri/text/wordpiece_trainer.hpp"
#include "deri/train/augment.hpp"
#include "deri/train/checkpoint.hpp"
#include "deri/train/precision.hpp"
#include "deri/train/report_set.hpp"
#include "deri/train/run_log.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Purposes of random numbers, kept apart in mix_seed().
constexpr std::uint64_t kModelSeed = 1, kStepSeed = 2, kLoaderSeed = 3, kAugmentSeed = 4, kTokenSeed = 5;

// Records of a split whose report says anything.
std::vector<std::size_t> records_with_report(const Store& store, const char* split) {
  std::vector<std::size_t> records;
  for (const std::size_t record : store.split(split))
    if (count_words(store.record(record).report) > 0) records.push_back(record);
  return records;
}

std::shared_ptr<const WordPiece> make_tokenizer(const PretrainConfig& config, const Store& store,
                                                const std::vector<std::size_t>& training) {
  const TextTowerConfig& text = config.model.text;
  if (!text.pretrained.empty()) return open_huggingface_bert(text.pretrained, text).tokenizer;
  return std::make_shared<WordPiece>(
      train_wordpiece(cleaned_reports(store, training), static_cast<std::size_t>(config.vocabulary_size)));
}

// The model to begin with, on its device: the optimiser's state is made where the weights lie.
ModelBundle initial_model(const PretrainConfig& config, const Store& store, const std::vector<std::size_t>& training,
                          const torch::Device& device) {
  const std::string& prompts = config.selection.prompts;
  ModelBundle bundle =
      new_model(config.model, make_tokenizer(config, store, training),
                prompts.empty() ? Prompts() : Prompts::load(prompts), mix_seed(config.seed, {kModelSeed}));
  bundle.model->to(device);
  return bundle;
}

// Creates the run folder, or checks that the one there belongs to this configuration and store.
void open_run_folder(const fs::path& run, const PretrainConfig& config, const Store& store, bool resume) {
  const Json configuration = write_config(config);
  const Json data = {
      {"store", fs::absolute(store.path()).string()}, {"checksum", store.checksum()}, {"records", store.size()}};
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
  if (load_json(run / "data.json").value("checksum", Json()) != data["checksum"])
    fail("{}: the run was begun on another store than {}", run.string(), store.path().string());
}

class Pretraining {
 public:
  Pretraining(const PretrainConfig& config, const Store& store, const fs::path& run, bool resume);
  Json run_to_end();

 private:
  void restore(Checkpoint checkpoint);
  void train_epoch(Progress& progress);
  void train_batch(Batch& batch);
  std::map<std::string, double> validate();
  void finish_epoch(Progress& progress);
  void checkpoint();
  // The objective's terms on a batch whose reports are given (whole, or thinned by token dropout).
  LossTerms loss_terms(Batch& batch, const TextInput& reports);
  LoaderOptions training_options() const;
  std::int64_t total_steps() const { return config_.epochs * static_cast<std::int64_t>(loader_.batches()); }

  const PretrainConfig config_;
  const Store& store_;
  const fs::path run_;
  const torch::Device device_;
  const Precision precision_;
  const std::vector<std::size_t> training_, validation_;
  ModelBundle bundle_;
  ReportSet reports_;
  SignalReader reader_;
  Loader loader_;
  AdamW optimiser_;
  RunPosition position_;
  std::unique_ptr<RunLog> log_;
  Clock::time_point begin_ = Clock::now();
  double last_loss_ = std::numeric_limits<double>::quiet_NaN();
};

Pretraining::Pretraining(const PretrainConfig& config, const Store& store, const fs::path& run, bool resume)
    : config_(config),
      store_(store),
      run_(run),
      device_(parse_device(config.device)),
      precision_(parse_precision(config.precision)),
      training_(records_with_report(store, kTrain)),
      validation_(records_with_report(store, kValidation)),
      bundle_(initial_model(config, store, training_, device_)),
      reports_(store, *bundle_.tokenizer, bundle_.config.text),
      reader_(make_reader(store, bundle_.config.input)),
      loader_(reader_, training_, training_options()),
      optimiser_(*bundle_.model, config.optimiser) {
  if (training_.size() < 2)
    fail("{}: {} training records with a report; at least 2 are needed", store.path().string(), training_.size());
  if (validation_.size() < 2)
    fail("{}: {} validation records with a report; at least 2 are needed", store.path().string(), validation_.size());
  open_run_folder(run, config, store, resume);
  if (resume)
    if (auto found = load_newest_checkpoint(run)) restore(std::move(*found));
  log_ = std::make_unique<RunLog>(run, position_.metrics_bytes);
}

LoaderOptions Pretraining::training_options() const {
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(config_.batch_size);
  options.shuffle = true;
  options.seed = mix_seed(config_.seed, {kLoaderSeed});
  options.min_batch = 2;
  const AugmentConfig augmentation = config_.augment;
  const std::size_t leads = config_.model.input.leads.size();
  const double rate = config_.model.input.rate;
  options.augment = [augmentation, leads, rate](std::span<float> record, std::size_t, std::uint64_t seed) {
    augment(augmentation, record, leads, rate, mix_seed(seed, {kAugmentSeed}));
  };
  return options;
}

void Pretraining::restore(Checkpoint checkpoint) {
  const std::string source = run_.string() + "/checkpoints";
  assign_tensors(*bundle_.model, checkpoint.model, source);
  optimiser_.load_state(checkpoint.optimiser);
  position_ = std::move(checkpoint.position);
  spdlog::info("resuming {} at step {} (epoch {}, batch {})", run_.string(), position_.step, position_.epoch + 1,
               position_.batch);
}

LossTerms Pretraining::loss_terms(Batch& batch, const TextInput& reports) {
  const TextFeatures text = bundle_.model->encode_text(reports);
  const torch::Tensor same =
      config_.objective.exclude_duplicates ? reports_.same_report(batch.indices, device_) : torch::Tensor();
  return bundle_.model->losses(ecg_tensor(batch, bundle_.config.input, device_), text, config_.objective, same);
}

void Pretraining::train_batch(Batch& batch) {
  const auto begin = Clock::now();
  torch::manual_seed(mix_seed(config_.seed, {kStepSeed, static_cast<std::uint64_t>(position_.step)}));
  optimiser_.zero_gradients();
  torch::Tensor total;
  std::map<std::string, double> values;
  {
    const AutocastGuard autocast(precision_, device_);
    const std::uint64_t token_seed = mix_seed(config_.seed, {kTokenSeed, static_cast<std::uint64_t>(position_.step)});
    const LossTerms terms = loss_terms(
        batch, reports_.batch_with_dropout(batch.indices, config_.augment.token_dropout, token_seed, device_));
    total = total_loss(terms, config_.objective);
    for (const auto& [name, loss] : terms) values[name] = loss.item<double>();
  }
  values["loss"] = last_loss_ = total.item<double>();
  if (!std::isfinite(last_loss_))
    fail("the loss is not finite at step {}: lower optimiser.learning_rate or set optimiser.clip_norm",
         position_.step + 1);
  total.backward();
  const double norm = optimiser_.clip_gradients();
  const double rate = learning_rate(config_.schedule, config_.optimiser.learning_rate, position_.step, total_steps());
  optimiser_.step(rate);
  for (const auto& [name, value] : values) position_.loss_sums[name] += value;
  ++position_.step;
  ++position_.batch;
  if (position_.step % config_.log_steps != 0) return;
  values["learning_rate"] = rate;
  values["gradient_norm"] = norm;
  values["records_per_second"] = static_cast<double>(batch.indices.size()) / seconds_since(begin);
  values["epoch"] = static_cast<double>(position_.epoch + 1);
  log_->write("train", position_.step, values);
}

void Pretraining::train_epoch(Progress& progress) {
  bundle_.model->train();
  loader_.start_epoch(static_cast<std::size_t>(position_.epoch), static_cast<std::size_t>(position_.batch));
  while (auto batch = loader_.next()) {
    train_batch(*batch);
    progress.update(position_.step,
                    fmt::format("epoch {}/{}, loss {:.3f}", position_.epoch + 1, config_.epochs, last_loss_));
    if (position_.step % config_.checkpoint_steps == 0) checkpoint();
  }
}

std::map<std::string, double> Pretraining::validate() {
  const torch::NoGradGuard no_grad;
  bundle_.model->eval();
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(config_.batch_size);
  options.min_batch = 2;
  Loader loader(reader_, validation_, options);
  loader.start_epoch(0);
  std::map<std::string, double> sums;
  double records = 0;
  while (auto batch = loader.next()) {
    torch::manual_seed(
        mix_seed(config_.seed, {kStepSeed}));  // the RME module draws tokens: the same ones in every epoch
    const LossTerms terms = loss_terms(*batch, reports_.batch(batch->indices, device_));
    const auto size = static_cast<double>(batch->indices.size());
    for (const auto& [name, loss] : terms) sums[name] += size * loss.item<double>();
    sums["loss"] += size * total_loss(terms, config_.objective).item<double>();
    records += size;
  }
  for (auto& entry : sums) entry.second /= records;
  if (config_.selection.by == "zero-shot")
    sums["zero_shot_auroc"] =
        mean_zero_shot_auroc(bundle_, store_, kValidation, config_.selection.label_sets, config_.batch_size, device_);
  return sums;
}

void Pretraining::finish_epoch(Progress& progress) {
  const auto batches = static_cast<double>(position_.batch);
  std::map<std::string, double> training;
  for (const auto& [name, sum] : position_.loss_sums) training[name] = sum / batches;
  const std::map<std::string, double> validation = validate();
  ++position_.epoch;
  position_.batch = 0;
  position_.loss_sums.clear();
  log_->write("epoch_train", position_.step, training);
  log_->write("epoch_validation", position_.step, validation);

  const bool by_loss = config_.selection.by == "loss";
  double score = by_loss ? -validation.at("loss") : validation.at("zero_shot_auroc");
  if (std::isnan(score)) score = std::numeric_limits<double>::lowest();  // no label of the sets has both classes
  bundle_.training = {{"data", fs::absolute(store_.path()).filename().string()},
                      {"training_records", training_.size()},
                      {"distinct_reports", reports_.distinct(training_)},
                      {"seed", config_.seed},
                      {"epoch", position_.epoch},
                      {"steps", position_.step},
                      {"precision", config_.precision},
                      {"objective", write_config(config_.objective)},
                      {"validation", validation}};
  const bool best = !position_.best_score || score > *position_.best_score;
  if (best) {
    position_.best_score = score;
    position_.best_epoch = position_.epoch;
    save_model(run_ / "best", bundle_);
  }
  save_model(run_ / "last", bundle_);
  checkpoint();
  progress.update(position_.step, fmt::format("epoch {}/{}, loss {:.3f}, validation {} {:.4f}{}", position_.epoch,
                                              config_.epochs, training.at("loss"), by_loss ? "loss" : "zero-shot AUROC",
                                              std::abs(score), best ? " (best)" : ""));
}

void Pretraining::checkpoint() {
  position_.metrics_bytes = log_->bytes();
  save_checkpoint(run_, position_, module_tensors(*bundle_.model), optimiser_.state());
}

Json Pretraining::run_to_end() {
  spdlog::info("pre-training {} ({}) on {}: {} training and {} validation records, {} distinct reports, {} steps",
               config_.model.kind, config_.model.backbone, store_.path().string(), training_.size(), validation_.size(),
               reports_.distinct(training_), total_steps());
  Progress progress("pretrain", "steps", total_steps());
  progress.start_at(position_.step);
  while (position_.epoch < config_.epochs) {
    train_epoch(progress);
    finish_epoch(progress);
  }
  Json summary = {
      {"kind", config_.model.kind},
      {"epochs", config_.epochs},
      {"steps", position_.step},
      {"best_epoch", position_.best_epoch},
      {"selected_by", config_.selection.by},
      {"best_validation_score", position_.best_score ? Json(std::abs(*position_.best_score)) : Json(nullptr)},
      {"training_records", training_.size()},
      {"seconds_of_this_process", seconds_since(begin_)}};
  save_json(run_ / "summary.json", summary);
  return summary;
}

}  // namespace

Json pretrain(const PretrainConfig& config, const Store& store, const fs::path& run, bool resume) {
  validate(config);
  return Pretraining(config, store, run, resume).run_to_end();
}

}  // namespace deri
