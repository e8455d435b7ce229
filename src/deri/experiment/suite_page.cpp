#include "deri/experiment/suite_page.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/progress.hpp"
#include "deri/eval/html_page.hpp"
#include "deri/eval/svg.hpp"
#include "deri/experiment/label_details.hpp"
#include "deri/experiment/suite_figures.hpp"
#include "deri/experiment/table_parts.hpp"

namespace deri {
namespace {

constexpr int kDecimals = 3;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kMeanSet = "mean";  // ResultColumn::label_set of a mean over label sets

// Everything that has results of its own, in the suite's order.
Models page_models(const SuitePageInputs& inputs) {
  Models models = table_models(inputs.results);
  const auto add = [&](const std::string& model) {
    if (std::find(models.begin(), models.end(), model) == models.end()) models.push_back(model);
  };
  for (const LabelScores& scores : inputs.scores) add(scores.model);
  for (const LearningCurve& curve : inputs.curves) add(curve.model);
  return models;
}

// ---- at first sight ----

// The model with the highest mean; nullptr where no mean is a number.
const ModelNumber* best_model(const ResultColumn& column) {
  const ModelNumber* best = nullptr;
  for (const ModelNumber& number : column.models) {
    if (std::isnan(number.trained.value)) continue;
    if (best == nullptr || number.trained.value > best->trained.value) best = &number;
  }
  return best;
}

// Of a kind of evaluation, the last column that is a mean over label sets, or else the last; nullptr without any.
const ResultColumn* leading_column(const SuiteResults& results, const std::string& kind) {
  const ResultColumn* last = nullptr;
  for (const ResultColumn& column : results.columns) {
    if (column.kind != kind || best_model(column) == nullptr) continue;
    if (last == nullptr || column.label_set == kMeanSet || last->label_set != kMeanSet) last = &column;
  }
  return last;
}

std::string label_set_words(const ResultColumn& column) {
  return column.label_set == kMeanSet ? "mean of the label sets" : fmt::format("label set {}", column.label_set);
}

std::string interval_words(const Estimate& estimate) {
  if (std::isnan(estimate.low) || std::isnan(estimate.high)) return "no interval";
  return fmt::format("interval {} to {}", format_number(estimate.low), format_number(estimate.high));
}

Headline best_headline(const ResultColumn& column) {
  const ModelNumber& best = *best_model(column);
  const std::string rank =
      column.models.size() == 1 ? best.model : fmt::format("{}, best of {} models", best.model, column.models.size());
  return {format_number(best.trained.value),
          fmt::format("{}: macro AUROC, {}, {}", rank, evaluation_text(column), label_set_words(column)),
          fmt::format("{}; untrained {}", interval_words(best.trained), format_number(best.untrained.value))};
}

Headline difference_headline(const ResultColumn& column, const ModelDifference& compared) {
  return {fmt::format("{:+.{}f}", compared.difference.value, kDecimals),
          fmt::format("{} minus {}: macro AUROC, {}, {}", compared.a, compared.b, evaluation_text(column),
                      label_set_words(column)),
          fmt::format("{}; p {}", interval_words(compared.difference), p_text(compared.p_value))};
}

void add_headlines(HtmlPage& page, const SuiteResults& results) {
  std::vector<Headline> headlines;
  const ResultColumn* zero_shot = leading_column(results, "zero-shot");
  const ResultColumn* probe = leading_column(results, "probe");
  for (const ResultColumn* column : {zero_shot, probe})
    if (column != nullptr) headlines.push_back(best_headline(*column));
  const ResultColumn* compared = zero_shot != nullptr ? zero_shot : probe;
  if (compared != nullptr && !compared->comparisons.empty() &&
      !std::isnan(compared->comparisons.front().difference.value))
    headlines.push_back(difference_headline(*compared, compared->comparisons.front()));
  if (!headlines.empty()) page.headlines(headlines);
}

// What this page cannot show, because it is not there.
void add_absences(HtmlPage& page, const SuiteResults& results) {
  if (const std::vector<std::string> unfinished = unfinished_runs(results); !unfinished.empty()) {
    page.note(unfinished.size() == 1 ? "One training is not done. What is missing of it is not on this page:"
                                     : fmt::format("{} of {} trainings are not done. What is missing of them is not on "
                                                   "this page:",
                                                   unfinished.size(), results.runs.size()));
    page.list(unfinished);
  }
  if (results.columns.empty()) page.note("No evaluation is done.");
}

// ---- columns ----

// A row: a model's estimates in the columns; nullptr where there is none.
using Estimates = std::vector<const Estimate*>;

Estimates model_estimates(const ColumnGroup& group, const std::string& model, Estimate ModelNumber::*which) {
  Estimates estimates;
  for (const ResultColumn* column : group) {
    const ModelNumber* number = find_model(*column, model);
    estimates.push_back(number == nullptr ? nullptr : &(number->*which));
  }
  return estimates;
}

std::vector<Cell> named_cells(std::vector<Cell> names, const Estimates& estimates) {
  for (const Estimate* estimate : estimates)
    names.push_back(estimate == nullptr ? Cell(kMissing) : estimate_cell(*estimate, kDecimals));
  return names;
}

// Makes the best of each column bold; `rows[i]` holds the estimates behind a name in table row `places[i]`.
void mark_best(Table& table, const std::vector<Estimates>& rows, const std::vector<std::size_t>& places) {
  for (std::size_t column = 0; !rows.empty() && column < rows.front().size(); ++column) {
    std::vector<double> values;
    for (const Estimates& row : rows) values.push_back(row[column] == nullptr ? kNaN : row[column]->value);
    const std::vector<bool> best = best_of(values, kDecimals);
    for (std::size_t i = 0; i < rows.size(); ++i) table.rows[places[i]][column + 1].strong = best[i];
  }
}

Table column_table(const ColumnGroup& group, std::vector<std::string> header, std::size_t ResultColumn::*counted) {
  Table table;
  table.text_columns = header.size();
  table.stacked = true;
  table.header = std::move(header);
  for (const ResultColumn* column : group) table.header.push_back(label_set_text(*column, column->*counted));
  return table;
}

void add_means(HtmlPage& page, const ColumnGroup& group, const SuiteResults& results, const Models& models) {
  Table table = column_table(group, {"Model"}, &ResultColumn::labels_defined);
  std::vector<Estimates> trained;
  std::vector<std::size_t> places;
  for (const std::string& model : table_models(results)) {
    trained.push_back(model_estimates(group, model, &ModelNumber::trained));
    places.push_back(table.rows.size());
    table.rows.push_back(named_cells({model}, trained.back()));
    table.rows.push_back(named_cells({Cell("", fmt::format("{}, untrained", model))},
                                     model_estimates(group, model, &ModelNumber::untrained)));
  }
  mark_best(table, trained, places);
  table.caption = sentences({fmt::format("Macro AUROC, test split, protocol {}, {}; {}", group.front()->protocol,
                                         records_text(group), trainings_text(group)),
                             "Below each number its interval; the best trained model of a column is in bold",
                             "Untrained: the same networks with random weights",
                             "In brackets: labels with both classes in the test split"});
  page.table(table);
  if (const std::vector<std::string> missing = missing_results(group, results); !missing.empty())
    page.note(sentences(missing));
  const bool twins = models.size() <= kModelsWithTwins;
  page.figure(means_figure(group, models),
              sentences({"Dots with their intervals; the dashed line is chance",
                         twins ? "Hollow: untrained" : "The untrained twins stand in the table"}));
}

void add_frequent(HtmlPage& page, const ColumnGroup& group, const Models& models) {
  Table table = column_table(group, {"Model"}, &ResultColumn::labels_frequent);
  std::vector<Estimates> estimates;
  std::vector<std::size_t> places;
  for (const std::string& model : models) {
    estimates.push_back(model_estimates(group, model, &ModelNumber::frequent));
    places.push_back(table.rows.size());
    table.rows.push_back(named_cells({model}, estimates.back()));
  }
  mark_best(table, estimates, places);
  table.caption = fmt::format("Macro AUROC over the labels with {} positives or more, as many as stand in brackets.",
                              kFrequentPositives);
  page.table(table);
}

void add_seeds(HtmlPage& page, const ColumnGroup& group, const Models& models) {
  Table table = column_table(group, {"Model", "Seed"}, &ResultColumn::labels_defined);
  for (const std::string& model : models) {
    std::map<std::uint64_t, Estimates> by_seed;
    for (std::size_t column = 0; column < group.size(); ++column) {
      const ModelNumber* number = find_model(*group[column], model);
      if (number == nullptr) continue;
      for (const SeedNumber& seed : number->seeds)
        by_seed.try_emplace(seed.seed, group.size(), nullptr).first->second[column] = &seed.trained;
    }
    for (const auto& [seed, estimates] : by_seed)
      table.rows.push_back(named_cells({model, fmt::format("{}", seed)}, estimates));
  }
  table.caption = "Macro AUROC, each training by itself.";
  if (!table.rows.empty()) page.table(table);
}

// The differences of some columns: trained from untrained, and between models.
Table difference_table(const ColumnGroup& columns) {
  Table table{{"a", "b", "Label set", "a minus b", "p"}, {}, "", 3, {}};
  const auto add = [&](const std::string& a, const std::string& b, const ResultColumn& column,
                       const Estimate& difference, double p_value) {
    table.rows.push_back({a, b, column.label_set, signed_text(difference), p_text(p_value)});
  };
  for (const ResultColumn* column : columns) {
    for (const ModelDifference& compared : column->comparisons)
      add(compared.a, compared.b, *column, compared.difference, compared.p_value);
    for (const ModelNumber& number : column->models)
      if (!std::isnan(number.untrained.value))
        add(number.model, "untrained", *column, number.difference, number.p_value);
  }
  return table;
}

void add_group(HtmlPage& page, const ColumnGroup& group, const SuiteResults& results, const Models& models) {
  const ResultColumn& first = *group.front();
  const std::string evaluation = evaluation_text(first);
  page.subsection(group_heading(first));
  add_means(page, group, results, models);
  // In the open what matters most; the rest is a click away.
  Table leading = difference_table({group.back()});
  leading.caption = "Differences of the means over trainings.";
  if (!leading.rows.empty()) page.table(leading);
  page.begin_details(fmt::format("{}: frequent labels, every training, every difference", evaluation));
  add_frequent(page, group, models);
  add_seeds(page, group, models);
  Table others = difference_table({group.begin(), group.end() - 1});
  others.caption = "Differences of the means over trainings, further label sets.";
  if (!others.rows.empty()) page.table(others);
  page.end_details();
}

void add_columns(HtmlPage& page, const SuiteResults& results, const Models& models) {
  if (results.columns.empty()) return;
  page.section("Results");
  for (const ColumnGroup& group : column_groups(results)) add_group(page, group, results, models);
}

// ---- robustness ----

void add_robustness(HtmlPage& page, const SuiteResults& results, const Models& models) {
  const std::vector<CurveGroup> groups = curve_groups(results);
  if (groups.empty()) return;
  page.section("Robustness");
  page.paragraph("The same models and the same test records, with fewer leads or more noise from left to right.");
  for (const CurveGroup& group : groups)
    page.figure(robustness_figure(group, models), "Means over trainings; the pale areas are their intervals.");
}

// ---- single labels ----

void add_labels(HtmlPage& page, const std::vector<LabelScores>& scores, const Models& models) {
  if (scores.empty()) return;
  page.section("Single labels");
  page.paragraph(
      fmt::format("What the means are made of. Labels with fewer than {} positives in the test split are "
                  "flagged as rare. A probe is shown with the most training records it had.",
                  kFrequentPositives));
  for (const ScoreGroup& group : score_groups(scores)) add_label_details(page, group, models);
}

// ---- maps ----

using MapGroup = std::vector<const EmbeddingMap*>;

// Maps with equal keys together, in the order of each key's first.
template <typename Key>
std::vector<MapGroup> grouped_maps(const MapGroup& maps, const Key& key) {
  std::vector<MapGroup> groups;
  for (const EmbeddingMap* map : maps) {
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const MapGroup& group) { return key(*group.front()) == key(*map); });
    (found == groups.end() ? groups.emplace_back() : *found).push_back(map);
  }
  return groups;
}

