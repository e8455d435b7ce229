#include "deri/eval/svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/eval/svg_parts.hpp"

namespace deri {
namespace {

using namespace svg;

// ---- text ----

// The length of the valid UTF-8 sequence at the start of `text`, or 0; sets `code` to its code point.
std::size_t decode_utf8(std::string_view text, char32_t& code) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) {
    code = byte(0);
    return 1;
  }
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < length) return 0;
  code = byte(0) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  return code >= kSmallest[length] ? length : 0;
}

bool allowed_in_xml(char32_t code) {
  return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0xD800) ||
         (code >= 0xE000 && code <= 0x10FFFF && code != 0xFFFE && code != 0xFFFF);
}

// ---- line chart ----

bool is_whole(double value) {
  return std::abs(value - std::round(value)) < 1e-9;
}

bool all_whole(const std::vector<Series>& series) {
  return std::all_of(series.begin(), series.end(),
                     [](const Series& one) { return std::all_of(one.x.begin(), one.x.end(), is_whole); });
}

// Per series, which of `names`, the different names in their order, is its own.
std::vector<std::size_t> name_indices(const std::vector<Series>& series, std::vector<std::string>& names) {
  std::vector<std::size_t> indices;
  for (const Series& one : series) {
    const auto found = std::find(names.begin(), names.end(), one.name);
    indices.push_back(static_cast<std::size_t>(found - names.begin()));
    if (found == names.end()) names.push_back(one.name);
  }
  return indices;
}

// `look`: which colour and dashes.
std::string polyline(const Series& series, const Axis& x_axis, const Axis& y_axis, std::size_t look, double width) {
  std::string path, dots;
  bool pen_down = false;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const auto drawable = [&](std::size_t k) {
      return k < series.x.size() && std::isfinite(series.x[k]) && std::isfinite(series.y[k]);
    };
    if (!drawable(i)) {
      pen_down = false;
      continue;
    }
    const std::string x = at(x_axis(series.x[i])), y = at(y_axis(series.y[i]));
    path += fmt::format("{}{} {}", pen_down ? 'L' : 'M', x, y);
    // A point without neighbours would be an invisible line.
    if (!pen_down && !drawable(i + 1))
      dots += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\"/>\n", x, y, colour(look));
    pen_down = true;
  }
  if (path.empty()) return "";
  return fmt::format(
             "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
             "stroke-linejoin=\"round\"{}/>\n",
             path, colour(look), width, dash(look)) +
         dots;
}

// The area between low and high, one for each run of points that have both; a run of one point is a line.
std::string band(const Series& series, const Axis& x_axis, const Axis& y_axis, const char* fill) {
  const auto drawable = [&](std::size_t i) {
    return i < series.low.size() && std::isfinite(series.x[i]) && std::isfinite(series.y[i]) &&
           std::isfinite(series.low[i]) && std::isfinite(series.high[i]);
  };
  std::string areas;
  for (std::size_t begin = 0; begin < series.low.size();) {
    std::size_t end = begin;
    while (drawable(end)) ++end;
    if (end == begin + 1) {
      const double x = x_axis(series.x[begin]);
      areas += line_element(x, y_axis(series.low[begin]), x, y_axis(series.high[begin]),
                            fmt::format("stroke=\"{}\" stroke-width=\"2\" stroke-opacity=\"0.35\"", fill));
    } else if (end > begin) {
      std::string path;
      for (std::size_t i = begin; i < end; ++i)
        path += fmt::format("{}{} {}", i == begin ? 'M' : 'L', at(x_axis(series.x[i])), at(y_axis(series.high[i])));
      for (std::size_t i = end; i-- > begin;)
        path += fmt::format("L{} {}", at(x_axis(series.x[i])), at(y_axis(series.low[i])));
      areas += fmt::format("<path d=\"{}Z\" fill=\"{}\" fill-opacity=\"0.18\"/>\n", path, fill);
    }
    begin = std::max(end, begin + 1);
  }
  return areas;
}

