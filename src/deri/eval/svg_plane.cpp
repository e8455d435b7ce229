#include <algorithm>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/svg.hpp"
#include "deri/eval/svg_parts.hpp"

namespace deri {
namespace {

using namespace svg;

// Where a plot lies on its figure.
struct Plot {
  double left, right, top, bottom;
};

// The frame's lower and left sides, ticks with their numbers, and what the axes mean.
std::string axes_elements(const Plot& plot, const Axis& x_axis, const Axis& y_axis, const std::string& x_label,
                          const std::string& y_label) {
  std::string svg;
  const std::vector<double> x_ticks = nice_ticks(x_axis.range.low, x_axis.range.high, 6);
  const std::vector<double> y_ticks = nice_ticks(y_axis.range.low, y_axis.range.high, 6);
  const std::vector<std::string> x_numbers = tick_labels(x_ticks), y_numbers = tick_labels(y_ticks);
  for (std::size_t i = 0; i < x_ticks.size(); ++i) {
    const double x = x_axis(x_ticks[i]);
    svg += line_element(x, plot.top, x, plot.bottom, kGridLine);
    svg += text_element(x, plot.bottom + 20, x_numbers[i], {.anchor = "middle", .opacity = 0.8});
  }
  for (std::size_t i = 0; i < y_ticks.size(); ++i) {
    const double y = y_axis(y_ticks[i]);
    svg += line_element(plot.left, y, plot.right, y, kGridLine);
    svg += text_element(plot.left - 8, y + 4, y_numbers[i], {.anchor = "end", .opacity = 0.8});
  }
  svg += line_element(plot.left, plot.bottom, plot.right, plot.bottom, kAxisLine);
  svg += line_element(plot.left, plot.top, plot.left, plot.bottom, kAxisLine);
  svg += text_element((plot.left + plot.right) / 2, plot.bottom + 42, x_label, {.anchor = "middle"});
  return svg + upright_text(18, (plot.top + plot.bottom) / 2, y_label, {.anchor = "middle"});
}

// ---- scatter chart ----

enum class Shape { kDot, kSquare, kTriangle };

Shape shape_of(std::size_t series) {
  return static_cast<Shape>(series / kColours % 3);
}

// Path data of one mark; `size` is its diameter. Dots and squares are strokes without length, drawn by their caps.
std::string mark_data(Shape shape, double x, double y, double size) {
  if (shape == Shape::kTriangle) {
    return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}Z", x, y - 0.6 * size, 0.6 * size, 1.1 * size, -1.2 * size);
  }
  return fmt::format("M{:.1f} {:.1f}h0", x, y);
}

std::string marks_element(std::size_t series, const std::string& data, double size, double opacity) {
  const Shape shape = shape_of(series);
  if (shape == Shape::kTriangle)
    return fmt::format("<path d=\"{}\" fill=\"{}\" fill-opacity=\"{}\"/>\n", data, colour(series), opacity);
  return fmt::format(
      "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\"{}\" stroke-width=\"{}\" "
      "stroke-linecap=\"{}\"/>\n",
      data, colour(series), opacity, size, shape == Shape::kDot ? "round" : "square");
}

std::string mark_in_legend(std::size_t series, double x, double y) {
  return marks_element(series, mark_data(shape_of(series), x + 9, y, 9), 9, 1);
}

struct ScatterPoint {
  std::size_t series;
  double x, y;
};

// The finite points of all classes, in an order that mixes the classes.
std::vector<ScatterPoint> mixed_points(const ScatterChart& chart) {
  std::vector<ScatterPoint> points;
  for (std::size_t c = 0; c < chart.classes.size(); ++c) {
    const ScatterClass& one = chart.classes[c];
    for (std::size_t i = 0; i < one.x.size(); ++i)
      if (std::isfinite(one.x[i]) && std::isfinite(one.y[i])) points.push_back({c, one.x[i], one.y[i]});
  }
  Rng rng(mix_seed(fnv1a("scatter_chart"), {}));
  for (std::size_t i = points.size(); i > 1; --i) std::swap(points[i - 1], points[rng.below(i)]);
  return points;
}

// One element per class and round: short, and in enough rounds no class lies on top. Where marks of one element overlap
// they do not darken, so a round has few.
std::string scatter_marks(const std::vector<ScatterPoint>& points, std::size_t classes, const Axis& x_axis,
                          const Axis& y_axis) {
  const double size = points.size() <= 300 ? 6 : points.size() <= 2000 ? 4.6 : points.size() <= 8000 ? 3.6 : 2.8;
  const std::size_t rounds = std::clamp<std::size_t>(points.size() / 30, 1, 100);
  std::string svg;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<std::string> data(classes);
    for (std::size_t i = points.size() * round / rounds; i < points.size() * (round + 1) / rounds; ++i) {
      const std::size_t c = points[i].series;
      data[c] += mark_data(shape_of(c), x_axis(points[i].x), y_axis(points[i].y), size);
    }
    for (std::size_t c = 0; c < classes; ++c)
      if (!data[c].empty()) svg += marks_element(c, data[c], size, 0.65);
  }
  return svg;
}