void add_map_group(HtmlPage& page, const MapGroup& group) {
  const EmbeddingMap& first = *group.front();
  page.subsection(fmt::format("{}, coloured by {}: {}", first.data, first.label_set, first.view));
  const std::vector<std::string> classes = map_classes(group);
  const auto training = [](const EmbeddingMap& map) { return std::tie(map.model, map.seed); };
  for (MapGroup& pair : grouped_maps(group, training)) {
    std::stable_sort(pair.begin(), pair.end(),
                     [](const EmbeddingMap* a, const EmbeddingMap* b) { return a->trained && !b->trained; });
    std::vector<std::string> charts;
    for (const EmbeddingMap* map : pair) charts.push_back(map_figure(*map, classes));
    const EmbeddingMap& map = *pair.front();
    page.figures(charts, fmt::format("{}, seed {}: {} records, perplexity {:g}.", map.model, map.seed,
                                     map.classes.size(), map.perplexity));
  }
}

void add_maps(HtmlPage& page, const std::vector<EmbeddingMap>& maps) {
  if (maps.empty()) return;
  page.section("Embeddings");
  page.paragraph(
      "t-SNE: each dot is a record of the test split, beside those whose embeddings are its neighbours. Only "
      "neighbourhood has a meaning; the distance between groups and their sizes have none. Labels were not used. "
      "“several”: records with more than one of the labels.");
  MapGroup all;
  for (const EmbeddingMap& map : maps) all.push_back(&map);
  const auto key = [](const EmbeddingMap& map) { return std::tie(map.data, map.label_set, map.view); };
  for (const MapGroup& group : grouped_maps(all, key)) add_map_group(page, group);
}

