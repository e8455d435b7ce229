#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/data/ptbxl.hpp"
#include "deri/ecg/read_recording.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/probe.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/model/multiply_adds.hpp"
#include "deri/text/wordpiece_trainer.hpp"
#include "deri/train/report_set.hpp"

namespace deri {
namespace {

using torch::Tensor;
namespace fs = std::filesystem;

constexpr std::size_t kFileBatch = 64;    // as `deri embed` has it
constexpr std::int64_t kStoreBatch = 64;  // as `deri zeroshot` has it
constexpr std::size_t kWarmUpFiles = 4;
constexpr std::int64_t kPublishedBatch = 16, kPublishedEpochs = 100;
constexpr double kPublishedRate = 0.01;
const char* const kProbedSet = "super";

// Files -> embeddings [files, width], as `deri embed` goes about it.
Tensor embed_wfdb(EcgTextModel& model, std::span<const fs::path> files, const SpeedWay& way) {
  EcgSession session(model, inference_precision(way));
  std::vector<Tensor> rows;
  for (std::size_t first = 0; first < files.size(); first += kFileBatch) {
    std::vector<float> inputs;
    for (const fs::path& file : files.subspan(first, std::min(kFileBatch, files.size() - first))) {
      const std::vector<float> input = model_input(read_recording(file), model.config().input);
      inputs.insert(inputs.end(), input.begin(), input.end());
    }
    rows.push_back(embed_inputs(session, inputs));
  }
  return torch::cat(rows);
}

double embedding_operations(const ModelConfig& config, std::size_t records) {
  return 2 * static_cast<double>(records) * static_cast<double>(embedding_multiply_adds(config).forward);
}

std::shared_ptr<const WordPiece> store_tokenizer(const Store& store) {
  std::vector<std::size_t> all(store.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return std::make_shared<WordPiece>(train_wordpiece(cleaned_reports(store, all), 4096));
}

// A sentence for every class of the sets.
Prompts sentence_prompts(const Store& store, const std::vector<std::string>& sets) {
  Json prompts = Json::object();
  for (const std::string& set : sets)
    for (const std::string& label : store.label_set(set))
      prompts[label] = fmt::format("ecg with the finding {}", label);
  return Prompts::from_json(prompts, "the benchmark's prompts");
}

// Cosines of every labelled record with every class, one set after another, after computing the metrics from them.
Tensor classify(const ModelBundle& bundle, const Store& store, const std::vector<std::string>& sets,
                const SpeedWay& way) {
  const AutocastGuard autocast(way.precision, torch::kCPU);
  std::vector<std::size_t> all(store.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  EcgSession session(*bundle.model, inference_precision(way));
  const EmbeddedRecords records(session, store, all, {.batch_size = kStoreBatch});
  std::vector<Tensor> scores;
  for (const std::string& set : sets) {
    const LabelMatrix labels = label_matrix(store, all, set);
    ScoredLabels scored =
        zero_shot_scores(records.of(labels.indices), class_embeddings(bundle, labels.labels, torch::kCPU), labels);
    evaluate_multilabel_published(scored);
    scores.push_back(torch::tensor(scored.scores, torch::kFloat64));
  }
  return torch::cat(scores);
}

// The released probe, of which one epoch is run: the encoder anew on every record, in training mode, then the scored
// split.
class PublishedProbeEpoch {
 public:
  PublishedProbeEpoch(EcgTextModel& model, const Store& store)
      : model_(model),
        store_(store),
        train_(label_matrix(store, store.split(kTrain), kProbedSet)),
        scored_(label_matrix(store, store.split(kTest), kProbedSet)),
        layer_(model.ecg_encoder().features(), static_cast<std::int64_t>(train_.labels.size())),
        optimiser_(layer_->parameters(), torch::optim::AdamOptions(kPublishedRate).weight_decay(1e-4)) {}

  void run(std::size_t records) {
    model_.train();
    go_through(first_of(train_, records), true);
    model_.eval();
    go_through(first_of(scored_, records), false);
  }
  std::size_t records() const { return train_.indices.size(); }
  std::size_t encoded() const { return records() + scored_.indices.size(); }

 private:
  static LabelMatrix first_of(const LabelMatrix& labels, std::size_t records) {
    LabelMatrix part = labels;
    part.indices.resize(std::min(records, labels.indices.size()));
    part.values.resize(part.indices.size() * labels.labels.size());
    return part;
  }

  void go_through(const LabelMatrix& labels, bool train) {
    LoaderOptions options;
    options.batch = kPublishedBatch;
    options.min_batch = 1;
    Loader loader(make_reader(store_, model_.config().input), labels.indices, options);
    loader.start_epoch(0);
    const auto width = static_cast<std::int64_t>(labels.labels.size());
    const Tensor targets =
        torch::tensor(std::vector<float>(labels.values.begin(), labels.values.end())).view({-1, width});
    std::int64_t first = 0;
    while (auto batch = loader.next()) {
      const auto size = static_cast<std::int64_t>(batch->indices.size());
      Tensor features;
      {
        const torch::NoGradGuard no_grad;
        features = model_.ecg_encoder().forward(ecg_tensor(*batch, model_.config().input, torch::kCPU)).mean(2);
      }
      if (train) learn(features, targets.slice(0, first, first + size));
      first += size;
    }
  }

  void learn(const Tensor& features, const Tensor& targets) {
    optimiser_.zero_grad();
    torch::binary_cross_entropy_with_logits(layer_(features), targets).backward();
    optimiser_.step();
  }

  EcgTextModel& model_;
  const Store& store_;
  const LabelMatrix train_, scored_;
  torch::nn::Linear layer_;
  torch::optim::Adam optimiser_;
};

}  // namespace

void measure_files(SpeedRun& run) {
  const auto model = speed_model(stored_text_config());
  model->eval();
  const std::vector<fs::path> files = write_speed_files(run.folder() / "files", run.scale().files);
  const auto few = std::span(files).first(std::min(kWarmUpFiles, files.size()));
  const Tensor expected = computed(kReference, [&] { return embed_wfdb(*model, files, kReference); });
  std::vector<TimedRow> rows;
  for (const SpeedWay& way : usable_ways({kReference, kOurs, kOursBfloat16})) {
    rows.push_back(timed_row(
        way, [&, way] { embed_wfdb(*model, files, way); }, [&, way] { embed_wfdb(*model, few, way); }));
    rows.back().row.work = static_cast<double>(files.size());
    rows.back().row.operations = embedding_operations(model->config(), files.size());
    rows.back().row.difference =
        greatest_difference(computed(way, [&] { return embed_wfdb(*model, files, way); }), expected);
  }
  SpeedWorkload workload;
  workload.key = "files";
  workload.title = fmt::format("{} WFDB files to embeddings, batch {}", files.size(), kFileBatch);
  workload.unit = "files";
  workload.difference_of = "embeddings, over the reference's greatest value";
  run.measure(std::move(workload), std::move(rows), Repeated::kJobs);
}

void measure_zero_shot(SpeedRun& run) {
  const Store& store = run.store();
  const std::vector<std::string> sets{"super", "rhythm"};
  ModelBundle reference{published_config(), speed_model(published_config()), store_tokenizer(store),
                        sentence_prompts(store, sets)};
  reference.model->eval();
  ModelBundle ours = reference;  // the same weights
  ours.config.text.pad_to_max = false;
  std::vector<std::shared_ptr<Tensor>> scores;
  std::vector<TimedRow> rows;
  for (const SpeedWay& way : usable_ways({kReference, kOurs, kOursBfloat16})) {
    const ModelBundle& bundle = way.plain() ? reference : ours;
    scores.push_back(std::make_shared<Tensor>());
    rows.push_back(timed_row(
        way, [&bundle, &store, &sets, way, last = scores.back()] { *last = classify(bundle, store, sets, way); },
        [&bundle] { embed_texts(bundle, {"sinus rhythm."}, torch::kCPU); }));
    rows.back().row.work = static_cast<double>(store.size());
    rows.back().row.operations = embedding_operations(reference.config, store.size());
    rows.back().difference = [first = scores.front(), last = scores.back()] {
      return greatest_difference(*last, *first);
    };
  }
  SpeedWorkload workload;
  workload.key = "zeroshot";
  workload.title = fmt::format("zero-shot of {} records: embeddings, {} prompts, metrics", store.size(),
                               reference.prompts.labels().size());
  workload.unit = "records";
  workload.difference_of = "scores, over the reference's greatest; operations are the embeddings' alone";
  run.measure(std::move(workload), std::move(rows), Repeated::kJobs);
}

void measure_probe(SpeedRun& run) {
  const Store& store = run.store();
  const auto model = speed_model(stored_text_config());
  model->eval();
  const ModelBundle bundle{model->config(), model, nullptr, {}};
  PublishedProbeEpoch published(*model, store);
  ProbeOptions options;
  options.label_sets = {kProbedSet};
  options.views = {EcgView::kEncoder};
  const double encoder = 2 * static_cast<double>(encoder_multiply_adds(model->ecg_encoder(), 5000).forward);

  std::vector<TimedRow> rows;
  rows.push_back(timed_row(
      kReference, [&] { published.run(published.encoded()); }, [&] { published.run(2); }));
  rows.back().row.work = static_cast<double>(published.records()) / kPublishedEpochs;
  rows.back().row.operations = encoder * static_cast<double>(published.encoded());
  rows.back().row.note = fmt::format("one of {} epochs was run", kPublishedEpochs);
  for (const SpeedWay& way : usable_ways({kOurs, kOursBfloat16})) {
    rows.push_back(timed_row(
        way,
        [&, way] {
          ProbeOptions with_precision = options;
          with_precision.precision = inference_precision(way);
          fit_probes(bundle, store, with_precision);
        },
        [] {}));
    rows.back().row.work = static_cast<double>(published.records());
    rows.back().row.operations = encoder * static_cast<double>(store.size());
  }
  rows[1].row.note = "features once, logistic regression for every strength, the best on validation";
  SpeedWorkload workload;
  workload.key = "probe";
  workload.title = fmt::format("linear probe of {} training records", published.records());
  workload.unit = "records";
  run.measure(std::move(workload), std::move(rows), Repeated::kJobs);
}

void measure_preparation(SpeedRun& run) {
  const fs::path& archive = run.archive();
  PrepareOptions options;
  options.replace = true;
  std::vector<TimedRow> rows;
  rows.push_back(timed_row(kOurs, [&] { prepare_ptbxl(archive, run.folder() / "prepared", options); }));
  rows.back().row.name = "ours";
  rows.back().row.work = static_cast<double>(run.scale().records);
  SpeedWorkload workload;
  workload.key = "prepare";
  workload.title = "preparation of a store from WFDB files";
  workload.unit = "records";
  run.measure(std::move(workload), std::move(rows), Repeated::kJobs);
}

}  // namespace deri
