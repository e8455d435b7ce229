#include "deri/experiment/label_details.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/eval/bootstrap.hpp"
#include "deri/eval/calibration.hpp"
#include "deri/eval/svg.hpp"
#include "deri/eval/svg_parts.hpp"
#include "deri/experiment/table_parts.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Estimate kUndefined{kNaN, kNaN, kNaN};
constexpr std::size_t kCurveLabels = 6;     // more labels than these have no room for curves
constexpr std::size_t kRowCharacters = 32;  // of a forest plot's row; longer ones are cut

// Why these scores cannot be measured; empty if they can.
std::string fault_of(const ScoredLabels& scored) {
  DERI_CHECK(scored.scores.size() == scored.targets.size());
  DERI_CHECK(scored.labels.empty() ? scored.scores.empty() : scored.scores.size() % scored.labels.size() == 0);
  if (scored.records() == 0) return "no scores";
  const auto nan = [](double score) { return std::isnan(score); };
  if (std::any_of(scored.scores.begin(), scored.scores.end(), nan)) return "some scores are not numbers";
  const auto outside = [](double score) { return score < 0 || score > 1; };
  if (scored.probabilities && std::any_of(scored.scores.begin(), scored.scores.end(), outside))
    return "some probabilities lie outside 0 to 1";
  return "";
}

// One model's scores, measured.
struct Measured {
  const LabelScores* scores;
  MultiLabelIntervals intervals;

  std::optional<std::size_t> find(const std::string& label) const {
    const std::vector<std::string>& labels = scores->scored.labels;
    const auto found = std::find(labels.begin(), labels.end(), label);
    if (found == labels.end()) return std::nullopt;
    return static_cast<std::size_t>(found - labels.begin());
  }
  MetricIntervals metrics(const std::string& label) const {
    const std::optional<std::size_t> at = find(label);
    if (at) return intervals.labels.at(*at);
    return {kUndefined, kUndefined, kUndefined, kUndefined, kUndefined, kUndefined, kUndefined, kUndefined};
  }
};

using MeasuredModels = std::map<std::string, Measured>;

struct Label {
  std::string name;
  std::size_t positives = 0, negatives = 0;

  bool defined() const { return positives > 0 && negatives > 0; }
  double prevalence() const { return static_cast<double>(positives) / static_cast<double>(positives + negatives); }
};

std::vector<Label> labels_of(const ScoredLabels& scored) {
  std::vector<Label> labels;
  for (std::size_t i = 0; i < scored.labels.size(); ++i) {
    const std::vector<std::uint8_t> targets = scored.label_targets(i);
    const auto negatives = static_cast<std::size_t>(std::count(targets.begin(), targets.end(), 0));
    labels.push_back({scored.labels[i], targets.size() - negatives, negatives});
  }
  return labels;
}

// Those to draw curves of: with both classes, the most frequent first.
std::vector<Label> curve_labels(std::vector<Label> labels) {
  std::erase_if(labels, [](const Label& label) { return !label.defined(); });
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.positives > b.positives; });
  labels.resize(std::min(labels.size(), kCurveLabels));
  return labels;
}

// "NORM (96)"; "HYP (7, rare)". The name is cut, not the figures.
std::string row_name(const Label& label) {
  const std::string figures =
      fmt::format(" ({}{})", label.positives, label.positives < kFrequentPositives ? ", rare" : "");
  return svg::shortened(label.name, kRowCharacters - 1 - figures.size()) + figures;
}

std::string auroc_chart(const std::vector<Label>& labels, const MeasuredModels& measured,
                        const std::vector<std::string>& models, const std::string& subject) {
  IntervalChart chart{fmt::format("AUROC per label, {}", subject), "AUROC, test split", {}, {}, 0.5};
  for (const Label& label : labels) chart.rows.push_back(row_name(label));
  for (const std::string& model : models) {
    IntervalSeries series{model, {}};
    const auto found = measured.find(model);
    for (const Label& label : labels)
      series.values.push_back(found == measured.end() ? kUndefined : found->second.metrics(label.name).auroc);
    chart.series.push_back(std::move(series));
  }
  return interval_chart_svg(chart);
}

UnitSquareSeries roc_series(const Measured& measured, const Label& label) {
  UnitSquareSeries series{
      fmt::format("{} {}", measured.scores->model, format_number(measured.metrics(label.name).auroc.value))};
  const std::optional<std::size_t> at = measured.find(label.name);
  if (!at) return series;
  const ScoredLabels& scored = measured.scores->scored;
  for (const RocPoint& point : thinned_roc(roc_curve(scored.label_scores(*at), scored.label_targets(*at)))) {
    series.x.push_back(point.false_positive_rate);
    series.y.push_back(point.true_positive_rate);
  }
  return series;
}

