#include "deri/experiment/speed_figures.hpp"

#include <cmath>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

SpeedFigure square_growth() {
  return {.key = "growth",
          .title = "Squares",
          .x_name = "side",
          .y_name = "time (s)",
          .lines = {{"area", {1, 2, 4}, {1, 4, 16}}, {"nothing", {3}, {1}}}};
}

TEST(SpeedFigures, ExponentOfGrowth) {
  const SpeedFigure figure = square_growth();
  EXPECT_DOUBLE_EQ(last_exponent(figure.lines[0]), 2);
  EXPECT_TRUE(std::isnan(last_exponent(figure.lines[1])));
}

TEST(SpeedFigures, AsTextJsonAndFigure) {
  SpeedFigure figure = square_growth();
  EXPECT_THAT(to_text(figure), AllOf(HasSubstr("2: 4  4: 16"), HasSubstr("x^2.00"), Not(HasSubstr("nan"))));
  const Json json = to_json(figure);
  EXPECT_EQ(json["lines"][0]["y"], Json({1.0, 4.0, 16.0}));
  EXPECT_EQ(json["key"], "growth");
  EXPECT_THAT(to_svg(figure), AllOf(HasSubstr("Squares"), HasSubstr("time (s)"), HasSubstr("area")));
  figure.logarithmic = false;
  figure.notes = {"as expected"};
  EXPECT_THAT(to_text(figure), AllOf(HasSubstr("as expected"), Not(HasSubstr("4: 16"))));
}

}  // namespace
}  // namespace deri
