#include "deri/train/pretrain.hpp"

#include <memory>
#include <optional>

#include "deri/base/config.hpp"
#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/data/loader.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/text/wordpiece_trainer.hpp"
#include "deri/train/augment.hpp"
#include "deri/train/report_set.hpp"
#include "deri/train/text_features.hpp"
#include "deri/train/training_loop.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// Purposes of random numbers, kept apart in mix_seed(); 2 is the loop's.
constexpr std::uint64_t kModelSeed = 1, kLoaderSeed = 3, kAugmentSeed = 4, kTokenSeed = 5;

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

class Pretraining : public TrainingTask {
 public:
  Pretraining(const PretrainConfig& config, const Store& store);

  torch::nn::Module& module() override { return *bundle_.model; }
  std::int64_t batches_per_epoch() const override { return static_cast<std::int64_t>(loader_.batches()); }
  void start_epoch(std::int64_t epoch, std::int64_t first_batch) override {
    loader_.start_epoch(static_cast<std::uint64_t>(epoch), static_cast<std::size_t>(first_batch));
  }
  std::optional<StepLoss> next_loss(std::int64_t step) override;
  std::optional<double> seconds_waited() const override { return loader_.seconds_waited(); }
  std::map<std::string, double> validate() override;
  double score(const std::map<std::string, double>& validation) const override {
    const double value = validation.at(score_name().first);
    return by_loss() ? -value : value;
  }
  std::pair<std::string, std::string> score_name() const override {
    return by_loss() ? std::pair("loss", "loss") : std::pair("zero_shot_auroc", "zero-shot AUROC");
  }
  void save(const fs::path& folder, const RunPosition& position,
            const std::map<std::string, double>& validation) override;

  // Takes a frozen tower's features from where they are kept, or puts them there first.
  void keep_text_features(const fs::path& run);

  std::size_t training_records() const { return training_.size(); }
  // One line for the log.
  std::string description() const;

 private:
  // Of the whole reports of these records.
  TextFeatures text_features(const std::vector<std::size_t>& records) const;
  // The objective's terms on a batch; `text` is of its reports (whole, or thinned by token dropout).
  LossTerms loss_terms(Batch& batch, const TextFeatures& text);
  LoaderOptions training_options() const;
  bool by_loss() const { return config_.selection.by == "loss"; }

  const PretrainConfig config_;
  const Store& store_;
  const torch::Device device_;
  const std::vector<std::size_t> training_, validation_;
  ModelBundle bundle_;
  ReportSet reports_;
  std::optional<KeptTextFeatures> kept_text_;
  SignalReader reader_;
  Loader loader_;
  std::optional<Batch> batch_;  // the last one: the gradient's computation still reads its signals
};

