#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/data/ptbxl.hpp"
#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_process.hpp"
#include "deri/experiment/speed_step.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/model/multiply_adds.hpp"
#include "deri/model/text_input.hpp"
#include "deri/train/pretrain.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::int64_t kWarmUpRecords = 2;    // of the reference, whose steps take seconds
constexpr std::int64_t kComparedRecords = 8;  // of which losses are compared
constexpr std::int64_t kTowerBatch = 32;      // of the text features that are stored
constexpr std::uint64_t kNoiseSeed = 7;

// The reports' token ids, one batch of them, and how long they are.
class TokenisedReports {
 public:
  explicit TokenisedReports(const std::vector<SyntheticPair>& pairs) : tokenizer_(speed_tokenizer(pairs)) {
    std::vector<std::string> reports;
    for (const SyntheticPair& pair : pairs) reports.push_back(pair.report);
    token_ids_ = tokenize_texts(*tokenizer_, TextTowerConfig(), reports);
  }

  // Records [first, last), padded to `columns` or the longest.
  TextInput batch(std::int64_t first, std::int64_t last, std::int64_t columns) const {
    std::vector<const std::vector<std::int32_t>*> rows;
    for (std::int64_t i = first; i < last; ++i) rows.push_back(&token_ids_[static_cast<std::size_t>(i)]);
    return padded_batch(rows, static_cast<std::size_t>(columns), tokenizer_->pad_id(), torch::kCPU);
  }
  std::vector<std::int64_t> lengths() const {
    std::vector<std::int64_t> lengths;
    for (const auto& ids : token_ids_) lengths.push_back(static_cast<std::int64_t>(ids.size()));
    return lengths;
  }
  std::int64_t size() const { return static_cast<std::int64_t>(token_ids_.size()); }

 private:
  std::shared_ptr<const WordPiece> tokenizer_;
  std::vector<std::vector<std::int32_t>> token_ids_;
};

// The tower's features of all reports at their lengths, as one batch [N, longest, hidden], pads zero.
TextFeatures stored_features(EcgTextModel& tower, const TokenisedReports& reports) {
  const torch::NoGradGuard no_grad;
  const KernelsGuard kernels(Kernels::kFast);
  const std::vector<std::int64_t> lengths = reports.lengths();
  const std::int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<Tensor> pooled, hidden, mask;
  for (std::int64_t first = 0; first < reports.size(); first += kTowerBatch) {
    const TextInput input = reports.batch(first, std::min(first + kTowerBatch, reports.size()), 0);
    const TextFeatures part = tower.encode_text(input);
    const std::int64_t missing = longest - input.ids.size(1);
    pooled.push_back(part.pooled);
    hidden.push_back(torch::constant_pad_nd(part.hidden, {0, 0, 0, missing}, 0));
    mask.push_back(torch::constant_pad_nd(part.mask, {0, missing}, 0));
  }
  return {.pooled = torch::cat(pooled), .hidden = torch::cat(hidden), .mask = torch::cat(mask)};
}

TextFeatures first_of(const TextFeatures& text, std::int64_t records) {
  return {.pooled = text.pooled.slice(0, 0, records),
          .hidden = text.hidden.slice(0, 0, records),
          .mask = text.mask.slice(0, 0, records)};
}

// Everything that the steps of one batch size share.
struct StepData {
  Tensor ecg;
  TokenisedReports reports;
  TextFeatures stored;

  StepData(const std::vector<SyntheticPair>& pairs, EcgTextModel& tower)
      : ecg(input_tensor(pairs, tower.config().input)), reports(pairs), stored(stored_features(tower, reports)) {}
};

Tensor loss_values(EcgTextModel& model, const Tensor& ecg, const TextFeatures& text, const SpeedWay& way) {
  // Not computed(): kernels for training may differ from those without a gradient.
  const KernelsGuard kernels(way.kernels);
  const AutocastGuard autocast(way.precision, torch::kCPU);
  torch::manual_seed(kNoiseSeed);
  std::vector<Tensor> values;
  for (const auto& [name, value] : model.losses(ecg, text, speed_objective()))
    values.push_back(value.detach().to(torch::kFloat32));
  return torch::stack(values);
}

