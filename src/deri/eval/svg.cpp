#include "deri/eval/svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "deri/base/error.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

constexpr const char* kFont =
    "font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif\"";

// Of middle lightness: at least 3:1 against white and against near-black.
constexpr std::array<const char*, 6> kColours = {"#3d7fd1", "#d9752b", "#2f9e70", "#c2528b", "#8b6fd0", "#8a8a3a"};

const char* colour(std::size_t series) {
  return kColours[series % kColours.size()];
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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

// Rough: sans-serif letters are a little over half as wide as the font is high.
double text_width(std::string_view text, double font_size) {
  const auto characters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
  return 0.56 * font_size * static_cast<double>(characters);
}

// Cut to at most `characters`, with an ellipsis.
std::string shortened(const std::string& text, std::size_t characters) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80) continue;
    if (++seen > characters) return text.substr(0, i) + "…";
  }
  return text;
}

// A coordinate: two decimals are a hundredth of a pixel.
std::string at(double value) {
  return fmt::format("{:.2f}", value + 0.0);
}

struct TextStyle {
  const char* anchor = "start";
  double size = 12;
  const char* weight = "400";
  double opacity = 1;
};

std::string text_element(double x, double y, std::string_view text, const TextStyle& style) {
  return fmt::format(
      "<text x=\"{}\" y=\"{}\" font-size=\"{}\" font-weight=\"{}\" text-anchor=\"{}\" "
      "fill=\"currentColor\" fill-opacity=\"{}\">{}</text>\n",
      at(x), at(y), style.size, style.weight, style.anchor, style.opacity, escape_markup(text));
}

std::string line_element(double x1, double y1, double x2, double y2, std::string_view attributes) {
  return fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", at(x1), at(y1), at(x2), at(y2),
                     attributes);
}

constexpr const char* kGridLine = "stroke=\"currentColor\" stroke-opacity=\"0.13\"";
constexpr const char* kAxisLine = "stroke=\"currentColor\" stroke-opacity=\"0.55\"";

std::string svg_open(double width, double height, const std::string& name) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" "
      "role=\"img\" aria-label=\"{2}\" {3}>\n",
      width, height, escape_markup(name), kFont);
}

// ---- axes ----

struct Range {
  double low = kInfinity, high = -kInfinity;

  void include(double value) {
    if (!std::isfinite(value)) return;
    value = std::clamp(value, -1e300, 1e300);  // spans stay finite
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// A share of its span wider at both ends, and never a single point.
Range widened(Range range, double share) {
  const double span = range.high - range.low;
  const double largest = std::max(std::abs(range.low), std::abs(range.high));
  double margin = share * span;
  if (span <= 1e-9 * largest || span < 1e-300) margin = largest > 1e-300 ? 0.05 * largest : 0.5;
  return {range.low - margin, range.high + margin};
}

struct Axis {
  Range range;
  double from, to;  // pixels of range.low and range.high

  double operator()(double value) const {
    const double share = (value - range.low) / (range.high - range.low);
    return from + share * (to - from);
  }
};

// All ticks of an axis alike, with as many decimals as their distance needs.
std::vector<std::string> tick_labels(const std::vector<double>& ticks) {
  DERI_CHECK(!ticks.empty());
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : std::abs(ticks.front());
  double largest = 0;
  for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
  const bool plain = largest < 1e7 && (largest == 0 || step >= 1e-5);
  const int decimals = step > 0 ? std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6) : 0;
  std::vector<std::string> labels;
  labels.reserve(ticks.size());
  for (const double tick : ticks) {
    labels.push_back(plain ? fmt::format("{:.{}f}", tick + 0.0, decimals) : fmt::format("{:.4g}", tick + 0.0));
  }
  return labels;
}

// A row of coloured names, from x on; entries that no longer fit go to further lines. Returns the lines used.
int legend(std::string& svg, const std::vector<std::string>& names, double x, double y, double right) {
  double cursor = x;
  int lines = 1;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = shortened(names[i], 60);
    const double width = 22 + text_width(name, 12) + 18;
    if (cursor > x && cursor + width > right) {
      cursor = x;
      y += 18;
      ++lines;
    }
    svg += line_element(cursor, y - 4, cursor + 16, y - 4,
                        fmt::format("stroke=\"{}\" stroke-width=\"3\" stroke-linecap=\"round\"", colour(i)));
    svg += text_element(cursor + 22, y, name, {});
    cursor += width;
  }
  return lines;
}

