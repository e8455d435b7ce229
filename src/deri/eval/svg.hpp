#pragma once
// Figures as SVG text, to stand inside an HTML page or alone in a file: no scripts, no fonts or images from elsewhere.
// Text and axes are drawn in the colour of the surrounding text, so charts are readable on light and dark pages. All
// names and titles are escaped.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deri/ecg/recording.hpp"
#include "deri/eval/bootstrap.hpp"

namespace deri {

// Text that may stand in XML or HTML, attributes included: & < > " ' become entities; bytes that are not valid UTF-8
// and characters that XML forbids become U+FFFD.
std::string escape_markup(std::string_view text);

// A decimal number for readers; "n/a" for NaN.
std::string format_number(double value, int decimals = 3);

// Round numbers (1, 2 or 5 times a power of ten apart) that lie in [low, high]: about `count` of them. low < high, both
// finite.
std::vector<double> nice_ticks(double low, double high, int count);

struct Series {
  std::string name;
  // Of one length, x rising; the line breaks at values that are not finite.
  std::vector<double> x = {}, y = {};
  // Both empty, or one per point: the ends of an interval, drawn as a pale area around the line; none where not finite.
  std::vector<double> low = {}, high = {};
};

struct LineChart {
  std::string title, x_label, y_label;  // with units where there are any: "time (min)"
  std::vector<Series> series;
  std::vector<double> x_ticks = {};  // where the x axis has its numbers; empty: at round ones
  bool x_falls = false;              // the highest x stands at the left
  bool logarithmic = false;          // both axes; what is not positive is left out
};

// A line per series, and a legend if there are several. Series of one name, repetitions of one thing, are drawn alike
// and stand in the legend once. A chart without a finite point says so. Throws Error if a series' vectors differ in
// length.
std::string line_chart_svg(const LineChart& chart);

struct IntervalSeries {
  std::string name;
  std::vector<Estimate> values;  // one per row; a NaN value is drawn as "n/a"
  // Belongs to the series before it: in the same colour, with a hollow dot. Not for the first series.
  bool twin = false;
};

struct IntervalChart {
  std::string title, x_label;
  std::vector<std::string> rows;
  std::vector<IntervalSeries> series;  // e.g. trained, untrained; drawn in each row one below the other
  std::optional<double> reference;     // a dashed vertical line, e.g. 0.5 where chance lies
};

// A forest plot: a dot and a whisker from low to high per row and series, the value in figures at the right. Throws
// Error if a series has not one value per row.
std::string interval_chart_svg(const IntervalChart& chart);

struct ScatterClass {
  std::string name;
  std::vector<double> x = {}, y = {};  // of one length; points that are not finite are left out
};

struct ScatterChart {
  std::string title;
  std::vector<ScatterClass> classes = {};
  // Without axes only the points' places among each other count, as in t-SNE: a frame, one scale for both directions.
  bool axes = true;
  std::string x_label = {}, y_label = {};  // with axes only
};

// Small dots, coloured by class, and a legend if there are several classes. The points of all classes are drawn in one
// mixed order (the same every time), so that no class hides the others. 18 classes have different marks, then these
// repeat. A chart without a finite point says so. Throws Error if a class's x and y differ in length.
std::string scatter_chart_svg(const ScatterChart& chart);

struct UnitSquareSeries {
  std::string name;
  std::vector<double> x = {}, y = {};  // of one length, in [0, 1]; the line breaks at values that are not finite
  // Empty, or one per point, at least 0: how much the point stands for. Points then are dots, their areas in this
  // proportion, the same for all series.
  std::vector<double> sizes = {};
  bool dots = false;  // without sizes: a small dot at every point of the line
};

struct UnitSquareChart {
  std::string title, x_label, y_label;
  std::vector<UnitSquareSeries> series = {};
  std::string diagonal = {};          // what the dashed line from (0, 0) to (1, 1) means: "chance"
  std::string size_unit = "records";  // of `sizes`
};

// Curves on [0, 1] x [0, 1] with the diagonal: ROC curves, reliability curves. A legend if there are several series or
// the diagonal has a meaning. Throws Error if a series' vectors differ in length, or for values outside their range.
std::string unit_square_chart_svg(const UnitSquareChart& chart);

// An ECG as on paper, 25 mm/s and 10 mm/mV: three rows of four leads (I aVR V1 V4, II aVL V2 V5, III aVF V3 V6), 2.5 s
// each and consecutive in time, a rhythm strip of lead II below, the calibration pulse of 1 mV and 0.2 s before each
// row, grid lines every 1 and 5 mm. The first 10 s are drawn; a shorter recording leaves the rest empty, a lead that is
// absent its place, and NaN a gap. The SVG is measured in millimetres. `caption` is its accessible name. Throws Error
// if the rate is not positive.
std::string ecg_paper_svg(const SignalMatrix& signal, const std::string& caption);

}  // namespace deri
