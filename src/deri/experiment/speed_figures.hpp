#pragma once
// What `deri bench` measures as lines rather than as one number: how a cost grows, how a loss falls.

#include <string>
#include <vector>

#include "deri/base/json.hpp"

namespace deri {

struct SpeedLine {
  std::string name;
  std::vector<double> x = {}, y = {};  // of one length, x rising
};

struct SpeedFigure {
  std::string key;                    // of its file
  std::string title, x_name, y_name;  // with units: "time of a step (s)"
  bool logarithmic = true;            // both axes; the lines are costs, whose exponents of growth are of interest
  std::vector<SpeedLine> lines = {};
  std::vector<std::string> notes = {};
};

// The exponent b of y = a x^b between the line's last two points; NaN of fewer.
double last_exponent(const SpeedLine& line);

Json to_json(const SpeedFigure& figure);
// For the terminal: the notes, and the values if they are costs.
std::string to_text(const SpeedFigure& figure);
std::string to_svg(const SpeedFigure& figure);

}  // namespace deri