// ---- line chart ----

bool is_whole(double value) {
  return std::abs(value - std::round(value)) < 1e-9;
}

bool all_whole(const std::vector<Series>& series) {
  return std::all_of(series.begin(), series.end(),
                     [](const Series& one) { return std::all_of(one.x.begin(), one.x.end(), is_whole); });
}

std::string polyline(const Series& series, const Axis& x_axis, const Axis& y_axis, const char* stroke) {
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
      dots += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\"/>\n", x, y, stroke);
    pen_down = true;
  }
  if (path.empty()) return "";
  return fmt::format(
             "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" "
             "stroke-linejoin=\"round\"/>\n",
             path, stroke) +
         dots;
}

// ---- ECG paper ----

namespace paper {

// Millimetres.
constexpr double kSpeed = 25, kGain = 10;
constexpr double kCalibration = 10, kColumn = 62.5, kRow = 30, kEdge = 5;
constexpr double kLeft = kEdge + kCalibration;
constexpr double kWidth = kLeft + 4 * kColumn + kEdge;
constexpr int kRows = 4;
constexpr double kHeight = kRows * kRow + 2 * kEdge;
constexpr double kSeconds = 10, kColumnSeconds = 2.5;
// The most points per second that are told apart on a screen: 8 per millimetre.
constexpr double kPointRate = 200;

constexpr const char* kLayout[3][4] = {{"I", "aVR", "V1", "V4"}, {"II", "aVL", "V2", "V5"}, {"III", "aVF", "V3", "V6"}};

std::string grid(int step, const char* stroke, double stroke_width) {
  std::string path;
  for (int x = 0; x <= static_cast<int>(kWidth); x += step) path += fmt::format("M{} 0v{}", x, kHeight);
  for (int y = 0; y <= static_cast<int>(kHeight); y += step) path += fmt::format("M0 {}h{}", y, kWidth);
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>\n", path, stroke, stroke_width);
}

// Builds path data in hundredths of a millimetre, whole numbers only: short, and no rounding error adds up.
class Trace {
 public:
  void lift() { pen_down_ = false; }
  void to(double x_mm, double y_mm) {
    const long x = hundredths(x_mm), y = hundredths(y_mm);
    if (pen_down_) {
      if (x == x_ && y == y_) return;
      path_ += fmt::format("l{} {}", x - x_, y - y_);
    } else {
      path_ += fmt::format("M{} {}h0", x, y);
    }
    x_ = x;
    y_ = y;
    pen_down_ = true;
  }
  bool empty() const { return path_.empty(); }
  std::string element() const {
    return fmt::format(
        "<path transform=\"scale(.01)\" d=\"{}\" fill=\"none\" stroke=\"#14161a\" "
        "stroke-width=\"28\" "
        "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n",
        path_);
  }

 private:
  // A spike of 10 m leaves every paper.
  static long hundredths(double mm) { return std::lround(100 * std::clamp(mm, -1e4, 1e4)); }

