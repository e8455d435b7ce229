#include "deri/eval/zeroshot.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/eval/calibration.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/result_json.hpp"
#include "deri/model/weights.hpp"

namespace deri {
namespace {

// The records of one label set in the two splits an evaluation needs.
struct LabelledSplits {
  LabelMatrix scored, validation;
};

std::vector<LabelledSplits> labelled_splits(const Store& store, const ZeroShotOptions& options) {
  std::vector<LabelledSplits> sets;
  const auto scored = store.split(options.split);
  const auto validation = options.published_protocol ? std::vector<std::size_t>{} : store.split(kValidation);
  for (const std::string& set : options.label_sets) {
    sets.push_back({label_matrix(store, scored, set), label_matrix(store, validation, set)});
    if (sets.back().scored.indices.empty())
      fail("{}: no record of the split '{}' has a label of the set '{}'", store.path().string(), options.split, set);
  }
  return sets;
}

// Scores of one model: test and validation, per label set.
struct ModelScores {
  std::vector<ScoredLabels> scored, validation;
};

ModelScores score_model(const ModelBundle& bundle, const Store& store, const std::vector<LabelledSplits>& sets,
                        const ZeroShotOptions& options, const torch::Device& device) {
  std::vector<std::size_t> needed;
  for (const LabelledSplits& set : sets) {
    needed.insert(needed.end(), set.scored.indices.begin(), set.scored.indices.end());
    needed.insert(needed.end(), set.validation.indices.begin(), set.validation.indices.end());
  }
  EcgSession session = make_session(bundle, options.precision, make_reader(store, bundle.config.input), needed);
  const EmbeddedRecords records(session, store, std::move(needed), {.batch_size = options.batch_size});
  ModelScores scores;
  for (const LabelledSplits& set : sets) {
    const torch::Tensor classes = class_embeddings(bundle, set.scored.labels, device);
    scores.scored.push_back(zero_shot_scores(records.of(set.scored.indices), classes, set.scored));
    scores.validation.push_back(zero_shot_scores(records.of(set.validation.indices), classes, set.validation));
  }
  return scores;
}

ZeroShotScores measure(const ScoredLabels& scored, const ScoredLabels& validation, const ZeroShotOptions& options) {
  BootstrapOptions bootstrap;
  bootstrap.resamples = options.resamples;
  bootstrap.seed = options.seed;
  const MultiLabelMetrics metrics =
      options.published_protocol ? evaluate_multilabel_published(scored) : evaluate_multilabel(scored, validation);
  std::optional<ScoredLabels> probabilities;
  if (!options.published_protocol && validation.records() > 0) probabilities = platt_scaled(scored, validation);
  return {scored, std::move(probabilities), metrics, bootstrap_intervals(scored, metrics, bootstrap)};
}

Json zero_shot_json(const ZeroShotScores& scores) {
  Json json = evaluation_json(scores.metrics, scores.intervals);
  if (scores.probabilities) json["platt_scaled"] = calibration_json(*scores.probabilities);
  return json;
}

}  // namespace

torch::Tensor class_embeddings(const ModelBundle& bundle, const std::vector<std::string>& labels,
                               const torch::Device& device) {
  std::vector<torch::Tensor> classes;
  for (const std::string& label : labels)
    classes.push_back(embed_texts(bundle, bundle.prompts.texts(label), device).mean(0));
  return l2_normalised(torch::stack(classes));
}

ScoredLabels zero_shot_scores(const torch::Tensor& records, const torch::Tensor& classes, const LabelMatrix& labels) {
  const torch::Tensor scores = records.matmul(classes.t()).to(torch::kFloat64).contiguous();
  const auto* data = scores.data_ptr<double>();
  return {labels.labels, {data, data + scores.numel()}, labels.values};
}

ModelBundle untrained_twin(const ModelBundle& bundle, std::uint64_t seed) {
  ModelBundle twin = bundle;
  torch::manual_seed(seed);
  twin.model = make_model(bundle.config);
  if (bundle.model->has_text_tower() && !bundle.config.text.trainable) {
    std::map<std::string, torch::Tensor> tower;
    for (const auto& [name, tensor] : module_tensors(bundle.model->text_tower())) tower[name] = tensor.cpu();
    assign_tensors(twin.model->text_tower(), tower, "the frozen text tower");
  }
  twin.model->eval();
  return twin;
}

std::vector<ZeroShotResult> zero_shot(const ModelBundle& bundle, const Store& store, const ZeroShotOptions& options,
                                      const torch::Device& device) {
  const std::vector<LabelledSplits> sets = labelled_splits(store, options);
  const ModelScores trained = score_model(bundle, store, sets, options, device);
  const ModelBundle twin = untrained_twin(bundle, options.seed);
  twin.model->to(device);
  const ModelScores untrained = score_model(twin, store, sets, options, device);

  BootstrapOptions bootstrap;
  bootstrap.resamples = options.resamples;
  bootstrap.seed = options.seed;
  std::vector<ZeroShotResult> results;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    std::vector<std::string> ids;
    for (const std::size_t record : sets[i].scored.indices) ids.push_back(store.record(record).id);
    results.push_back({options.label_sets[i], std::move(ids),
                       measure(trained.scored[i], trained.validation[i], options),
                       measure(untrained.scored[i], untrained.validation[i], options),
                       macro_auroc_difference(trained.scored[i], untrained.scored[i], bootstrap)});
  }
  return results;
}

