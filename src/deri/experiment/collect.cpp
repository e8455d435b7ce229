#include "deri/experiment/collect.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <sstream>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/eval/comparison.hpp"
#include "deri/eval/result_json.hpp"
#include "deri/eval/score_table.hpp"
#include "deri/eval/seed_means.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double number(const Json& value) {
  return value.is_number() ? value.get<double>() : kNaN;
}

// One training's scores, a table per label set.
using Training = std::vector<ScoreTable>;

// Two models' trainings, seed by seed.
struct PairedTrainings {
  std::vector<Training> a, b;
};

// Where a column's scores lie.
struct ColumnScores {
  const SuiteTask* task;
  std::vector<std::string> label_sets;  // several for their mean
  double fraction;

  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const std::string& set : label_sets) keys.push_back(score_key(*task, set, fraction));
    return keys;
  }
};

class Collector {
 public:
  Collector(const Suite& suite, const SuiteFolder& folder) : suite_(suite), folder_(folder) {
    bootstrap_.resamples = static_cast<int>(suite.resamples);
    paired_.resamples = static_cast<int>(suite.resamples);
    paired_.permutations = static_cast<int>(suite.permutations);
  }

  SuiteResults results() const;

 private:
  bool measured(const SuiteModel& model, std::uint64_t seed, const SuiteTask& task) const {
    return fs::exists(folder_.result(model, seed, task));
  }
  std::vector<std::uint64_t> seeds_measured(const SuiteModel& model, const SuiteTask& task) const;
  Training training(const SuiteModel& model, std::uint64_t seed, const ColumnScores& scores, bool trained) const;
  std::vector<Training> trainings(const SuiteModel& model, const ColumnScores& scores, bool trained) const;
  TrainedRun run(const SuiteModel& model, std::uint64_t seed) const;
  SeedNumber seed_number(std::uint64_t seed, const Training& trained, const Training& untrained) const;
  std::optional<ModelNumber> model_number(const SuiteModel& model, const ColumnScores& scores) const;
  void count_records(ResultColumn& column, const ColumnScores& scores) const;
  std::optional<ModelDifference> comparison(const std::string& a, const std::string& b,
                                            const ColumnScores& scores) const;
  ResultColumn column(const ColumnScores& scores) const;
  void add_columns(const SuiteTask& task, std::vector<ResultColumn>& columns) const;
  void add_curves(const SuiteTask& task, std::vector<RobustnessCurve>& curves) const;

  const Suite& suite_;
  const SuiteFolder& folder_;
  BootstrapOptions bootstrap_;
  PairedOptions paired_;
};