Pretraining::Pretraining(const PretrainConfig& config, const Store& store)
    : config_(config),
      store_(store),
      device_(parse_device(config.device)),
      training_(records_with_report(store, kTrain)),
      validation_(records_with_report(store, kValidation)),
      bundle_(initial_model(config, store, training_, device_)),
      reports_(store, *bundle_.tokenizer, bundle_.config.text),
      reader_(make_reader(store, bundle_.config.input)),
      loader_(reader_, training_, training_options()) {
  if (training_.size() < 2)
    fail("{}: {} training records with a report; at least 2 are needed", store.path().string(), training_.size());
  if (validation_.size() < 2)
    fail("{}: {} validation records with a report; at least 2 are needed", store.path().string(), validation_.size());
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

void Pretraining::keep_text_features(const fs::path& run) {
  if (config_.model.text.trainable || config_.text_features == kTextFeaturesOff) return;
  if (config_.augment.token_dropout > 0) {
    spdlog::info("augment.token_dropout changes the reports: the frozen text tower runs in every step");
    return;
  }
  std::vector<fs::path> folders = {config_.text_features};
  if (config_.text_features == kTextFeaturesAuto)
    folders = {text_features_beside(store_.path()),
               fs::absolute(run).lexically_normal().parent_path() / "text-features"};
  std::vector<std::size_t> records = training_;
  records.insert(records.end(), validation_.begin(), validation_.end());
  kept_text_.emplace(*bundle_.model, store_, reports_, records, folders, device_);
  spdlog::info("text features of {} reports in {}", kept_text_->store().reports(), kept_text_->store().path().string());
}

TextFeatures Pretraining::text_features(const std::vector<std::size_t>& records) const {
  return kept_text_ ? kept_text_->batch(records, device_)
                    : bundle_.model->encode_text(reports_.batch(records, device_));
}

LossTerms Pretraining::loss_terms(Batch& batch, const TextFeatures& text) {
  const torch::Tensor same =
      config_.objective.exclude_duplicates ? reports_.same_report(batch.indices, device_) : torch::Tensor();
  return bundle_.model->losses(ecg_tensor(batch, bundle_.config.input, device_), text, config_.objective, same);
}

std::optional<StepLoss> Pretraining::next_loss(std::int64_t step) {
  batch_ = loader_.next();
  if (!batch_) return std::nullopt;
  const std::uint64_t token_seed = mix_seed(config_.seed, {kTokenSeed, static_cast<std::uint64_t>(step)});
  const double token_dropout = config_.augment.token_dropout;
  StepLoss loss;
  loss.terms = loss_terms(*batch_, token_dropout > 0 ? bundle_.model->encode_text(reports_.batch_with_dropout(
                                                           batch_->indices, token_dropout, token_seed, device_))
                                                     : text_features(batch_->indices));
  loss.total = total_loss(loss.terms, config_.objective);
  loss.examples = batch_->indices.size();
  return loss;
}

std::map<std::string, double> Pretraining::validate() {
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(config_.batch_size);
  options.min_batch = 2;
  Loader loader(reader_, validation_, options);
  loader.start_epoch(0);
  std::map<std::string, double> sums;
  double records = 0;
  while (auto batch = loader.next()) {
    const LossTerms terms = loss_terms(*batch, text_features(batch->indices));
    const auto size = static_cast<double>(batch->indices.size());
    for (const auto& [name, loss] : terms) sums[name] += size * loss.item<double>();
    sums["loss"] += size * total_loss(terms, config_.objective).item<double>();
    records += size;
  }
  for (auto& entry : sums) entry.second /= records;
  if (!by_loss())
    sums["zero_shot_auroc"] =
        mean_zero_shot_auroc(bundle_, store_, kValidation, config_.selection.label_sets, config_.batch_size, device_);
  return sums;
}

void Pretraining::save(const fs::path& folder, const RunPosition& position,
                       const std::map<std::string, double>& validation) {
  bundle_.training = {{"data", fs::absolute(store_.path()).filename().string()},
                      {"training_records", training_.size()},
                      {"distinct_reports", reports_.distinct(training_)},
                      {"seed", config_.seed},
                      {"epoch", position.epoch},
                      {"steps", position.step},
                      {"precision", config_.precision},
                      {"objective", write_config(config_.objective)},
                      {"validation", validation}};
  save_model(folder, bundle_);
}

std::string Pretraining::description() const {
  return fmt::format("{} ({}) on {}: {} training and {} validation records, {} distinct reports", config_.model.kind,
                     config_.model.backbone, store_.path().string(), training_.size(), validation_.size(),
                     reports_.distinct(training_));
}

}  // namespace

Json pretrain(const PretrainConfig& config, const Store& store, const fs::path& run, bool resume) {
  validate(config);
  Pretraining task(config, store);
  open_run_folder(
      run, write_config(config),
      {{"source", fs::absolute(store.path()).string()}, {"checksum", store.checksum()}, {"records", store.size()}},
      resume);
  spdlog::info("pre-training {}", task.description());
  task.keep_text_features(run);
  Json summary = run_training(task, config, run, resume);
  summary["kind"] = config.model.kind;
  summary["training_records"] = task.training_records();
  save_json(run / "summary.json", summary);
  return summary;
}

}  // namespace deri