// The narrower of two ranges widened around its middle until both have one span.
void make_equal(Range& a, Range& b) {
  const double half = std::max(a.high - a.low, b.high - b.low) / 2;
  for (Range* range : {&a, &b}) {
    const double middle = range->low / 2 + range->high / 2;
    *range = {middle - half, middle + half};
  }
}

// ---- unit square ----

void check_series(const UnitSquareChart& chart, const UnitSquareSeries& series) {
  if (series.x.size() != series.y.size() || (!series.sizes.empty() && series.sizes.size() != series.x.size())) {
    fail("chart \"{}\": series \"{}\" has {} x values, {} y values and {} sizes", chart.title, series.name,
         series.x.size(), series.y.size(), series.sizes.size());
  }
  const auto outside = [](double value) { return value < -1e-9 || value > 1 + 1e-9; };
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (outside(series.x[i]) || outside(series.y[i])) {
      fail("chart \"{}\": series \"{}\" has the point ({}, {}), outside the unit square", chart.title, series.name,
           series.x[i], series.y[i]);
    }
  }
  for (const double size : series.sizes) {
    if (!(size >= 0 && std::isfinite(size)))
      fail("chart \"{}\": series \"{}\" has a point of size {}", chart.title, series.name, size);
  }
}

std::string square_line(const UnitSquareSeries& series, const Axis& x_axis, const Axis& y_axis, std::size_t index) {
  std::string path;
  bool pen_down = false;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const bool drawable = std::isfinite(series.x[i]) && std::isfinite(series.y[i]);
    if (drawable)
      path += fmt::format("{}{} {}", pen_down ? 'L' : 'M', at(x_axis(series.x[i])), at(y_axis(series.y[i])));
    if (drawable && !pen_down) path += "h0";  // a point without neighbours is a dot
    pen_down = drawable;
  }
  if (path.empty()) return "";
  return fmt::format(
      "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-linejoin=\"round\" "
      "stroke-linecap=\"round\"{}/>\n",
      path, colour(index), dash(index));
}

std::string small_dots(const UnitSquareSeries& series, const Axis& x_axis, const Axis& y_axis, const char* fill) {
  std::string dots;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    dots += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3.5\" fill=\"{}\"/>\n", at(x_axis(series.x[i])),
                        at(y_axis(series.y[i])), fill);
  }
  return dots;
}

// Dots with the figures as their tooltips.
std::string square_dots(const UnitSquareSeries& series, const UnitSquareChart& chart, double largest,
                        const Axis& x_axis, const Axis& y_axis, const char* fill) {
  constexpr double kLargestRadius = 10, kSmallestRadius = 2;
  std::string dots;
  for (std::size_t i = 0; i < series.sizes.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    const double radius = largest > 0 ? std::max(kSmallestRadius, kLargestRadius * std::sqrt(series.sizes[i] / largest))
                                      : kSmallestRadius;
    const std::string figures = fmt::format("{}: {}, {} ({:.6g} {})", series.name, format_number(series.x[i]),
                                            format_number(series.y[i]), series.sizes[i], chart.size_unit);
    dots += fmt::format(
        "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\" fill-opacity=\"0.6\"><title>{}</title></circle>\n",
        at(x_axis(series.x[i])), at(y_axis(series.y[i])), at(radius), fill, escape_markup(figures));
  }
  return dots;
}

}  // namespace

