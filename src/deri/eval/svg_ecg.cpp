#include <algorithm>
#include <cmath>
#include <span>

#include "deri/base/error.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/eval/svg.hpp"
#include "deri/eval/svg_parts.hpp"

namespace deri {
namespace {

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
      kWidth, kHeight, escape_markup(caption), svg::kFont);
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
