#include "deri/train/report_train.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <unordered_map>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/data/loader.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/finding_scores.hpp"
#include "deri/eval/report_writing.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/model/text_input.hpp"
#include "deri/model/weights.hpp"
#include "deri/model/writer_folder.hpp"
#include "deri/text/byte_level_bpe_trainer.hpp"
#include "deri/text/report.hpp"
#include "deri/train/augment.hpp"
#include "deri/train/report_set.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// Purposes of random numbers, kept apart in mix_seed(); 2 is the loop's.
constexpr std::uint64_t kWriterSeed = 21, kWriterLoaderSeed = 22, kWriterAugmentSeed = 23, kHiddenTokenSeed = 24,
                        kRandomEncoderSeed = 25;

std::shared_ptr<const ReportTokenizer> make_writer_tokenizer(const ReportTrainConfig& config,
                                                             const ModelBundle& encoder,
                                                             const std::vector<std::string>& reports) {
  const ReportDecoderConfig& decoder = config.writer.decoder;
  if (!decoder.pretrained.empty()) return nullptr;  // it has its own
  if (decoder.kind == "relational") return make_report_tokenizer(*encoder.tokenizer);
  return make_report_tokenizer(train_byte_level_bpe(reports, static_cast<std::size_t>(config.vocabulary_size),
                                                    {"[PAD]", "[BOS]", "<|endoftext|>"}));
}

// The writer to begin with, on its device: the optimiser's state is made where the weights lie.
WriterBundle initial_writer(const ReportTrainConfig& config, const ModelBundle& encoder,
                            const std::vector<std::string>& reports, const torch::Device& device) {
  ModelBundle used =
      config.random_encoder ? untrained_twin(encoder, mix_seed(config.seed, {kRandomEncoderSeed})) : encoder;
  WriterBundle bundle = new_writer(config.writer, std::move(used), make_writer_tokenizer(config, encoder, reports),
                                   mix_seed(config.seed, {kWriterSeed}));
  bundle.writer->to(device);
  return bundle;
}

class WriterTraining : public TrainingTask {
 public:
  WriterTraining(const ReportTrainConfig& config, const ModelBundle& encoder, const Store& store, fs::path run);

  torch::nn::Module& module() override { return *bundle_.writer; }
  std::int64_t batches_per_epoch() const override { return static_cast<std::int64_t>(loader_.batches()); }
  void start_epoch(std::int64_t epoch, std::int64_t first_batch) override {
    loader_.start_epoch(static_cast<std::uint64_t>(epoch), static_cast<std::size_t>(first_batch));
  }
  std::optional<StepLoss> next_loss(std::int64_t step) override;
  std::optional<double> seconds_waited() const override { return loader_.seconds_waited(); }
  std::map<std::string, double> validate() override;
  double score(const std::map<std::string, double>& validation) const override {
    const double value = validation.at(score_name().first);
    return by_findings() ? value : -value;
  }
  std::pair<std::string, std::string> score_name() const override {
    return by_findings() ? std::pair("finding_f1", "micro F1 of findings") : std::pair("loss", "loss");
  }
  void save(const fs::path& folder, const RunPosition& position,
            const std::map<std::string, double>& validation) override;

  // What a frozen encoder says of the records is computed, if it stays the same and is not too much to be kept. Takes
  // as long as encoding them; without it, it is done in every epoch.
  void keep_encodings();
  // Numbers for the log and the summary.
  Json facts() const;

 private:
  LoaderOptions training_options() const;
  bool by_findings() const { return config_.select_by == "findings"; }
  void tokenize(const std::vector<std::size_t>& records, const std::vector<std::string>& reports);
  void keep_encodings_of(const std::vector<std::size_t>& records);
  torch::Tensor kept_encodings(const std::vector<std::size_t>& records) const;  // on the CPU
  torch::Tensor encoded(Batch& batch);
  TextInput reports_of(const std::vector<std::size_t>& records) const;
  // `ids` with some tokens hidden: what the decoder reads.
  torch::Tensor thinned(const TextInput& reports, std::uint64_t seed) const;
  std::vector<WrittenText> write_validation(std::size_t count);  // of the first records, greedily
  double finding_f1();
  void write_samples(std::int64_t epoch);

