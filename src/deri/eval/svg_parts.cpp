#include "deri/eval/svg_parts.hpp"

#include <algorithm>
#include <array>

#include "deri/base/error.hpp"
#include "deri/eval/svg.hpp"

namespace deri::svg {
namespace {

// Of middle lightness: at least 3:1 against white and against near-black.
constexpr std::array<const char*, kColours> kPalette = {"#3d7fd1", "#d9752b", "#2f9e70",
                                                        "#c2528b", "#8b6fd0", "#8a8a3a"};

}  // namespace

const char* colour(std::size_t series) {
  return kPalette[series % kColours];
}

const char* dash(std::size_t series) {
  constexpr std::array<const char*, 3> kDashes = {"", " stroke-dasharray=\"7 5\"", " stroke-dasharray=\"1 5\""};
  return kDashes[series / kColours % kDashes.size()];
}

// Rough: sans-serif letters are a little over half as wide as the font is high.
double text_width(std::string_view text, double font_size) {
  const auto characters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
  return 0.56 * font_size * static_cast<double>(characters);
}

std::string shortened(const std::string& text, std::size_t characters) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80) continue;
    if (++seen > characters) return text.substr(0, i) + "…";
  }
  return text;
}

std::string at(double value) {
  return fmt::format("{:.2f}", value + 0.0);
}

std::string text_element(double x, double y, std::string_view text, const TextStyle& style) {
  return fmt::format(
      "<text x=\"{}\" y=\"{}\" font-size=\"{}\" font-weight=\"{}\" text-anchor=\"{}\" "
      "fill=\"currentColor\" fill-opacity=\"{}\">{}</text>\n",
      at(x), at(y), style.size, style.weight, style.anchor, style.opacity, deri::escape_markup(text));
}

std::string upright_text(double x, double y, std::string_view text, const TextStyle& style) {
  return fmt::format("<g transform=\"translate({} {}) rotate(-90)\">{}</g>\n", at(x), at(y),
                     text_element(0, 0, text, style));
}

std::string line_element(double x1, double y1, double x2, double y2, std::string_view attributes) {
  return fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", at(x1), at(y1), at(x2), at(y2),
                     attributes);
}

std::string svg_open(double width, double height, const std::string& name) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" "
      "role=\"img\" aria-label=\"{2}\" {3}>\n",
      width, height, deri::escape_markup(name), kFont);
}

std::string title_element(const std::string& title, double width) {
  constexpr double kMargin = 16, kSize = 15, kSmallest = 10;
  const double wanted = 1.08 * text_width(title, kSize);  // bold
  const double size = wanted > 0 ? std::clamp(kSize * (width - 2 * kMargin) / wanted, kSmallest, kSize) : kSize;
  return text_element(kMargin, 24, title, {.size = std::floor(10 * size) / 10, .weight = "600"});
}

void Range::include(double value) {
  if (!std::isfinite(value)) return;
  value = std::clamp(value, -1e300, 1e300);  // spans stay finite
  low = std::min(low, value);
  high = std::max(high, value);
}

Range widened(Range range, double share) {
  const double span = range.high - range.low;
  const double largest = std::max(std::abs(range.low), std::abs(range.high));
  double margin = share * span;
  if (span <= 1e-9 * largest || span < 1e-300) margin = largest > 1e-300 ? 0.05 * largest : 0.5;
  return {range.low - margin, range.high + margin};
}

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

std::string line_mark(std::size_t i, double x, double y) {
  return line_element(x, y, x + 16, y,
                      fmt::format("stroke=\"{}\" stroke-width=\"3\" stroke-linecap=\"round\"{}", colour(i), dash(i)));
}

int legend(std::string& svg, const std::vector<std::string>& names, double x, double y, double right,
           const LegendMark& mark) {
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
    svg += mark(i, cursor, y - 4);
    svg += text_element(cursor + 22, y, name, {});
    cursor += width;
  }
  return lines;
}

}  // namespace deri::svg
