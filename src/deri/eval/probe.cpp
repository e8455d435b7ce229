#include "deri/eval/probe.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/data/subset.hpp"
#include "deri/eval/published_probe.hpp"
#include "deri/eval/result_json.hpp"
#include "deri/eval/zeroshot.hpp"

namespace deri {
namespace {

// The records of one label set in the three splits a probe needs.
struct ProbeSplits {
  LabelMatrix train, validation, scored;
};

ProbeSplits probe_splits(const Store& store, const std::string& set, const std::string& scored) {
  ProbeSplits splits{label_matrix(store, store.split(kTrain), set), label_matrix(store, store.split(kValidation), set),
                     label_matrix(store, store.split(scored), set)};
  for (const auto& [matrix, name] :
       {std::pair(&splits.train, std::string(kTrain)), std::pair(&splits.validation, std::string(kValidation)),
        std::pair(&splits.scored, scored)})
    if (matrix->indices.empty())
      fail("{}: no record of the split '{}' has a label of the set '{}'", store.path().string(), name, set);
  return splits;
}

// Some rows of a label matrix.
LabelMatrix rows_of(const LabelMatrix& labels, const std::vector<std::size_t>& rows) {
  LabelMatrix chosen{{}, labels.labels, {}};
  const std::size_t width = labels.labels.size();
  for (const std::size_t row : rows) {
    chosen.indices.push_back(labels.indices[row]);
    const auto first = labels.values.begin() + static_cast<std::ptrdiff_t>(row * width);
    chosen.values.insert(chosen.values.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  return chosen;
}

// The training records of a fraction: those that scikit-learn would draw from the set's training rows.
LabelMatrix training_rows(const LabelMatrix& train, double fraction) {
  std::vector<std::size_t> rows(train.indices.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  return rows_of(train, training_subset(rows, fraction));
}

// One model: its views of every record that is needed, computed once.
class ProbedModel {
 public:
  ProbedModel(const ModelBundle& bundle, const Store& store, const std::vector<ProbeSplits>& sets,
              const ProbeOptions& options)
      : options_(options) {
    std::vector<std::size_t> needed;
    for (const ProbeSplits& set : sets)
      for (const LabelMatrix* matrix : {&set.train, &set.validation, &set.scored})
        needed.insert(needed.end(), matrix->indices.begin(), matrix->indices.end());
    EcgSession session = make_session(bundle, options.precision, make_reader(store, bundle.config.input), needed);
    for (const EcgView view : options.views)
      views_.emplace(view, EmbeddedRecords(session, store, needed, {.batch_size = options.batch_size, .view = view}));
  }

  ProbeScores probe(const LabelMatrix& train, const ProbeSplits& splits) const {
    ProbeScores scores = options_.published_protocol ? published(train, splits) : strict(train, splits);
    BootstrapOptions bootstrap;
    bootstrap.resamples = options_.resamples;
    bootstrap.seed = options_.seed;
    scores.intervals = bootstrap_intervals(scores.scored, scores.metrics, bootstrap);
    return scores;
  }

  // The view that does best on validation, each with the strength that does best there; of equals the first.
  FittedProbe fit(const LabelMatrix& train, const LabelMatrix& validation) const {
    FittedProbe best;
    double best_auroc = -1;
    for (const EcgView view : options_.views) {
      const EmbeddedRecords& records = views_.at(view);
      LogisticPath path = fit_logistic_path(probe_set(records, train), probe_set(records, validation), path_options());
      const double auroc = path.points[path.chosen].validation_auroc;
      best.validation_auroc_of_views[view_name(view)] = json_number(auroc);
      if (!(auroc > best_auroc)) continue;
      best_auroc = auroc;
      best.view = view;
      best.path = std::move(path);
    }
    return best;
  }

 private:
  PathOptions path_options() const {
    PathOptions path;
    path.solver.threads = options_.threads;
    return path;
  }

  ProbeScores strict(const LabelMatrix& train, const ProbeSplits& splits) const {
    const FittedProbe probe = fit(train, splits.validation);
    const auto predicted = [&](const LabelMatrix& labels) {
      return predict(probe.path.fit.model, probe_set(views_.at(probe.view), labels), options_.threads);
    };
    ProbeScores scores;
    scores.view = probe.view;
    scores.scored = predicted(splits.scored);
    scores.metrics = evaluate_multilabel(scores.scored, predicted(splits.validation));
    scores.fit = logistic_json(probe.path, path_options());
    scores.fit["validation_auroc_of_views"] = probe.validation_auroc_of_views;
    return scores;
  }

  ProbeScores published(const LabelMatrix& train, const ProbeSplits& splits) const {
    PublishedProbeOptions published;
    published.threads = options_.threads;
    ProbeScores scores;
    scores.view = options_.views.front();
    const EmbeddedRecords& records = views_.at(scores.view);
    const ProbeSet scored = probe_set(records, splits.scored);
    const PublishedProbe probe = fit_published_probe(probe_set(records, train), scored, published);
    scores.scored = predict(probe.best, scored, options_.threads);
    scores.metrics = evaluate_multilabel_published(scores.scored);
    scores.fit = published_json(probe, published);
    return scores;
  }

  const ProbeOptions& options_;
  std::map<EcgView, EmbeddedRecords> views_;
};

ProbeOptions with_views(ProbeOptions options, const ModelConfig& config) {
  if (options.published_protocol && options.views.size() > 1)
    fail("the published protocol probes one view, not {}", options.views.size());
  if (!options.views.empty()) return options;
  options.views = {EcgView::kEncoder};
  if (options.published_protocol) return options;
  options.views.push_back(EcgView::kAligned);
  if (config.kind == "deri") options.views.push_back(EcgView::kMix);
  return options;
}

PairedOptions paired_options(const ProbeOptions& options) {
  PairedOptions paired;
  paired.permutations = options.permutations;
  paired.resamples = options.resamples;
  paired.seed = options.seed;
  paired.threads = options.threads;
  return paired;
}

std::string score_key(const ProbeResult& result) {
  return fmt::format("{}@{:g}", result.label_set, result.fraction);
}

Json scores_json(const ProbeScores& scores) {
  Json json = evaluation_json(scores.metrics, scores.intervals);
  json["view"] = view_name(scores.view);
  json["calibration"] = calibration_json(scores.scored);
  json["fit"] = scores.fit;
  return json;
}

}  // namespace

ProbeSet probe_set(const EmbeddedRecords& records, const LabelMatrix& labels) {
  const torch::Tensor features = records.of(labels.indices).contiguous();
  ProbeSet set;
  set.labels = labels.labels;
  set.columns = static_cast<std::size_t>(features.size(1));
  set.features.assign(features.data_ptr<float>(), features.data_ptr<float>() + features.numel());
  set.targets = labels.values;
  return set;
}

std::vector<ProbeResult> linear_probe(const ModelBundle& bundle, const Store& store, const ProbeOptions& given,
                                      const torch::Device& device) {
  const ProbeOptions options = with_views(given, bundle.config);
  std::vector<ProbeSplits> sets;
  for (const std::string& set : options.label_sets) sets.push_back(probe_splits(store, set, options.split));
  const ProbedModel trained(bundle, store, sets, options);
  const ModelBundle twin = untrained_twin(bundle, options.seed);
  twin.model->to(device);
  const ProbedModel untrained(twin, store, sets, options);

  const PairedOptions paired = paired_options(options);
  std::vector<ProbeResult> results;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (const double fraction : options.fractions) {
      const LabelMatrix train = training_rows(sets[i].train, fraction);
      ProbeResult result;
      result.label_set = options.label_sets[i];
      result.fraction = fraction;
      result.train_records = train.indices.size();
      for (const std::size_t index : sets[i].scored.indices) result.ids.push_back(store.record(index).id);
      result.trained = trained.probe(train, sets[i]);
      result.untrained = untrained.probe(train, sets[i]);
      result.difference = compare_aurocs(result.trained.scored, result.untrained.scored, paired);
      results.push_back(std::move(result));
    }
  }
  return results;
}

std::vector<FittedProbe> fit_probes(const ModelBundle& bundle, const Store& store, const ProbeOptions& given) {
  ProbeOptions options = given;
  options.published_protocol = false;
  options = with_views(options, bundle.config);
  std::vector<ProbeSplits> sets;
  for (const std::string& set : options.label_sets) sets.push_back(probe_splits(store, set, options.split));
  const ProbedModel model(bundle, store, sets, options);
  std::vector<FittedProbe> probes;
  for (const ProbeSplits& set : sets) probes.push_back(model.fit(set.train, set.validation));
  return probes;
}

std::map<std::string, ScoreTable> score_tables(const std::vector<ProbeResult>& results, const Json& about) {
  std::map<std::string, ScoreTable> tables;
  for (const ProbeResult& result : results) tables[score_key(result)] = {result.ids, result.trained.scored, about};
  return tables;
}

std::map<std::string, ScoreTable> untrained_score_tables(const std::vector<ProbeResult>& results, const Json& about) {
  std::map<std::string, ScoreTable> tables;
  for (const ProbeResult& result : results) tables[score_key(result)] = {result.ids, result.untrained.scored, about};
  return tables;
}

Json to_json(const std::vector<ProbeResult>& results, const ProbeOptions& options) {
  const PairedOptions paired = paired_options(options);
  Json json;
  json["task"] = "linear probe";
  json["protocol"] = options.published_protocol ? "published" : "strict";
  json["split"] = options.split;
  json["resamples"] = options.resamples;
  json["seed"] = options.seed;
  json["results"] = Json::array();
  for (const ProbeResult& result : results)
    json["results"].push_back({{"label_set", result.label_set},
                               {"fraction", result.fraction},
                               {"train_records", result.train_records},
                               {"records", result.ids.size()},
                               {"trained", scores_json(result.trained)},
                               {"untrained", scores_json(result.untrained)},
                               {"difference", comparison_json(result.difference, paired)}});
  return json;
}

std::string to_text(const std::vector<ProbeResult>& results) {
  std::string text = fmt::format("{:<10}{:>6}{:>8}  {:<22}{:<22}{:<28}{:<10}\n", "labels", "train", "records",
                                 "macro AUROC", "untrained", "difference", "p, view");
  for (const ProbeResult& result : results) {
    const AurocComparison& difference = result.difference.macro;
    text += fmt::format("{:<10}{:>6}{:>8}  {:<22}{:<22}{:<28}{:.4f}, {}\n", result.label_set,
                        fmt::format("{:g} %", 100 * result.fraction), result.ids.size(),
                        estimate_text(result.trained.intervals.macro.auroc),
                        estimate_text(result.untrained.intervals.macro.auroc), difference_text(difference.difference),
                        difference.p_value, view_name(result.trained.view));
  }
  return text;
}

}  // namespace deri