// Where an axis has its numbers, and these.
struct Ticks {
  std::vector<double> places;
  std::vector<std::string> labels;
};

// Ticks that lie at any distance, each with the digits that it has.
std::vector<std::string> plain_labels(const std::vector<double>& ticks) {
  std::vector<std::string> labels;
  for (const double tick : ticks) labels.push_back(fmt::format("{:.4g}", tick + 0.0));
  return labels;
}

// On an axis of decimal logarithms: 1, 2 and 5 times the powers of ten, of many the powers alone.
Ticks logarithmic_ticks(const Range& range) {
  constexpr double kManyDecades = 4;
  Ticks ticks;
  for (double power = std::floor(range.low); power <= range.high; ++power)
    for (const double digit : {1.0, 2.0, 5.0}) {
      const double place = power + std::log10(digit);
      if (place < range.low || place > range.high || (digit > 1 && range.high - range.low > kManyDecades)) continue;
      ticks.places.push_back(place);
      ticks.labels.push_back(fmt::format("{:.6g}", digit * std::pow(10.0, power)));
    }
  return ticks;
}

Ticks x_ticks_of(const LineChart& chart, const Range& range) {
  if (!chart.x_ticks.empty()) {
    std::vector<double> ticks = chart.x_ticks;
    std::erase_if(ticks, [&](double x) { return !(x >= range.low && x <= range.high); });
    return {ticks, plain_labels(ticks)};
  }
  if (chart.logarithmic) return logarithmic_ticks(range);
  std::vector<double> ticks = nice_ticks(range.low, range.high, 8);
  if (all_whole(chart.series))  // no half epochs
    std::erase_if(ticks, [](double x) { return !is_whole(x); });
  return {ticks, tick_labels(ticks)};
}

Ticks y_ticks_of(const LineChart& chart, const Range& range) {
  if (chart.logarithmic) return logarithmic_ticks(range);
  const std::vector<double> ticks = nice_ticks(range.low, range.high, 6);
  return {ticks, tick_labels(ticks)};
}

// The same chart in decimal logarithms; nothing of what is not positive.
LineChart in_logarithms(LineChart chart) {
  DERI_CHECK(chart.x_ticks.empty());
  for (Series& series : chart.series)
    for (std::vector<double>* values : {&series.x, &series.y, &series.low, &series.high})
      for (double& value : *values) value = value > 0 ? std::log10(value) : std::nan("");
  return chart;
}

void check_lengths(const LineChart& chart, const Series& series) {
  if (series.x.size() != series.y.size()) {
    fail("chart \"{}\": series \"{}\" has {} x values and {} y values", chart.title, series.name, series.x.size(),
         series.y.size());
  }
  if (series.low.size() != series.high.size() || (!series.low.empty() && series.low.size() != series.x.size())) {
    fail("chart \"{}\": series \"{}\" has {} points, but {} lower and {} upper ends of intervals", chart.title,
         series.name, series.x.size(), series.low.size(), series.high.size());
  }
}

// ---- forest plot ----

std::string interval_dot(double x, double y, std::size_t look, bool hollow) {
  if (!hollow) return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"4.5\" fill=\"{}\"/>\n", at(x), at(y), colour(look));
  return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3.7\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"/>\n",
                     at(x), at(y), colour(look));
}

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    char32_t code = 0;
    const std::size_t length = decode_utf8(text.substr(i), code);
    if (length == 0 || !allowed_in_xml(code)) {
      escaped += "\xEF\xBF\xBD";
      i += std::max<std::size_t>(length, 1);
      continue;
    }
    switch (code) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += text.substr(i, length);
    }
    i += length;
  }
  return escaped;
}

std::string format_number(double value, int decimals) {
  return std::isnan(value) ? "n/a" : fmt::format("{:.{}f}", value, decimals);
}

