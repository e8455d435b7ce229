#include "deri/experiment/speed_figures.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deri/eval/svg.hpp"

namespace deri {

double last_exponent(const SpeedLine& line) {
  const std::size_t count = line.x.size();
  if (count < 2) return std::nan("");
  return std::log(line.y[count - 1] / line.y[count - 2]) / std::log(line.x[count - 1] / line.x[count - 2]);
}

Json to_json(const SpeedFigure& figure) {
  Json lines = Json::array();
  for (const SpeedLine& line : figure.lines) lines.push_back({{"name", line.name}, {"x", line.x}, {"y", line.y}});
  return {{"key", figure.key},
          {"title", figure.title},
          {"x", figure.x_name},
          {"y", figure.y_name},
          {"lines", lines},
          {"notes", figure.notes},
          {"logarithmic", figure.logarithmic}};
}

std::string to_text(const SpeedFigure& figure) {
  std::string text = figure.title + "\n";
  if (figure.logarithmic) {
    text += fmt::format("  {}, over {}\n", figure.y_name, figure.x_name);
    for (const SpeedLine& line : figure.lines) {
      text += fmt::format("  {:<28}", line.name);
      for (std::size_t i = 0; i < line.x.size(); ++i) text += fmt::format("  {:g}: {:.3g}", line.x[i], line.y[i]);
      if (const double exponent = last_exponent(line); std::isfinite(exponent))
        text += fmt::format("   last growth x^{:.2f}", exponent);
      text += "\n";
    }
  }
  for (const std::string& note : figure.notes) text += fmt::format("  {}\n", note);
  return text + "\n";
}

std::string to_svg(const SpeedFigure& figure) {
  LineChart chart{.title = figure.title, .x_label = figure.x_name, .y_label = figure.y_name, .series = {}};
  chart.logarithmic = figure.logarithmic;
  for (const SpeedLine& line : figure.lines) chart.series.push_back({line.name, line.x, line.y});
  return line_chart_svg(chart);
}

}  // namespace deri