// Of each usable way's loss terms from those of plain kernels on padded reports; same weights and noise, no dropout,
// pads masked in both.
std::vector<double> loss_differences(EcgTextModel& tower, const StepData& data) {
  const std::int64_t records = std::min<std::int64_t>(kComparedRecords, data.reports.size());
  const auto model = speed_model(without_dropout(stored_text_config()));
  copy_weights_beside_tower(tower, *model);
  model->train();
  TextFeatures padded;
  {
    const KernelsGuard kernels(Kernels::kPlain);
    padded = tower.encode_text(data.reports.batch(0, records, tower.config().text.max_tokens));
  }
  const Tensor ecg = data.ecg.slice(0, 0, records);
  const Tensor expected = loss_values(*model, ecg, padded, kReference);
  std::vector<double> differences;
  for (const SpeedWay& way : usable_ways()) {
    const Tensor values = loss_values(*model, ecg, way.plain() ? padded : first_of(data.stored, records), way);
    differences.push_back(((values - expected) / expected).abs().max().item<double>());
  }
  return differences;
}

double training_operations(const ModelConfig& config, const std::vector<std::int64_t>& text_tokens) {
  return 2 * static_cast<double>(losses_multiply_adds(config, text_tokens).training());
}

void measure_training_step(SpeedRun& run, std::int64_t batch) {
  const auto model = speed_model(published_config());
  const ModelConfig& config = model->config();
  const StepData data(synthetic_pairs(static_cast<std::size_t>(batch)), *model);
  const std::vector<double> differences = loss_differences(*model, data);
  const auto ours_model = speed_model(stored_text_config());
  copy_weights_beside_tower(*model, *ours_model);
  ReferenceStep reference(model);
  OurStep ours(ours_model);

  // A reference that takes too long is measured on fewer records.
  const std::int64_t few = batch <= run.scale().reference_batch ? batch : run.scale().training_batches.front();
  const TextInput padded = data.reports.batch(0, few, config.text.max_tokens);
  const TextInput warm_text = data.reports.batch(0, kWarmUpRecords, config.text.max_tokens);
  const double reference_operations =
      training_operations(config, std::vector<std::int64_t>(static_cast<std::size_t>(few), config.text.max_tokens)) +
      2 * static_cast<double>(few * text_tower_multiply_adds(config.text, config.text.max_tokens).forward);

  std::vector<TimedRow> rows;
  const auto add_reference = [&](const SpeedWay& way) {
    rows.push_back(timed_row(
        way, [&, way] { reference.run(data.ecg.slice(0, 0, few), padded, way.precision); },
        [&, way] { reference.run(data.ecg.slice(0, 0, kWarmUpRecords), warm_text, way.precision); }));
    rows.back().row.work = static_cast<double>(few);
    rows.back().row.operations = reference_operations;
    if (few < batch) rows.back().row.note = fmt::format("measured on batches of {}", few);
  };
  const auto add_ours = [&](const SpeedWay& way) {
    rows.push_back(timed_row(way, [&, way] { ours.run(data.ecg, data.stored, way.precision); }));
    rows.back().row.work = static_cast<double>(batch);
    rows.back().row.operations = training_operations(config, data.reports.lengths());
    rows.back().row.goals = ratio_goals(way.precision == Precision::kFloat32 ? 35 : 60);
  };
  const std::vector<SpeedWay> ways = usable_ways();
  for (std::size_t i = 0; i < ways.size(); ++i) {
    ways[i].plain() ? add_reference(ways[i]) : add_ours(ways[i]);
    rows.back().row.difference = differences[i];
  }
  rows.push_back(reference_as_started(run, LoneWork::What::kStep, few));
  if (few < batch) rows.back().row.note += fmt::format("; measured on batches of {}", few);
  SpeedWorkload workload;
  workload.key = "train";
  workload.title = fmt::format("pre-training step, batch {}", batch);
  workload.unit = "records";
  workload.difference_of = fmt::format(
      "the five terms of the loss, each over itself, on {} records; same weights and noise, no dropout, pads masked",
      std::min<std::int64_t>(kComparedRecords, batch));
  run.measure(std::move(workload), std::move(rows), Repeated::kSteps);
}