// ---- training ----

bool has_number(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

// A chart per kind of validation score.
void add_validation(HtmlPage& page, const std::vector<LearningCurve>& curves, const Models& models) {
  std::map<std::string, std::vector<LearningCurve>> by_name;
  for (const LearningCurve& curve : curves)
    if (has_number(curve.validation)) by_name[curve.validation_name].push_back(curve);
  for (const auto& [name, same] : by_name)
    page.figure(
        learning_figure(fmt::format("Validation split: {}", name), name, same, &LearningCurve::validation, models),
        "A line per training. By this the epochs were chosen; the test split was not looked at.");
}

void add_losses(HtmlPage& page, const std::vector<LearningCurve>& curves, const Models& models) {
  std::vector<LearningCurve> with_loss;
  for (const LearningCurve& curve : curves)
    if (has_number(curve.training_loss)) with_loss.push_back(curve);
  if (with_loss.empty()) return;
  page.figure(learning_figure("Training loss", "loss", with_loss, &LearningCurve::training_loss, models),
              "A line per training: the mean over the epoch. Models with other loss terms have other levels.");
}

void add_runs(HtmlPage& page, const std::vector<TrainedRun>& runs) {
  if (runs.empty()) return;
  Table table;
  table.header = {"Model", "Seed", "State", "Best epoch", "Validation", "Time"};
  table.text_columns = 3;
  double seconds = 0;
  for (const TrainedRun& run : runs) {
    const bool trained_here = !std::isnan(run.best_validation), timed = run.seconds > 0 && std::isfinite(run.seconds);
    if (timed) seconds += run.seconds;
    table.rows.push_back({run.model, fmt::format("{}", run.seed), run.state,
                          trained_here ? fmt::format("{}", run.best_epoch) : kMissing,
                          trained_here ? format_number(run.best_validation, 4) : kMissing,
                          timed ? format_duration(run.seconds) : kMissing});
  }
  table.caption = fmt::format("Validation: what the epoch was chosen by. Time: of training; all together took {}.",
                              format_duration(seconds));
  page.table(table);
}

void add_training(HtmlPage& page, const SuitePageInputs& inputs, const Models& models) {
  if (inputs.results.runs.empty() && inputs.curves.empty()) return;
  page.section("Training");
  add_validation(page, inputs.curves, models);
  add_losses(page, inputs.curves, models);
  add_runs(page, inputs.results.runs);
}

}  // namespace

std::string suite_page(const SuitePageInputs& inputs) {
  const SuiteResults& results = inputs.results;
  const Models models = page_models(inputs);
  HtmlPage page(results.title.empty() ? "Results of a suite" : results.title,
                "ECG encoders side by side on the test split, each beside the same networks untrained");
  add_headlines(page, results);
  if (!results.note.empty()) page.paragraph(results.note);
  add_absences(page, results);
  add_columns(page, results, models);
  add_robustness(page, results, models);
  add_labels(page, inputs.scores, models);
  add_maps(page, inputs.maps);
  add_training(page, inputs, models);
  if (!results.interval.empty()) {
    page.section("How intervals and tests were made");
    page.paragraph(sentences({results.interval}));
  }
  page.footer(fmt::format("Written by deri {}. Not a medical device: for research only.", DERI_VERSION));
  return page.str();
}

}  // namespace deri