UnitSquareSeries reliability_series(const Measured& measured, const Label& label) {
  UnitSquareSeries series{measured.scores->model};
  series.dots = true;
  const std::optional<std::size_t> at = measured.find(label.name);
  if (!at || !measured.scores->scored.probabilities) return series;
  const ScoredLabels& scored = measured.scores->scored;
  for (const ReliabilityPoint& bin : reliability_curve_by_count(scored.label_scores(*at), scored.label_targets(*at))) {
    series.x.push_back(bin.probability);
    series.y.push_back(bin.observed);
  }
  return series;
}

// A chart per label with a series per model.
std::vector<std::string> square_charts(const std::vector<Label>& labels, const MeasuredModels& measured,
                                       const std::vector<std::string>& models, const UnitSquareChart& frame,
                                       UnitSquareSeries (*series_of)(const Measured&, const Label&)) {
  std::vector<std::string> charts;
  for (const Label& label : labels) {
    UnitSquareChart chart = frame;
    chart.title = fmt::format("{}, {} positives of {}", label.name, label.positives, label.positives + label.negatives);
    for (const std::string& model : models) {
      const auto found = measured.find(model);
      chart.series.push_back(found == measured.end() ? UnitSquareSeries{fmt::format("{} n/a", model)}
                                                     : series_of(found->second, label));
    }
    charts.push_back(unit_square_chart_svg(chart));
  }
  return charts;
}

Cell calibration_cell(const MetricIntervals& metrics) {
  const double brier = metrics.brier.value;
  if (std::isnan(brier)) return {"n/a"};
  return {format_number(brier), fmt::format("ECE {}", format_number(metrics.ece.value))};
}

// The Brier scores and calibration errors of all labels and their means.
Table calibration_table(const std::vector<Label>& labels, const MeasuredModels& measured,
                        const std::vector<std::string>& models) {
  Table table;
  table.stacked = true;
  table.header = {"Label", "Positives", "Prevalence alone"};
  for (const std::string& model : models) table.header.push_back(model);
  double constants = 0;
  std::size_t defined = 0;
  const auto add_models = [&](std::vector<Cell>& row, const auto& metrics_of) {
    for (const std::string& model : models) {
      const auto found = measured.find(model);
      row.push_back(found == measured.end() ? Cell(kMissing) : calibration_cell(metrics_of(found->second)));
    }
  };
  for (const Label& label : labels) {
    const double constant = label.prevalence() * (1 - label.prevalence());
    if (label.defined()) {
      constants += constant;
      ++defined;
    }
    std::vector<Cell> row = {label.name, fmt::format("{}", label.positives), format_number(constant)};
    add_models(row, [&](const Measured& one) { return one.metrics(label.name); });
    table.rows.push_back(std::move(row));
  }
  table.summary_rows = {table.rows.size()};
  const double mean = defined == 0 ? kNaN : constants / static_cast<double>(defined);
  std::vector<Cell> row = {"mean", "", format_number(mean)};
  add_models(row, [](const Measured& one) { return one.intervals.macro; });
  table.rows.push_back(std::move(row));
  table.caption = fmt::format(
      "Brier score, and expected calibration error over {} bins of equal width: both are 0 where every probability "
      "comes true. Prevalence alone: the Brier score of giving every record the label's share of positives. The mean "
      "is over labels with both classes.",
      kCalibrationBins);
  return table;
}

std::string subject_of(const LabelScores& scores) {
  const std::string what = scores.fraction == 0 ? fmt::format("{} on {}", scores.kind, scores.data)
                                                : fmt::format("{} on {}, {} of the training records", scores.kind,
                                                              scores.data, fraction_text(scores.fraction));
  return fmt::format("{}, {}", scores.label_set, what);
}

// The task's name only where it says something else.
std::string summary_of(const LabelScores& scores) {
  if (scores.task == fmt::format("{} on {}", scores.kind, scores.data)) return subject_of(scores);
  return fmt::format("{} ({})", subject_of(scores), scores.task);
}

std::string trainings_shown(const ScoreGroup& group) {
  std::vector<std::string> trainings;
  for (const LabelScores* scores : group) trainings.push_back(fmt::format("{} (seed {})", scores->model, scores->seed));
  return fmt::format("One training of each model: {}.", fmt::join(trainings, ", "));
}

// Which of the labels have curves, where not all have.
std::string selection_text(std::size_t shown, std::size_t all) {
  if (shown == all) return "";
  return fmt::format("Of {} labels, the {} with the most positives and both classes.", all, shown);
}

void add_roc(HtmlPage& page, const std::vector<Label>& labels, std::size_t all, const MeasuredModels& measured,
             const std::vector<std::string>& models) {
  const UnitSquareChart frame{"", "false positive rate", "true positive rate", {}, "chance"};
  page.figures(square_charts(labels, measured, models, frame, roc_series),
               sentences({"ROC curves, with the AUROC in the legend", selection_text(labels.size(), all)}));
}