std::vector<std::uint64_t> Collector::seeds_measured(const SuiteModel& model, const SuiteTask& task) const {
  std::vector<std::uint64_t> seeds;
  for (const std::uint64_t seed : suite_.seeds_of(model))
    if (measured(model, seed, task)) seeds.push_back(seed);
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

Training Collector::training(const SuiteModel& model, std::uint64_t seed, const ColumnScores& scores,
                             bool trained) const {
  Training tables;
  for (const std::string& key : scores.keys())
    tables.push_back(load_score_table(
        score_table_folder(folder_.result(model, seed, *scores.task), trained ? key : untrained_key(key))));
  return tables;
}

std::vector<Training> Collector::trainings(const SuiteModel& model, const ColumnScores& scores, bool trained) const {
  std::vector<Training> all;
  for (const std::uint64_t seed : seeds_measured(model, *scores.task))
    all.push_back(training(model, seed, scores, trained));
  return all;
}

TrainedRun Collector::run(const SuiteModel& model, std::uint64_t seed) const {
  TrainedRun run;
  run.model = model.name;
  run.seed = seed;
  run.best_validation = kNaN;
  run.folder = model.folder.empty() ? fs::relative(folder_.run(model, seed), folder_.path()).string() : model.folder;
  const auto tasks = suite_.tasks_of(model, seed);
  const bool all_measured =
      std::all_of(tasks.begin(), tasks.end(), [&](const SuiteTask* task) { return measured(model, seed, *task); });
  const auto failure = folder_.failure(model, seed);
  run.state = failure ? "failed: " + *failure : all_measured ? "done" : "missing";
  const fs::path summary_file = folder_.run(model, seed) / "summary.json";
  if (!model.folder.empty() || !fs::exists(summary_file)) return run;
  const Json summary = load_json(summary_file);
  run.seconds = number(summary.value("seconds", Json()));
  run.best_epoch = summary.value("best_epoch", std::int64_t{0});
  run.best_validation = number(summary.value("best_validation_score", Json()));
  return run;
}

SeedNumber Collector::seed_number(std::uint64_t seed, const Training& trained, const Training& untrained) const {
  SeedNumber number;
  number.seed = seed;
  number.trained = mean_auroc(std::span(&trained, 1), bootstrap_).macro;
  number.untrained = mean_auroc(std::span(&untrained, 1), bootstrap_).macro;
  const SeedMeansDifference difference = compare_mean_aurocs(std::span(&trained, 1), std::span(&untrained, 1), paired_);
  number.difference = difference.difference;
  number.p_value = difference.p_value;
  return number;
}

std::optional<ModelNumber> Collector::model_number(const SuiteModel& model, const ColumnScores& scores) const {
  const std::vector<std::uint64_t> seeds = seeds_measured(model, *scores.task);
  if (seeds.empty()) return std::nullopt;
  const std::vector<Training> trained = trainings(model, scores, true), untrained = trainings(model, scores, false);
  ModelNumber number;
  number.model = model.name;
  for (std::size_t i = 0; i < seeds.size(); ++i)
    number.seeds.push_back(seed_number(seeds[i], trained[i], untrained[i]));
  const SeedMeans means = mean_auroc(trained, bootstrap_);
  number.trained = means.macro;
  number.frequent = means.frequent;
  number.untrained = mean_auroc(untrained, bootstrap_).macro;
  const SeedMeansDifference difference = compare_mean_aurocs(trained, untrained, paired_);
  number.difference = difference.difference;
  number.p_value = difference.p_value;
  return number;
}

// The column's records and labels, as the first model that has it scored them.
void Collector::count_records(ResultColumn& column, const ColumnScores& scores) const {
  for (const SuiteModel& model : suite_.models) {
    const std::vector<std::uint64_t> seeds = seeds_measured(model, *scores.task);
    if (seeds.empty()) continue;
    for (const ScoreTable& table : training(model, seeds.front(), scores, true)) {
      column.records = std::max(column.records, table.ids.size());
      for (const RankedLabel& label : rank_labels(table.scored)) {
        const bool defined = label.positives() > 0 && label.negatives() > 0;
        ++column.labels;
        column.labels_defined += defined ? 1 : 0;
        column.labels_frequent += defined && label.positives() >= kFrequentPositives ? 1 : 0;
      }
    }
    return;
  }
}

std::optional<ModelDifference> Collector::comparison(const std::string& a, const std::string& b,
                                                     const ColumnScores& scores) const {
  const SuiteModel& first = suite_.model(a);
  const SuiteModel& second = suite_.model(b);
  PairedTrainings pairs;
  for (const std::uint64_t seed : seeds_measured(first, *scores.task)) {
    if (!measured(second, seed, *scores.task)) continue;
    pairs.a.push_back(training(first, seed, scores, true));
    pairs.b.push_back(training(second, seed, scores, true));
  }
  if (pairs.a.empty()) return std::nullopt;
  const SeedMeansDifference difference = compare_mean_aurocs(pairs.a, pairs.b, paired_);
  return ModelDifference{a, b, difference.difference, difference.p_value};
}

ResultColumn Collector::column(const ColumnScores& scores) const {
  const SuiteTask& task = *scores.task;
  ResultColumn column;
  column.task = task.name;
  column.kind = task.kind;
  column.data = task.data;
  column.protocol = task.protocol;
  column.label_set = scores.label_sets.size() == 1 ? scores.label_sets.front() : "mean";
  column.fraction = task.kind == "probe" ? scores.fraction : 0;
  count_records(column, scores);
  for (const SuiteModel& model : suite_.models)
    if (auto number = model_number(model, scores)) column.models.push_back(std::move(*number));
  for (const auto& pair : suite_.compare)
    if (auto difference = comparison(pair[0], pair[1], scores)) column.comparisons.push_back(std::move(*difference));
  return column;
}

void Collector::add_columns(const SuiteTask& task, std::vector<ResultColumn>& columns) const {
  const std::vector<double> percents = task.kind == "probe" ? task.fractions : std::vector<double>{0};
  for (const double percent : percents) {
    for (const std::string& set : task.labels) columns.push_back(column({&task, {set}, percent / 100}));
    if (task.labels.size() > 1) columns.push_back(column({&task, task.labels, percent / 100}));
  }
}

void Collector::add_curves(const SuiteTask& task, std::vector<RobustnessCurve>& curves) const {
  for (const SuiteModel& model : suite_.models) {
    const std::vector<std::uint64_t> seeds = seeds_measured(model, task);
    if (seeds.empty()) continue;
    const Json points = load_json(folder_.result(model, seeds.front(), task)).at("points");
    const auto first = static_cast<std::ptrdiff_t>(curves.size());
    for (const Json& point : points) {
      std::vector<Training> all;
      for (const std::uint64_t seed : seeds)
        all.push_back({load_score_table(
            score_table_folder(folder_.result(model, seed, task), point.at("key").get<std::string>()))});
      const auto set = point.at("label_set").get<std::string>(), reading = point.at("reading").get<std::string>(),
                 axis = point.at("axis").get<std::string>();
      auto curve = std::find_if(curves.begin() + first, curves.end(), [&](const RobustnessCurve& each) {
        return each.label_set == set && each.reading == reading && each.axis == axis;
      });
      if (curve == curves.end())
        curve = curves.insert(curves.end(), {task.name, task.data, set, model.name, reading, axis, {}, {}});
      curve->x.push_back(point.at("x").get<double>());
      curve->auroc.push_back(mean_auroc(all, bootstrap_).macro);
    }
  }
}

SuiteResults Collector::results() const {
  SuiteResults results;
  results.title = suite_.title;
  results.note = suite_.note;
  for (const SuiteModel& model : suite_.models) {
    results.models.push_back(model.name);
    for (const std::uint64_t seed : suite_.seeds_of(model)) results.runs.push_back(run(model, seed));
  }
  for (const SuiteTask& task : suite_.tasks) {
    if (task.kind == "zero-shot" || task.kind == "probe") add_columns(task, results.columns);
    if (task.kind == "robustness") add_curves(task, results.robustness);
  }
  results.interval = fmt::format(
      "95 % percentile bootstrap over the test records, {} resamples, the same for all trainings and label sets of a "
      "mean; p: paired permutation of ranks, two-sided, {} permutations",
      suite_.resamples, suite_.permutations);
  return results;
}

// One value per epoch of a run's metrics.jsonl.
std::vector<double> epoch_values(const fs::path& run, const std::string& kind, const std::string& key) {
  std::vector<double> values;
  const fs::path file = run / "metrics.jsonl";
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) {
    const Json json = parse_json(line, file.string());
    if (json.value("kind", "") == kind) values.push_back(number(json.value(key, Json())));
  }
  return values;
}

