#include "deri/experiment/suite_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/eval/svg.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kSeveral = "several";

// One of a model's numbers in every column, NaN where there is none.
IntervalSeries means_series(const ColumnGroup& group, const std::string& model, bool untrained) {
  IntervalSeries series{untrained ? fmt::format("{}, untrained", model) : model, {}, untrained};
  for (const ResultColumn* column : group) {
    const ModelNumber* number = find_model(*column, model);
    series.values.push_back(number == nullptr ? Estimate{kNaN, kNaN, kNaN}
                                              : (untrained ? number->untrained : number->trained));
  }
  return series;
}

// By rising x, whatever the order in which it was measured.
Series sorted_series(const RobustnessCurve& curve) {
  DERI_CHECK(curve.x.size() == curve.auroc.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < curve.x.size(); ++i)
    if (std::isfinite(curve.x[i])) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return curve.x[a] < curve.x[b]; });
  Series series{curve.model};
  for (const std::size_t i : order) {
    series.x.push_back(curve.x[i]);
    series.y.push_back(curve.auroc[i].value);
    series.low.push_back(curve.auroc[i].low);
    series.high.push_back(curve.auroc[i].high);
  }
  return series;
}

Series robustness_series(const CurveGroup& group, const std::string& model) {
  for (const RobustnessCurve* curve : group)
    if (curve->model == model) return sorted_series(*curve);
  return {model};
}

// "probe on ptbxl (lp)"; the task's name only where it says something else.
std::string reading_text(const RobustnessCurve& curve) {
  const std::string text = fmt::format("{} on {}", curve.reading, curve.data);
  return curve.task == text ? text : fmt::format("{} ({})", text, curve.task);
}

}  // namespace

std::string means_figure(const ColumnGroup& group, const Models& models) {
  IntervalChart chart{
      fmt::format("Macro AUROC, {}", evaluation_text(*group.front())), "macro AUROC, test split", {}, {}, 0.5};
  for (const ResultColumn* column : group) chart.rows.push_back(column->label_set);
  for (const std::string& model : models) {
    chart.series.push_back(means_series(group, model, false));
    if (models.size() <= kModelsWithTwins) chart.series.push_back(means_series(group, model, true));
  }
  return interval_chart_svg(chart);
}

std::string robustness_figure(const CurveGroup& group, const Models& models) {
  const RobustnessCurve& first = *group.front();
  const bool leads = first.axis == "leads", noise = first.axis == "noise";
  LineChart chart;
  chart.title = fmt::format("{}: {}, label set {}",
                            leads   ? "Fewer leads"
                            : noise ? "Added noise"
                                    : first.axis,
                            reading_text(first), first.label_set);
  chart.x_label = leads ? "leads left" : noise ? "noise: its standard deviation, in percent of the lead's" : first.axis;
  chart.y_label = "macro AUROC";
  chart.x_falls = leads;
  std::set<double> positions;
  for (const std::string& model : models) {
    chart.series.push_back(robustness_series(group, model));
    positions.insert(chart.series.back().x.begin(), chart.series.back().x.end());
  }
  constexpr std::size_t kMostNumbers = 12;
  if (positions.size() <= kMostNumbers) chart.x_ticks.assign(positions.begin(), positions.end());
  return line_chart_svg(chart);
}

std::string learning_figure(const std::string& title, const std::string& y_label,
                            const std::vector<LearningCurve>& curves, std::vector<double> LearningCurve::*values,
                            const Models& models) {
  LineChart chart{title, "epoch", y_label, {}};
  for (const std::string& model : models) {
    const std::size_t before = chart.series.size();
    for (const LearningCurve& curve : curves) {
      if (curve.model != model) continue;
      Series& series = chart.series.emplace_back(Series{model});
      const std::vector<double>& by_epoch = curve.*values;
      for (std::size_t i = 0; i < by_epoch.size(); ++i) {
        if (!std::isfinite(by_epoch[i])) continue;  // not every epoch is validated: the line goes over it
        series.x.push_back(static_cast<double>(i + 1));
        series.y.push_back(by_epoch[i]);
      }
    }
    if (chart.series.size() == before) chart.series.push_back({model});
  }
  return line_chart_svg(chart);
}

std::vector<std::string> map_classes(const std::vector<const EmbeddingMap*>& maps) {
  std::set<std::string> names;
  for (const EmbeddingMap* map : maps) names.insert(map->classes.begin(), map->classes.end());
  const bool several = names.erase(kSeveral) > 0;
  std::vector<std::string> classes(names.begin(), names.end());
  if (several) classes.emplace_back(kSeveral);
  return classes;
}

std::string map_figure(const EmbeddingMap& map, const std::vector<std::string>& classes) {
  DERI_CHECK(map.points.size() == 2 * map.classes.size());
  ScatterChart chart;
  chart.title = fmt::format("{}, {}", map.model, map.trained ? "trained" : "untrained");
  chart.axes = false;
  std::map<std::string, std::size_t> place;
  for (const std::string& name : classes) {
    place.emplace(name, chart.classes.size());
    chart.classes.push_back({name});
  }
  for (std::size_t i = 0; i < map.classes.size(); ++i) {
    ScatterClass& one = chart.classes.at(place.at(map.classes[i]));
    one.x.push_back(map.points[2 * i]);
    one.y.push_back(map.points[2 * i + 1]);
  }
  return scatter_chart_svg(chart);
}

}  // namespace deri