  const ReportTrainConfig config_;
  const Store& store_;
  const torch::Device device_;
  const fs::path run_;
  const std::vector<std::size_t> training_, validation_;
  const std::vector<std::string> validation_reports_;
  WriterBundle bundle_;
  std::int64_t reports_cut_ = 0;
  std::unordered_map<std::size_t, std::vector<std::int32_t>> token_ids_;  // by record
  SignalReader reader_;
  Loader loader_;
  std::unordered_map<std::size_t, std::int64_t> kept_rows_;  // of kept_, by record
  torch::Tensor kept_;
  std::optional<Batch> batch_;  // the last one: the gradient's computation still reads its signals
  std::vector<ReportFindings> validation_findings_;
};

WriterTraining::WriterTraining(const ReportTrainConfig& config, const ModelBundle& encoder, const Store& store,
                               fs::path run)
    : config_(config),
      store_(store),
      device_(parse_device(config.device)),
      run_(std::move(run)),
      training_(records_with_report(store, kTrain)),
      validation_(records_with_report(store, kValidation)),
      validation_reports_(cleaned_reports(store, validation_)),
      bundle_(initial_writer(config, encoder, cleaned_reports(store, training_), device_)),
      reader_(make_reader(store, bundle_.encoder.config.input)),
      loader_(reader_, training_, training_options()) {
  tokenize(training_, cleaned_reports(store, training_));
  tokenize(validation_, validation_reports_);
  if (by_findings()) validation_findings_ = extract_findings(FindingExtractor(), in_english(validation_reports_));
}

LoaderOptions WriterTraining::training_options() const {
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(config_.batch_size);
  options.shuffle = true;
  options.seed = mix_seed(config_.seed, {kWriterLoaderSeed});
  const InputConfig& input = bundle_.encoder.config.input;
  options.augment = [augmentation = config_.augment, leads = input.leads.size(), rate = input.rate](
                        std::span<float> record, std::size_t, std::uint64_t seed) {
    augment(augmentation, record, leads, rate, mix_seed(seed, {kWriterAugmentSeed}));
  };
  return options;
}

void WriterTraining::tokenize(const std::vector<std::size_t>& records, const std::vector<std::string>& reports) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    ReportTokenizer::Encoded report =
        bundle_.tokenizer->encode(reports[i], static_cast<std::size_t>(bundle_.config.max_tokens));
    reports_cut_ += report.cut ? 1 : 0;
    token_ids_[records[i]] = std::move(report.ids);
  }
}

void WriterTraining::keep_encodings() {
  if (config_.writer.train_encoder) return;
  const AugmentConfig& augment = config_.augment;
  const bool augmented =
      augment.gain > 0 || augment.shift_seconds > 0 || augment.noise_mv > 0 || augment.lead_dropout > 0;
  if (!augmented) keep_encodings_of(training_);
  keep_encodings_of(validation_);
}

void WriterTraining::keep_encodings_of(const std::vector<std::size_t>& records) {
  const torch::Tensor first = encode_records(*bundle_.writer, reader_, {records.front()}, 1, device_);
  const double mebibytes = static_cast<double>(first.nbytes()) * static_cast<double>(records.size()) / (1 << 20);
  if (mebibytes > static_cast<double>(config_.kept_encodings)) {
    spdlog::info("the encodings of {} records would take {:.0f} MiB: computed anew each time", records.size(),
                 mebibytes);
    return;
  }
  const torch::Tensor encodings = encode_records(*bundle_.writer, reader_, records, config_.batch_size, device_);
  const std::int64_t before = kept_.defined() ? kept_.size(0) : 0;
  kept_ = kept_.defined() ? torch::cat({kept_, encodings}) : encodings;
  for (std::size_t i = 0; i < records.size(); ++i) kept_rows_[records[i]] = before + static_cast<std::int64_t>(i);
}

torch::Tensor WriterTraining::kept_encodings(const std::vector<std::size_t>& records) const {
  std::vector<std::int64_t> rows;
  rows.reserve(records.size());
  for (const std::size_t record : records) rows.push_back(kept_rows_.at(record));
  return kept_.index_select(0, torch::tensor(rows, torch::kInt64));
}