std::string scatter_chart_svg(const ScatterChart& chart) {
  constexpr double kWidth = 600, kPlotHeight = 560;
  std::vector<std::string> names;
  for (const ScatterClass& one : chart.classes) {
    if (one.x.size() != one.y.size()) {
      fail("chart \"{}\": class \"{}\" has {} x values and {} y values", chart.title, one.name, one.x.size(),
           one.y.size());
    }
    names.push_back(one.name);
  }
  const std::vector<ScatterPoint> points = mixed_points(chart);
  Range x_range, y_range;
  for (const ScatterPoint& point : points) {
    x_range.include(point.x);
    y_range.include(point.y);
  }
  std::string head = title_element(chart.title, kWidth);
  double top = 44;
  if (names.size() > 1) top += 18 * legend(head, names, 16, 48, kWidth - 20, mark_in_legend) + 8;
  Plot plot{20, kWidth - 20, top, top + kPlotHeight};
  const double height = plot.bottom + (chart.axes ? 52 : 20);
  std::string svg = svg_open(kWidth, height, chart.title) + head;
  if (points.empty()) {
    return svg +
           text_element(kWidth / 2, (plot.top + plot.bottom) / 2, "no data", {.anchor = "middle", .opacity = 0.7}) +
           "</svg>\n";
  }
  x_range = widened(x_range, 0.04);
  y_range = widened(y_range, 0.04);
  if (chart.axes) {
    plot.left = 44;
    for (const std::string& label : tick_labels(nice_ticks(y_range.low, y_range.high, 6)))
      plot.left = std::max(plot.left, 44 + text_width(label, 12));
  } else {
    const double middle = kWidth / 2;  // a square plot, so that one scale serves both directions
    plot.left = middle - kPlotHeight / 2;
    plot.right = middle + kPlotHeight / 2;
    make_equal(x_range, y_range);
  }
  const Axis x_axis{x_range, plot.left, plot.right}, y_axis{y_range, plot.bottom, plot.top};
  if (chart.axes) {
    svg += axes_elements(plot, x_axis, y_axis, chart.x_label, chart.y_label);
  } else {
    svg += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"currentColor\" "
        "stroke-opacity=\"0.25\"/>\n",
        at(plot.left), at(plot.top), at(plot.right - plot.left), at(plot.bottom - plot.top));
  }
  return svg + scatter_marks(points, chart.classes.size(), x_axis, y_axis) + "</svg>\n";
}

std::string unit_square_chart_svg(const UnitSquareChart& chart) {
  constexpr double kSide = 440, kLeft = 74, kWidth = kLeft + kSide + 36;
  std::vector<std::string> names;
  double largest = 0;
  bool sized = false;
  for (const UnitSquareSeries& series : chart.series) {
    check_series(chart, series);
    names.push_back(series.name);
    sized = sized || !series.sizes.empty();
    for (const double size : series.sizes) largest = std::max(largest, size);
  }
  if (!chart.diagonal.empty()) names.push_back(chart.diagonal);
  const auto mark = [&](std::size_t i, double x, double y) {
    return i < chart.series.size() ? line_mark(i, x, y) : line_element(x, y, x + 16, y, kDashedLine);
  };
  std::string head = title_element(chart.title, kWidth);
  double top = 44;
  if (names.size() > 1 || !chart.diagonal.empty()) top += 18 * legend(head, names, 16, 48, kWidth - 10, mark) + 8;
  const Plot plot{kLeft, kLeft + kSide, top, top + kSide};
  const Axis x_axis{{0, 1}, plot.left, plot.right}, y_axis{{0, 1}, plot.bottom, plot.top};
  std::string svg = svg_open(kWidth, plot.bottom + (sized ? 74 : 52), chart.title) + head;
  svg += axes_elements(plot, x_axis, y_axis, chart.x_label, chart.y_label);
  svg += line_element(x_axis(0), y_axis(0), x_axis(1), y_axis(1), kDashedLine);
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    svg += square_line(chart.series[i], x_axis, y_axis, i);
    if (chart.series[i].dots) svg += small_dots(chart.series[i], x_axis, y_axis, colour(i));
    svg += square_dots(chart.series[i], chart, largest, x_axis, y_axis, colour(i));
  }
  if (sized) {
    svg += text_element((plot.left + plot.right) / 2, plot.bottom + 64,
                        fmt::format("a dot's area: {}; the largest {:.6g}", chart.size_unit, largest),
                        {.anchor = "middle", .size = 11, .opacity = 0.8});
  }
  return svg + "</svg>\n";
}

}  // namespace deri