LearningCurve learning_curve(const SuiteModel& model, std::uint64_t seed, const fs::path& run) {
  LearningCurve curve;
  curve.model = model.name;
  curve.seed = seed;
  curve.training_loss = epoch_values(run, "epoch_train", "loss");
  curve.validation = epoch_values(run, "epoch_validation", "zero_shot_auroc");
  curve.validation_name = "zero-shot AUROC";
  if (std::none_of(curve.validation.begin(), curve.validation.end(), [](double x) { return std::isfinite(x); })) {
    curve.validation = epoch_values(run, "epoch_validation", "loss");
    curve.validation_name = "loss";
  }
  curve.best_epoch = load_json(run / "summary.json").value("best_epoch", std::int64_t{0});
  return curve;
}

std::vector<EmbeddingMap> embedding_maps(const SuiteModel& model, std::uint64_t seed, const SuiteTask& task,
                                         const fs::path& file) {
  const Json json = load_json(file);
  std::vector<EmbeddingMap> maps;
  for (const bool trained : {true, false}) {
    const Json& half = json.at(trained ? "trained" : "untrained");
    maps.push_back({model.name, seed, trained, task.data, task.labels.front(), json.at("view").get<std::string>(),
                    half.at("points").get<std::vector<float>>(), json.at("classes").get<std::vector<std::string>>(),
                    number(half.at("perplexity"))});
  }
  return maps;
}

}  // namespace

SuiteResults collect_results(const Suite& suite, const SuiteFolder& folder) {
  try {
    return Collector(suite, folder).results();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: a result file is not what `deri benchmark` writes: {}", folder.path().string(), error.what());
  }
}

SuitePageInputs collect_page(const Suite& suite, const SuiteFolder& folder, const SuiteResults& results) {
  SuitePageInputs page;
  page.results = results;
  for (const SuiteModel& model : suite.models) {
    for (const std::uint64_t seed : suite.seeds_of(model))
      if (model.folder.empty() && fs::exists(folder.run(model, seed) / "summary.json"))
        page.curves.push_back(learning_curve(model, seed, folder.run(model, seed)));
    for (const SuiteTask& task : suite.tasks) {
      const auto seeds = suite.seeds_of(model);
      const auto seed = std::find_if(seeds.begin(), seeds.end(),
                                     [&](std::uint64_t each) { return fs::exists(folder.result(model, each, task)); });
      if (seed == seeds.end()) continue;
      const fs::path file = folder.result(model, *seed, task);
      if (task.kind == "map") {
        const auto maps = embedding_maps(model, *seed, task, file);
        page.maps.insert(page.maps.end(), maps.begin(), maps.end());
      }
      if (task.kind != "zero-shot" && task.kind != "probe") continue;
      const bool probe = task.kind == "probe";
      for (const double percent : probe ? task.fractions : std::vector<double>{0})
        for (const std::string& set : task.labels)
          page.scores.push_back(
              {model.name, *seed, task.name, task.kind, task.data, set, percent / 100,
               load_score_table(score_table_folder(file, score_key(task, set, percent / 100))).scored});
    }
  }
  return page;
}

}  // namespace deri