std::vector<double> nice_ticks(double low, double high, int count) {
  DERI_CHECK(std::isfinite(low) && std::isfinite(high) && low < high && count > 0);
  const double rough = (high / count - low / count);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double lead = rough / power;
  const double step = power * (lead < 1.5 ? 1 : lead < 3 ? 2 : lead < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  // Counted, not compared: where the step is below the numbers' resolution k + 1 may equal k.
  const int intervals = static_cast<int>(std::min(last - first, 4.0 * count));
  for (int k = 0; k <= intervals; ++k) ticks.push_back((first + k) * step);
  return ticks;
}

std::string line_chart_svg(const LineChart& given) {
  const LineChart chart = given.logarithmic ? in_logarithms(given) : given;
  constexpr double kWidth = 720, kPlotHeight = 300, kRight = kWidth - 20;
  Range x_range, y_range;
  std::vector<std::string> names;
  const std::vector<std::size_t> looks = name_indices(chart.series, names);
  for (const Series& series : chart.series) {
    check_lengths(chart, series);
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
      x_range.include(series.x[i]);
      y_range.include(series.y[i]);
      if (series.low.empty() || !std::isfinite(series.low[i]) || !std::isfinite(series.high[i])) continue;
      y_range.include(series.low[i]);
      y_range.include(series.high[i]);
    }
  }
  std::string head = title_element(chart.title, kWidth);
  double top = 44;
  if (names.size() > 1) top += 18 * legend(head, names, 16, 48, kRight) + 4;
  const double bottom = top + kPlotHeight, height = bottom + 52;
  const std::string open = svg_open(kWidth, height, chart.title);
  if (y_range.empty()) {
    return open + head + text_element(kWidth / 2, (top + bottom) / 2, "no data", {.anchor = "middle", .opacity = 0.7}) +
           "</svg>\n";
  }

  const Range y_wide = widened(y_range, 0.04);
  const Ticks y_ticks = y_ticks_of(chart, y_wide);
  double left = 0;
  for (const std::string& label : y_ticks.labels) left = std::max(left, text_width(label, 12));
  left += 44;
  const Axis y_axis{y_wide, bottom, top};
  const Range x_wide = widened(x_range, 0);
  const Axis x_axis = chart.x_falls ? Axis{x_wide, kRight, left} : Axis{x_wide, left, kRight};
  std::string svg = open + head;
  for (std::size_t i = 0; i < y_ticks.places.size(); ++i) {
    const double y = y_axis(y_ticks.places[i]);
    svg += line_element(left, y, kRight, y, kGridLine);
    svg += text_element(left - 8, y + 4, y_ticks.labels[i], {.anchor = "end", .opacity = 0.8});
  }
  const Ticks x_ticks = x_ticks_of(chart, x_wide);
  for (std::size_t i = 0; i < x_ticks.places.size(); ++i) {
    const double x = x_axis(x_ticks.places[i]);
    if (chart.logarithmic) svg += line_element(x, top, x, bottom, kGridLine);
    svg += line_element(x, bottom, x, bottom + 5, kAxisLine);
    svg += text_element(x, bottom + 20, x_ticks.labels[i], {.anchor = "middle", .opacity = 0.8});
  }
  svg += line_element(left, bottom, kRight, bottom, kAxisLine);
  svg += text_element((left + kRight) / 2, bottom + 42, chart.x_label, {.anchor = "middle"});
  svg += upright_text(18, (top + bottom) / 2, chart.y_label, {.anchor = "middle"});
  for (std::size_t i = 0; i < chart.series.size(); ++i) svg += band(chart.series[i], x_axis, y_axis, colour(looks[i]));
  const double width = names.size() < chart.series.size() ? 1.4 : 2;
  for (std::size_t i = 0; i < chart.series.size(); ++i)
    svg += polyline(chart.series[i], x_axis, y_axis, looks[i], width);
  return svg + "</svg>\n";
}

