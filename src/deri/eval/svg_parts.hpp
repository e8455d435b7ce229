#pragma once
// What the figures of svg.hpp are put together from. Everything returns SVG elements as text; lengths are pixels, y
// grows downwards.

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace deri::svg {

inline constexpr const char* kFont =
    "font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif\"";
inline constexpr const char* kGridLine = "stroke=\"currentColor\" stroke-opacity=\"0.13\"";
inline constexpr const char* kAxisLine = "stroke=\"currentColor\" stroke-opacity=\"0.55\"";
inline constexpr const char* kDashedLine = "stroke=\"currentColor\" stroke-opacity=\"0.7\" stroke-dasharray=\"4 4\"";

// Of series number `series`; after kColours they repeat, and lines are dashed instead (dash()).
inline constexpr std::size_t kColours = 6;
const char* colour(std::size_t series);

// Attributes of a line in its colour, to be put at their end: dashes or dots where the colour has been used before.
const char* dash(std::size_t series);

// About as wide as the text will be.
double text_width(std::string_view text, double font_size);

// Cut to at most `characters`, with an ellipsis.
std::string shortened(const std::string& text, std::size_t characters);

// A coordinate: two decimals are a hundredth of a pixel.
std::string at(double value);

struct TextStyle {
  const char* anchor = "start";
  double size = 12;
  const char* weight = "400";
  double opacity = 1;
};

std::string text_element(double x, double y, std::string_view text, const TextStyle& style);
// Read from below upwards, its middle at (x, y).
std::string upright_text(double x, double y, std::string_view text, const TextStyle& style);
std::string line_element(double x1, double y1, double x2, double y2, std::string_view attributes);
// The start of a figure with its accessible name; ends with "</svg>".
std::string svg_open(double width, double height, const std::string& name);
// The title of a figure of that width, at its top left; smaller letters where it is long.
std::string title_element(const std::string& title, double width);

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void include(double value);  // unless it is not finite
  bool empty() const { return low > high; }
};

// A share of its span wider at both ends, and never a single point.
Range widened(Range range, double share);

struct Axis {
  Range range;
  double from, to;  // pixels of range.low and range.high

  double operator()(double value) const {
    const double share = (value - range.low) / (range.high - range.low);
    return from + share * (to - from);
  }
};

// All ticks of an axis alike, with as many decimals as their distance needs.
std::vector<std::string> tick_labels(const std::vector<double>& ticks);

// The mark of series `i` in a legend, 16 pixels wide from x on, its middle at height y.
using LegendMark = std::function<std::string(std::size_t i, double x, double y)>;
std::string line_mark(std::size_t i, double x, double y);

// A row of names with their marks, from x on; entries that no longer fit go to further lines. Returns the lines used.
int legend(std::string& svg, const std::vector<std::string>& names, double x, double y, double right,
           const LegendMark& mark = line_mark);

}  // namespace deri::svg