double mean_zero_shot_auroc(const ModelBundle& bundle, const Store& store, const std::string& split,
                            const std::vector<std::string>& label_sets, std::int64_t batch_size,
                            const torch::Device& device) {
  ZeroShotOptions options;
  options.split = split;
  options.label_sets = label_sets;
  options.published_protocol = true;  // no thresholds are used: the validation split is not scored a second time
  options.batch_size = batch_size;
  const ModelScores scores = score_model(bundle, store, labelled_splits(store, options), options, device);
  double sum = 0;
  int defined = 0;
  for (const ScoredLabels& set : scores.scored) {
    const double auroc = evaluate_multilabel_published(set).macro.auroc;
    if (!std::isfinite(auroc)) continue;
    sum += auroc;
    ++defined;
  }
  return defined > 0 ? sum / defined : std::numeric_limits<double>::quiet_NaN();
}

std::map<std::string, ScoreTable> score_tables(const std::vector<ZeroShotResult>& results, const Json& about) {
  std::map<std::string, ScoreTable> tables;
  for (const ZeroShotResult& result : results) tables[result.label_set] = {result.ids, result.trained.scored, about};
  return tables;
}

std::map<std::string, ScoreTable> untrained_score_tables(const std::vector<ZeroShotResult>& results,
                                                         const Json& about) {
  std::map<std::string, ScoreTable> tables;
  for (const ZeroShotResult& result : results) tables[result.label_set] = {result.ids, result.untrained.scored, about};
  return tables;
}

Json to_json(const std::vector<ZeroShotResult>& results, const ZeroShotOptions& options) {
  Json sets = Json::object();
  for (const ZeroShotResult& result : results)
    sets[result.label_set] = {{"records", result.ids.size()},
                              {"trained", zero_shot_json(result.trained)},
                              {"untrained", zero_shot_json(result.untrained)},
                              {"macro_auroc_trained_minus_untrained",
                               {{"difference", json_number(result.difference.difference)},
                                {"low", json_number(result.difference.low)},
                                {"high", json_number(result.difference.high)}}}};
  return {
      {"task", "zero-shot"},
      {"split", options.split},
      {"protocol", options.published_protocol ? "published" : "strict"},
      {"threshold_chosen_on", options.published_protocol ? options.split : std::string(kValidation)},
      {"interval", fmt::format("95 % percentile bootstrap, {} resamples, seed {}", options.resamples, options.seed)},
      {"label_sets", sets}};
}

std::string to_text(const std::vector<ZeroShotResult>& results) {
  std::string text;
  for (const ZeroShotResult& result : results) {
    text += fmt::format("{}: {} records, {} labels with both classes\n", result.label_set, result.ids.size(),
                        result.trained.metrics.macro.labels);
    text += fmt::format("  {:<16} {:>9}  {:<22} {:<22} {:<22} {:>6}\n", "label", "positives", "AUROC [95 %]",
                        "untrained AUROC", "AUPRC [95 %]", "F1");
    const auto row = [&](const std::string& name, const std::string& positives, const Estimate& auroc,
                         const Estimate& untrained, const Estimate& auprc, double f1) {
      text += fmt::format("  {:<16} {:>9}  {:<22} {:<22} {:<22} {:>6}\n", name, positives, estimate_text(auroc),
                          estimate_text(untrained), estimate_text(auprc),
                          std::isfinite(f1) ? fmt::format("{:.3f}", f1) : "-");
    };
    const MultiLabelIntervals& trained = result.trained.intervals;
    const MultiLabelIntervals& untrained = result.untrained.intervals;
    for (std::size_t i = 0; i < trained.labels.size(); ++i) {
      const LabelMetrics& label = result.trained.metrics.labels[i];
      row(label.name + (label.frequent() ? "" : " (rare)"), std::to_string(label.positives), trained.labels[i].auroc,
          untrained.labels[i].auroc, trained.labels[i].auprc, label.f1);
    }
    row("macro", "", trained.macro.auroc, untrained.macro.auroc, trained.macro.auprc, result.trained.metrics.macro.f1);
    row(fmt::format("macro, >= {} pos.", kFrequentPositives), "", trained.macro_frequent.auroc,
        untrained.macro_frequent.auroc, trained.macro_frequent.auprc, result.trained.metrics.macro_frequent.f1);
    text += fmt::format("  trained minus untrained, macro AUROC: {}\n\n",
                        difference_text({result.difference.difference, result.difference.low, result.difference.high}));
  }
  return text;
}

}  // namespace deri