void add_calibration(HtmlPage& page, const std::vector<Label>& all, const std::vector<Label>& shown,
                     const MeasuredModels& measured, const std::vector<std::string>& models) {
  const bool probabilities = std::any_of(measured.begin(), measured.end(),
                                         [](const auto& one) { return one.second.scores->scored.probabilities; });
  if (!probabilities) {
    page.paragraph("These scores rank records and are no probabilities: they have no calibration.");
    return;
  }
  const UnitSquareChart frame{"", "probability, mean of the bin", "share of positives", {}, "as it should be"};
  page.figures(
      square_charts(shown, measured, models, frame, reliability_series),
      sentences({"Reliability curves: ten bins of equally many records. Above the dashed line a probability is too "
                 "low, below it too high",
                 selection_text(shown.size(), all.size())}));
  page.table(calibration_table(all, measured, models));
}

}  // namespace

std::vector<ScoreGroup> score_groups(const std::vector<LabelScores>& scores) {
  const auto key = [](const LabelScores& one) { return std::tie(one.task, one.kind, one.data, one.label_set); };
  std::vector<ScoreGroup> groups;
  for (const LabelScores& one : scores) {
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const ScoreGroup& group) { return key(*group.front()) == key(one); });
    if (found == groups.end()) {
      groups.push_back({&one});
      continue;
    }
    const double largest = found->front()->fraction;
    if (one.fraction > largest) found->clear();
    const bool there =
        std::any_of(found->begin(), found->end(), [&](const LabelScores* other) { return other->model == one.model; });
    if (one.fraction >= largest && !there) found->push_back(&one);
  }
  return groups;
}

std::vector<RocPoint> thinned_roc(const std::vector<RocPoint>& points, std::size_t most) {
  DERI_CHECK(most >= 2);
  constexpr double kInvisible = 1e-3;  // less than half a pixel of the chart
  if (points.size() <= 2) return points;
  // Douglas and Peucker's way: between two points that stay, the farthest from their line stays too if it is far.
  struct Span {
    std::size_t first, last;
    double distance;  // at which its ends were chosen
  };
  std::vector<std::pair<double, std::size_t>> chosen;  // with the distance
  std::vector<Span> spans = {{0, points.size() - 1, HUGE_VAL}};
  while (!spans.empty()) {
    const Span span = spans.back();
    spans.pop_back();
    const RocPoint &a = points[span.first], &b = points[span.last];
    const double dx = b.false_positive_rate - a.false_positive_rate, dy = b.true_positive_rate - a.true_positive_rate;
    const double length = std::hypot(dx, dy);
    double farthest = 0;
    std::size_t at = span.first;
    for (std::size_t i = span.first + 1; i < span.last; ++i) {
      const double x = points[i].false_positive_rate - a.false_positive_rate;
      const double y = points[i].true_positive_rate - a.true_positive_rate;
      const double distance = std::abs(dx * y - dy * x) / length;
      if (distance > farthest) {
        farthest = distance;
        at = i;
      }
    }
    if (farthest < kInvisible) continue;
    const double distance = std::min(farthest, span.distance);  // never before the ends of its span
    chosen.emplace_back(distance, at);
    spans.push_back({span.first, at, distance});
    spans.push_back({at, span.last, distance});
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  chosen.resize(std::min(chosen.size(), most - 2));
  std::vector<std::size_t> kept = {0, points.size() - 1};
  for (const auto& [distance, at] : chosen) kept.push_back(at);
  std::sort(kept.begin(), kept.end());
  std::vector<RocPoint> thinned;
  for (const std::size_t i : kept) thinned.push_back(points[i]);
  return thinned;
}

void add_label_details(HtmlPage& page, const ScoreGroup& group, const std::vector<std::string>& models) {
  const std::string subject = subject_of(*group.front());
  MeasuredModels measured;
  std::vector<std::string> faults;
  const ScoredLabels* first = nullptr;
  for (const LabelScores* scores : group) {
    if (std::string fault = fault_of(scores->scored); !fault.empty()) {
      faults.push_back(fmt::format("{}: {}", scores->model, fault));
      continue;
    }
    if (first == nullptr) first = &scores->scored;
    measured.emplace(scores->model, Measured{scores, bootstrap_intervals(scores->scored)});
  }
  page.begin_details(summary_of(*group.front()));
  page.paragraph(trainings_shown(group));
  if (!faults.empty()) page.note(sentences({fmt::format("Left out: {}", fmt::join(faults, "; "))}));
  if (first != nullptr) {
    const std::vector<Label> labels = labels_of(*first), shown = curve_labels(labels);
    page.figure(auroc_chart(labels, measured, models, subject),
                fmt::format("In brackets: positives among {} records. Labels with fewer than {} positives are marked "
                            "rare: their AUROC is known badly. Intervals: 95 %, {} resamples of each label's positives "
                            "and negatives by themselves. The dashed line is chance.",
                            first->records(), kFrequentPositives, BootstrapOptions().resamples));
    if (shown.empty()) {
      page.paragraph("No label has both classes: there is no curve to draw.");
    } else {
      add_roc(page, shown, labels.size(), measured, models);
      add_calibration(page, labels, shown, measured, models);
    }
  }
  page.end_details();
}

}  // namespace deri