torch::Tensor WriterTraining::encoded(Batch& batch) {
  if (kept_rows_.contains(batch.indices.front())) return kept_encodings(batch.indices).to(device_);
  return bundle_.writer->encode(ecg_tensor(batch, bundle_.encoder.config.input, device_));
}

TextInput WriterTraining::reports_of(const std::vector<std::size_t>& records) const {
  std::vector<const std::vector<std::int32_t>*> rows;
  rows.reserve(records.size());
  for (const std::size_t record : records) rows.push_back(&token_ids_.at(record));
  return padded_batch(rows, 0, bundle_.tokenizer->pad_id(), device_);
}

torch::Tensor WriterTraining::thinned(const TextInput& reports, std::uint64_t seed) const {
  const double share = config_.augment.token_dropout;
  if (share == 0) return {};
  Rng rng(seed);
  torch::Tensor hidden = torch::zeros(reports.ids.sizes(), torch::kBool);
  auto is_hidden = hidden.accessor<bool, 2>();
  for (std::int64_t row = 0; row < hidden.size(0); ++row)
    for (std::int64_t column = 1; column < hidden.size(1); ++column) is_hidden[row][column] = rng.chance(share);
  return reports.ids.masked_fill(hidden.to(device_), bundle_.tokenizer->pad_id());
}

std::optional<StepLoss> WriterTraining::next_loss(std::int64_t step) {
  batch_ = loader_.next();
  if (!batch_) return std::nullopt;
  const TextInput reports = reports_of(batch_->indices);
  const std::uint64_t seed = mix_seed(config_.seed, {kHiddenTokenSeed, static_cast<std::uint64_t>(step)});
  StepLoss loss;
  loss.total = bundle_.writer->loss(reports.ids, reports.mask, encoded(*batch_), thinned(reports, seed));
  loss.examples = batch_->indices.size();
  return loss;
}

std::map<std::string, double> WriterTraining::validate() {
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(config_.batch_size);
  Loader loader(reader_, validation_, options);
  loader.start_epoch(0);
  double sum = 0, tokens = 0;
  while (auto batch = loader.next()) {
    const TextInput reports = reports_of(batch->indices);
    // Of each row's tokens all but the first are written.
    const auto written = static_cast<double>(reports.mask.sum().item<std::int64_t>() - reports.mask.size(0));
    sum += written * bundle_.writer->loss(reports.ids, reports.mask, encoded(*batch)).item<double>();
    tokens += written;
  }
  std::map<std::string, double> numbers{{"loss", sum / tokens}, {"perplexity", std::exp(sum / tokens)}};
  if (by_findings()) numbers["finding_f1"] = finding_f1();
  return numbers;
}

std::vector<WrittenText> WriterTraining::write_validation(std::size_t count) {
  WritingOptions greedy;
  greedy.beams = 1;
  greedy.batch_size = config_.batch_size;
  const std::vector<std::size_t> records(
      validation_.begin(), validation_.begin() + static_cast<std::ptrdiff_t>(std::min(count, validation_.size())));
  if (records.empty()) return {};
  return write_reports(bundle_,
                       kept_rows_.contains(records.front())
                           ? kept_encodings(records)
                           : encode_records(*bundle_.writer, reader_, records, config_.batch_size, device_),
                       greedy, device_);
}

double WriterTraining::finding_f1() {
  std::vector<std::string> texts;
  for (const WrittenText& written : write_validation(validation_.size())) texts.push_back(written.text);
  return micro_f1(validation_findings_, extract_findings(FindingExtractor(), in_english(texts)));
}

void WriterTraining::write_samples(std::int64_t epoch) {
  const fs::path file = run_ / "samples.jsonl";
  std::string kept;
  // A resumed run repeats an epoch: what it wrote the first time goes.
  if (fs::exists(file)) {
    const std::string lines = read_file(file, std::uint64_t{1} << 30);
    for (std::size_t begin = 0; begin < lines.size();) {
      const std::size_t end = std::min(lines.find('\n', begin), lines.size() - 1) + 1;
      const std::string line = lines.substr(begin, end - begin);
      if (parse_json(line, file.string()).value("epoch", std::int64_t{0}) < epoch) kept += line;
      begin = end;
    }
  }
  const auto count = static_cast<std::size_t>(config_.samples);
  const std::vector<WrittenText> written = write_validation(count);
  for (std::size_t i = 0; i < written.size(); ++i) {
    const Json line = {{"epoch", epoch},
                       {"record", store_.record(validation_[i]).id},
                       {"report", validation_reports_[i]},
                       {"written", written[i].text}};
    kept += line.dump() + "\n";
  }
  write_file_atomic(file, kept);
}