std::string interval_chart_svg(const IntervalChart& chart) {
  constexpr double kWidth = 720, kLine = 17, kGap = 11;
  Range range;
  std::vector<std::string> names;
  std::vector<std::size_t> looks;
  for (const IntervalSeries& series : chart.series) {
    DERI_CHECK(!series.twin || !looks.empty());
    looks.push_back(looks.empty() ? 0 : looks.back() + (series.twin ? 0 : 1));
    if (series.values.size() != chart.rows.size()) {
      fail("chart \"{}\": series \"{}\" has {} values for {} rows", chart.title, series.name, series.values.size(),
           chart.rows.size());
    }
    names.push_back(series.name);
    for (const Estimate& value : series.values) {
      range.include(value.value);
      range.include(value.low);
      range.include(value.high);
    }
  }
  if (chart.reference) range.include(*chart.reference);
  if (range.empty()) range = {0, 1};

  double left = 60;
  for (const std::string& row : chart.rows) left = std::max(left, 30 + text_width(shortened(row, 32), 12.5));
  const double right = kWidth - 150;
  std::string head = title_element(chart.title, kWidth);
  double top = 40;
  const auto mark = [&](std::size_t i, double x, double y) {
    return chart.series[i].twin ? interval_dot(x + 8, y, looks[i], true) : line_mark(looks[i], x, y);
  };
  if (names.size() > 1) top += 18 * legend(head, names, 16, 48, kWidth - 20, mark) + 2;
  const double row_height = kLine * static_cast<double>(std::max<std::size_t>(names.size(), 1)) + kGap;
  const double bottom = top + row_height * static_cast<double>(chart.rows.size()) + 4;

  const Axis axis{widened(range, 0.04), left, right};
  std::string svg = svg_open(kWidth, bottom + 52, chart.title) + head;
  const std::vector<double> ticks = nice_ticks(axis.range.low, axis.range.high, 6);
  const std::vector<std::string> labels = tick_labels(ticks);
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const double x = axis(ticks[i]);
    svg += line_element(x, top, x, bottom, kGridLine);
    svg += text_element(x, bottom + 18, labels[i], {.anchor = "middle", .opacity = 0.8});
  }
  if (chart.reference) {
    const double x = axis(*chart.reference);
    svg += line_element(x, top, x, bottom, kDashedLine);
  }
  svg += line_element(left, bottom, right, bottom, kAxisLine);
  svg += text_element((left + right) / 2, bottom + 40, chart.x_label, {.anchor = "middle"});
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    const double row_top = top + row_height * static_cast<double>(r);
    svg += text_element(left - 14, row_top + row_height / 2 + 4.5, shortened(chart.rows[r], 32),
                        {.anchor = "end", .size = 12.5});
    for (std::size_t s = 0; s < chart.series.size(); ++s) {
      const Estimate& value = chart.series[s].values[r];
      const double y = row_top + kGap / 2 + kLine * (static_cast<double>(s) + 0.5);
      const TextStyle figures{.size = 11, .opacity = 0.85};
      if (!std::isfinite(value.value)) {
        svg += text_element(right + 12, y + 4, "n/a", figures);
        continue;
      }
      std::string text = format_number(value.value);
      if (std::isfinite(value.low) && std::isfinite(value.high)) {
        svg += line_element(axis(value.low), y, axis(value.high), y,
                            fmt::format("stroke=\"{}\" stroke-width=\"2\" stroke-linecap=\"round\"{}", colour(looks[s]),
                                        dash(looks[s])));
        text += fmt::format("  [{}, {}]", format_number(value.low), format_number(value.high));
      }
      svg += interval_dot(axis(value.value), y, looks[s], chart.series[s].twin);
      svg += text_element(right + 12, y + 4, text, figures);
    }
  }
  return svg + "</svg>\n";
}

}  // namespace deri