  std::string path_;
  long x_ = 0, y_ = 0;
  bool pen_down_ = false;
};

// Draws samples [first, last) with sample `first` at x; of every `bucket` samples the lowest and the highest, in their
// order, so that no peak is lost.
void draw_samples(Trace& trace, std::span<const float> samples, std::size_t first, std::size_t last, double rate,
                  double x, double baseline) {
  const auto bucket = static_cast<std::size_t>(std::clamp(2 * rate / kPointRate, 1.0, 1e9));
  const auto point = [&](std::size_t i) {
    trace.to(x + kSpeed * static_cast<double>(i - first) / rate, baseline - kGain * static_cast<double>(samples[i]));
  };
  for (std::size_t begin = first; begin < last; begin += bucket) {
    const std::size_t end = std::min(begin + bucket, last);
    std::size_t low = begin, high = begin;
    bool gap = false;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(samples[i])) {
        gap = true;
        break;
      }
      if (samples[i] < samples[low]) low = i;
      if (samples[i] > samples[high]) high = i;
    }
    if (gap) {
      trace.lift();
      continue;
    }
    point(std::min(low, high));
    if (low != high) point(std::max(low, high));
  }
}

std::string calibration_pulse(double baseline) {
  return fmt::format(
      "<path d=\"M{} {}h2.5v-{}h5v{}h2.5\" fill=\"none\" stroke=\"#14161a\" "
      "stroke-width=\".28\"/>\n",
      kEdge, baseline, kGain, kGain);
}

std::string lead_name(double x, double baseline, const char* name) {
  return fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"4\" font-weight=\"600\" fill=\"#14161a\">{}</text>\n",
                     x + 1.5, baseline - 11, name);
}

// The lead's row, or nothing. Names in any spelling.
std::span<const float> find_lead(const SignalMatrix& signal, const char* name) {
  for (std::size_t i = 0; i < signal.leads.size(); ++i)
    if (canonical_lead(signal.leads[i]) == name) return signal.lead(i);
  return {};
}

// One lead from `start` seconds for `seconds`, its name above.
std::string strip(const SignalMatrix& signal, const char* name, double start, double seconds, double x,
                  double baseline) {
  std::string svg = lead_name(x, baseline, name);
  const std::span<const float> samples = find_lead(signal, name);
  const auto index = [&](double time) {
    return static_cast<std::size_t>(
        std::min(std::ceil(time * signal.rate - 1e-6), static_cast<double>(samples.size())));
  };
  const std::size_t first = index(start), last = index(start + seconds);
  Trace trace;
  const double offset = kSpeed * (static_cast<double>(first) / signal.rate - start);
  if (first < last) draw_samples(trace, samples, first, last, signal.rate, x + offset, baseline);
  return trace.empty() ? svg : svg + trace.element();
}

}  // namespace paper

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

std::string line_chart_svg(const LineChart& chart) {
  constexpr double kWidth = 720, kPlotHeight = 300, kRight = kWidth - 20;
  Range x_range, y_range;
  std::vector<std::string> names;
  for (const Series& series : chart.series) {
    if (series.x.size() != series.y.size()) {
      fail("chart \"{}\": series \"{}\" has {} x values and {} y values", chart.title, series.name, series.x.size(),
           series.y.size());
    }
    names.push_back(series.name);
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
      x_range.include(series.x[i]);
      y_range.include(series.y[i]);
    }
  }
  std::string head = text_element(16, 24, chart.title, {.size = 15, .weight = "600"});
  double top = 44;
  if (names.size() > 1) top += 18 * legend(head, names, 16, 48, kRight) + 4;
  const double bottom = top + kPlotHeight, height = bottom + 52;
  const std::string open = svg_open(kWidth, height, chart.title);
  if (y_range.empty()) {
    return open + head + text_element(kWidth / 2, (top + bottom) / 2, "no data", {.anchor = "middle", .opacity = 0.7}) +
           "</svg>\n";
  }

  const Range y_wide = widened(y_range, 0.04);
  const std::vector<double> y_ticks = nice_ticks(y_wide.low, y_wide.high, 6);
  const std::vector<std::string> y_labels = tick_labels(y_ticks);
  double left = 0;
  for (const std::string& label : y_labels) left = std::max(left, text_width(label, 12));
  left += 44;
  const Axis y_axis{y_wide, bottom, top};
  const Axis x_axis{widened(x_range, 0), left, kRight};
  std::string svg = open + head;
  for (std::size_t i = 0; i < y_ticks.size(); ++i) {
    const double y = y_axis(y_ticks[i]);
    svg += line_element(left, y, kRight, y, kGridLine);
    svg += text_element(left - 8, y + 4, y_labels[i], {.anchor = "end", .opacity = 0.8});
  }
  std::vector<double> x_ticks = nice_ticks(x_axis.range.low, x_axis.range.high, 8);
  if (all_whole(chart.series))  // no half epochs
    std::erase_if(x_ticks, [](double x) { return !is_whole(x); });
  const std::vector<std::string> x_labels = tick_labels(x_ticks);
  for (std::size_t i = 0; i < x_ticks.size(); ++i) {
    const double x = x_axis(x_ticks[i]);
    svg += line_element(x, bottom, x, bottom + 5, kAxisLine);
    svg += text_element(x, bottom + 20, x_labels[i], {.anchor = "middle", .opacity = 0.8});
  }
  svg += line_element(left, bottom, kRight, bottom, kAxisLine);
  svg += text_element((left + kRight) / 2, bottom + 42, chart.x_label, {.anchor = "middle"});
  svg += fmt::format("<g transform=\"translate(18 {}) rotate(-90)\">{}</g>\n", at((top + bottom) / 2),
                     text_element(0, 0, chart.y_label, {.anchor = "middle"}));
  for (std::size_t i = 0; i < chart.series.size(); ++i) svg += polyline(chart.series[i], x_axis, y_axis, colour(i));
  return svg + "</svg>\n";
}