// Our own small text tower, trained along: what `deri pretrain` does without a pretrained one.
PretrainConfig epoch_config(const SpeedWay& way) {
  PretrainConfig config;
  config.epochs = 1;
  config.batch_size = 32;
  config.precision = way.precision == Precision::kFloat32 ? "float32" : "bfloat16";
  config.selection.by = "loss";
  config.model = stored_text_config();
  config.model.text.trainable = true;
  config.model.text.hidden = 128;
  config.model.text.layers = 2;
  config.model.text.heads = 4;
  config.model.text.intermediate = 512;
  return config;
}

// The share of waiting that the run wrote down, NaN if there is none.
double wait_share(const std::filesystem::path& run) {
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  double share = std::nan("");
  for (std::string line; std::getline(lines, line);) {
    const Json metrics = parse_json(line, "metrics.jsonl");
    if (metrics.value("kind", std::string()) == "epoch_train" && metrics["loader_wait_share"].is_number())
      share = metrics["loader_wait_share"].get<double>();
  }
  return share;
}

}  // namespace

void measure_training_steps(SpeedRun& run) {
  for (const std::int64_t batch : run.scale().training_batches) measure_training_step(run, batch);
}

Alternative lone_step(const SpeedWay& way, std::int64_t records) {
  const auto model = speed_model(way.plain() ? published_config() : stored_text_config());
  const std::vector<SyntheticPair> pairs = synthetic_pairs(static_cast<std::size_t>(records));
  const Tensor ecg = input_tensor(pairs, model->config().input);
  const TokenisedReports reports(pairs);
  std::function<void(std::int64_t)> step;  // on the first records
  if (way.plain()) {
    const TextInput text = reports.batch(0, records, model->config().text.max_tokens);
    step = [=, reference = std::make_shared<ReferenceStep>(model)](std::int64_t count) {
      const TextInput first{.ids = text.ids.slice(0, 0, count), .mask = text.mask.slice(0, 0, count)};
      reference->run(ecg.slice(0, 0, count), first, way.precision);
    };
  } else {
    const TextInput text = reports.batch(0, records, 0);
    const std::int64_t width = model->config().text.hidden;
    const TextFeatures stored{.pooled = torch::randn({records, width}),
                              .hidden = torch::randn({records, text.ids.size(1), width}),
                              .mask = text.mask};
    step = [=, ours = std::make_shared<OurStep>(model)](std::int64_t count) {
      ours->run(ecg.slice(0, 0, count), first_of(stored, count), way.precision);
    };
  }
  // After the warm-up the optimiser's moments are there.
  return {way.name, [step, records] { step(records); }, [step] { step(kWarmUpRecords); }};
}

void measure_epoch(SpeedRun& run) {
  write_speed_archive(run.folder() / "epoch-archive", run.scale().epoch_records);
  prepare_ptbxl(run.folder() / "epoch-archive", run.folder() / "epoch-store");
  const Store store(run.folder() / "epoch-store");
  std::vector<TimedRow> rows;
  for (const SpeedWay& way : usable_ways({kOurs, kOursBfloat16})) {
    const std::filesystem::path folder = run.folder() / fmt::format("epoch-run-{}", rows.size());
    rows.push_back(timed_row(
        way,
        [&store, folder, way] {
          std::filesystem::remove_all(folder);
          pretrain(epoch_config(way), store, folder, false);
        },
        [] {}));
    rows.back().row.work = static_cast<double>(store.split(kTrain).size());
    rows.back().extra = [folder] { return wait_share(folder); };
    rows.back().row.note =
        "an epoch of `deri pretrain` with its validation and checkpoint, small text tower trained along";
  }
  SpeedWorkload workload;
  workload.key = "epoch";
  workload.title = fmt::format("an epoch of pre-training on {} records, batch 32", store.split(kTrain).size());
  workload.unit = "records";
  workload.extra_name = "loader_wait_share";
  run.measure(std::move(workload), std::move(rows), Repeated::kJobs);
}

}  // namespace deri