void WriterTraining::save(const fs::path& folder, const RunPosition& position,
                          const std::map<std::string, double>& validation) {
  write_samples(position.epoch);
  bundle_.training = facts();
  bundle_.training.update({{"data", fs::absolute(store_.path()).filename().string()},
                           {"seed", config_.seed},
                           {"epoch", position.epoch},
                           {"steps", position.step},
                           {"precision", config_.precision},
                           {"random_encoder", config_.random_encoder},
                           {"validation", validation}});
  save_writer(folder, bundle_);
}

Json WriterTraining::facts() const {
  std::int64_t with_split = 0;
  for (const char* split : {kTrain, kValidation}) with_split += static_cast<std::int64_t>(store_.split(split).size());
  return {{"training_reports", training_.size()},
          {"validation_reports", validation_.size()},
          {"records_without_report", with_split - static_cast<std::int64_t>(training_.size() + validation_.size())},
          {"reports_cut", reports_cut_},
          {"vocabulary", bundle_.tokenizer->size()},
          {"encodings_kept", kept_rows_.size()}};
}

ReportTrainConfig default_config(const std::vector<std::string>& overrides) {
  Json tree = Json::object();
  for (const std::string& assignment : overrides) apply_override(tree, assignment);
  return read_config<ReportTrainConfig>(tree, "--set");
}

void check_reports(const Store& store) {
  for (const char* split : {kTrain, kValidation})
    if (records_with_report(store, split).empty())
      fail("{}: no record of the split {} has a report; a writer learns from reports", store.path().string(), split);
}

void validate(const ReportTrainConfig& config) {
  validate(static_cast<const LoopConfig&>(config));
  require(config.vocabulary_size >= 300, "vocabulary_size must be at least 300: 256 tokens are single bytes");
  require(config.select_by == "loss" || config.select_by == "findings", "select_by must be loss or findings");
  require(config.samples >= 0 && config.samples <= 1000, "samples must be 0 to 1000");
  require(config.kept_encodings >= 0, "kept_encodings must not be negative");
  validate(config.augment);
  validate(config.writer);
}

}  // namespace

ReportTrainConfig load_report_train_config(const fs::path& path, const std::vector<std::string>& overrides) {
  auto config = path.empty() ? default_config(overrides) : load_config<ReportTrainConfig>(path, overrides);
  resolve_file(config.writer.decoder.pretrained, path);
  try {
    validate(config);
  } catch (const Error& error) {
    fail("{}: {}", path.empty() ? "configuration" : path.string(), error.what());
  }
  return config;
}

Json train_report_writer(const ReportTrainConfig& config, const ModelBundle& encoder, const std::string& encoder_name,
                         const Store& store, const fs::path& run, bool resume) {
  validate(config);
  check_reports(store);
  WriterTraining task(config, encoder, store, run);
  open_run_folder(run, write_config(config),
                  {{"source", fs::absolute(store.path()).string()},
                   {"checksum", fmt::format("{} {}", store.checksum(), weights_fingerprint(*encoder.model))},
                   {"encoder", encoder_name},
                   {"records", store.size()}},
                  resume);
  const Json facts = task.facts();
  spdlog::info(
      "training a report writer on {}: {} training and {} validation reports, {} tokens known; {} records "
      "without report left out, {} reports longer than {} tokens cut",
      store.path().string(), facts["training_reports"].dump(), facts["validation_reports"].dump(),
      facts["vocabulary"].dump(), facts["records_without_report"].dump(), facts["reports_cut"].dump(),
      config.writer.max_tokens);
  task.keep_encodings();
  Json summary = run_training(task, config, run, resume);
  summary.update(task.facts());
  save_json(run / "summary.json", summary);
  return summary;
}

}  // namespace deri