std::string interval_chart_svg(const IntervalChart& chart) {
  constexpr double kWidth = 720, kLine = 17, kGap = 11;
  Range range;
  std::vector<std::string> names;
  for (const IntervalSeries& series : chart.series) {
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
  std::string head = text_element(16, 24, chart.title, {.size = 15, .weight = "600"});
  double top = 40;
  if (names.size() > 1) top += 18 * legend(head, names, 16, 48, kWidth - 20) + 2;
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
    svg += line_element(x, top, x, bottom, "stroke=\"currentColor\" stroke-opacity=\"0.7\" stroke-dasharray=\"4 4\"");
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
                            fmt::format("stroke=\"{}\" stroke-width=\"2\" stroke-linecap=\"round\"", colour(s)));
        text += fmt::format("  [{}, {}]", format_number(value.low), format_number(value.high));
      }
      svg +=
          fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"4.5\" fill=\"{}\"/>\n", at(axis(value.value)), at(y), colour(s));
      svg += text_element(right + 12, y + 4, text, figures);
    }
  }
  return svg + "</svg>\n";
}

std::string ecg_paper_svg(const SignalMatrix& signal, const std::string& caption) {
  if (!(signal.rate > 0) || !std::isfinite(signal.rate))
    fail("an ECG with a rate of {} Hz cannot be drawn", signal.rate);
  DERI_CHECK(signal.values.size() == signal.leads.size() * signal.length);
  using namespace paper;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}mm\" "
      "height=\"{1}mm\" "
      "role=\"img\" aria-label=\"{2}\" {3}>\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"#fffaf8\"/>\n",
      kWidth, kHeight, escape_markup(caption), kFont);
  svg += grid(1, "#f6d5d0", 0.1) + grid(5, "#eab0a8", 0.2);
  for (int row = 0; row < kRows; ++row) {
    const double baseline = kEdge + kRow * (row + 0.6);
    svg += calibration_pulse(baseline);
    if (row == 3) {
      svg += strip(signal, "II", 0, kSeconds, kLeft, baseline);
      continue;
    }
    for (int column = 0; column < 4; ++column) {
      svg += strip(signal, kLayout[row][column], column * kColumnSeconds, kColumnSeconds, kLeft + column * kColumn,
                   baseline);
    }
  }
  svg += fmt::format(
      "<text x=\"{}\" y=\"{}\" font-size=\"3.2\" text-anchor=\"end\" fill=\"#5b5552\">25 mm/s  10 "
      "mm/mV</text>\n",
      kWidth - 2, kHeight - 1.8);
  return svg + "</svg>\n";
}

}  // namespace deri
