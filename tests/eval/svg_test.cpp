#include "deri/eval/svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "eval/markup_check.hpp"
#include "testing/testing.hpp"

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using testing::markup_error;
using ::testing::Not;
using testing::occurrences;
using ::testing::Pointwise;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr const char* kReplacement = "\xEF\xBF\xBD";

// A figure that stands alone: well formed, with nothing fetched and nothing run.
void expect_sound(const std::string& svg) {
  EXPECT_EQ(markup_error(svg), "") << svg.substr(0, 2000);
  EXPECT_THAT(svg, HasSubstr("xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(occurrences(svg, "http"), 1U);
  for (const char* forbidden : {"<script", "<image", "href", "url(", "nan", "inf"})
    EXPECT_THAT(svg, Not(HasSubstr(forbidden)));
}

TEST(MarkupCheck, FindsWhatIsBroken) {
  EXPECT_EQ(markup_error("<a b=\"1\"><c/>x &amp; y</a>"), "");
  for (const char* broken : {"<a>", "<a></b>", "</a>", "<a b=1></a>", "<a b=\"1\" b=\"2\"/>", "<a>&</a>",
                             "<a>x > y</a>", "<a>1 < 2</a>", "<a b=\"&x\"/>", "<a", "<a>&nbsp;</a>"}) {
    EXPECT_NE(markup_error(broken), "") << broken;
  }
}

TEST(EscapeMarkup, ReplacesTheFiveAndKeepsUtf8) {
  EXPECT_EQ(escape_markup("a<b & \"c\" > 'd'"), "a&lt;b &amp; &quot;c&quot; &gt; &#39;d&#39;");
  EXPECT_EQ(escape_markup("Überleitung – 心電図 𝄞\n\t"), "Überleitung – 心電図 𝄞\n\t");
  EXPECT_EQ(escape_markup(""), "");
}

TEST(EscapeMarkup, ReplacesWhatIsNotText) {
  const std::string mark = kReplacement;
  EXPECT_EQ(escape_markup("a\xE9z"), "a" + mark + "z");          // Latin-1
  EXPECT_EQ(escape_markup("\xE2\x82"), mark + mark);             // cut off
  EXPECT_EQ(escape_markup("\xC0\xAF"), mark + mark);             // overlong
  EXPECT_EQ(escape_markup("\xE0\x80\xAF"), mark + mark + mark);  // overlong
  EXPECT_EQ(escape_markup("\xED\xA0\x80"), mark);                // a surrogate
  EXPECT_EQ(escape_markup("\xF4\x90\x80\x80"), mark);            // beyond U+10FFFF
  EXPECT_EQ(escape_markup(std::string("\x01\0\x1F", 3)), mark + mark + mark);
  EXPECT_EQ(escape_markup("\xEF\xBF\xBF"), mark);  // U+FFFF
}

TEST(EscapeMarkup, AnyBytesBecomeWellFormed) {
  Rng rng(1);
  for (int round = 0; round < 500; ++round) {
    std::string bytes;
    for (int i = 0; i < 60; ++i) bytes += static_cast<char>(rng.below(256));
    const std::string once = escape_markup(bytes);
    EXPECT_EQ(markup_error("<t a=\"" + once + "\">" + once + "</t>"), "");
    EXPECT_EQ(occurrences(escape_markup(once), kReplacement), occurrences(once, kReplacement));
  }
}

TEST(FormatNumber, SaysWhatIsMissing) {
  EXPECT_EQ(format_number(0.81249), "0.812");
  EXPECT_EQ(format_number(-2, 1), "-2.0");
  EXPECT_EQ(format_number(kNaN), "n/a");
}

TEST(NiceTicks, AreRoundAndInside) {
  const auto near = [](const std::vector<double>& expected) { return Pointwise(DoubleNear(1e-9), expected); };
  EXPECT_THAT(nice_ticks(0, 10, 5), near({0, 2, 4, 6, 8, 10}));
  EXPECT_THAT(nice_ticks(0.47, 0.93, 5), near({0.5, 0.6, 0.7, 0.8, 0.9}));
  EXPECT_THAT(nice_ticks(-3e4, 2e4, 5), near({-3e4, -2e4, -1e4, 0, 1e4, 2e4}));
  EXPECT_THROW(nice_ticks(1, 1, 5), InternalError);
}

TEST(NiceTicks, AreFewOnAnyRange) {
  Rng rng(2);
  for (int round = 0; round < 2000; ++round) {
    const double low = rng.normal() * std::pow(10, rng.uniform(-8, 8));
    const double high = low + std::abs(low) * 1e-6 + std::pow(10, rng.uniform(-9, 9));
    const std::vector<double> ticks = nice_ticks(low, high, 6);
    ASSERT_GE(ticks.size(), 3U) << low << " " << high;
    ASSERT_LE(ticks.size(), 10U) << low << " " << high;
    const double slack = 1e-6 * (high - low);
    EXPECT_GE(ticks.front(), low - slack);
    EXPECT_LE(ticks.back(), high + slack);
  }
}

TEST(LineChart, DrawsEverySeriesWithItsName) {
  const std::string svg = line_chart_svg(
      {"Loss & <AUROC>",
       "epoch",
       "loss \"nats\"",
       {{"training", {1, 2, 3, 4}, {9, 7, 6, 5.5}}, {"validation <&>", {1, 2, 3, 4}, {9.5, 8, 7.5, 7}}}});
  expect_sound(svg);
  EXPECT_THAT(svg, HasSubstr("Loss &amp; &lt;AUROC&gt;"));
  EXPECT_THAT(svg, HasSubstr("loss &quot;nats&quot;"));
  EXPECT_THAT(svg, HasSubstr(">training</text>"));
  EXPECT_THAT(svg, HasSubstr(">validation &lt;&amp;&gt;</text>"));
  EXPECT_EQ(occurrences(svg, "<path"), 2U);
  for (const char* tick : {">1<", ">2<", ">3<", ">4<", ">6.0<", ">8.0<"}) EXPECT_THAT(svg, HasSubstr(tick));
  EXPECT_THAT(svg, Not(HasSubstr(">1.5<")));  // no half epochs
}

TEST(LineChart, PutsPointsWhereTheAxesSay) {
  const std::string svg = line_chart_svg({"t", "x", "y", {{"one", {0, 1, 2}, {0, 1, 0}}}});
  const std::size_t path = svg.find("<path d=\"M");
  ASSERT_NE(path, std::string::npos);
  double x[3], y[3];
  ASSERT_EQ(
      std::sscanf(svg.c_str() + path, "<path d=\"M%lf %lfL%lf %lfL%lf %lf", &x[0], &y[0], &x[1], &y[1], &x[2], &y[2]),
      6);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.02);
  EXPECT_DOUBLE_EQ(y[0], y[2]);
  EXPECT_NEAR(y[0] - y[1], 300 / 1.08, 0.02);  // 300 pixels for the range and 4 % at either end; up is smaller
  EXPECT_DOUBLE_EQ(x[2], 700);
}

TEST(LineChart, BreaksAtWhatIsNotFinite) {
  const std::string svg = line_chart_svg({"t", "x", "y", {{"one", {1, 2, 3, 4, 5, 6}, {1, 2, kNaN, 3, kInfinity, 2}}}});
  expect_sound(svg);
  const std::size_t path = svg.find("<path d=\"");
  const std::string data = svg.substr(path, svg.find('"', path + 9) - path);
  EXPECT_EQ(occurrences(data, "M"), 3U);
  EXPECT_EQ(occurrences(data, "L"), 1U);
  EXPECT_EQ(occurrences(svg, "<circle"), 2U);  // the two points that stand alone
}

TEST(LineChart, CopesWithAnyNumbers) {
  EXPECT_THAT(line_chart_svg({"t", "x", "y", {}}), HasSubstr("no data"));
  EXPECT_THAT(line_chart_svg({"t", "x", "y", {{"s", {1}, {kNaN}}}}), HasSubstr("no data"));
  for (const std::vector<double>& values : std::vector<std::vector<double>>{
           {0}, {5, 5, 5}, {1e308, -1e308}, {1e-310, 2e-310}, {-1e-5, 1e-5}, {1e15, 1e15 + 1}}) {
    std::vector<double> x;
    for (std::size_t i = 0; i < values.size(); ++i) x.push_back(static_cast<double>(i));
    expect_sound(line_chart_svg({"t", "x", "y", {{"s", x, values}}}));
    if (std::is_sorted(values.begin(), values.end()))
      expect_sound(line_chart_svg({"t", "x", "y", {{"s", values, values}}}));
  }
}

// Powers of ten apart are as far apart everywhere, and what is not positive is not drawn.
TEST(LineChart, DrawsLogarithms) {
  LineChart chart{"t", "x", "y", {{"one", {1, 10, 100, 10000}, {0.001, 0.1, 0, 10}}}};
  chart.logarithmic = true;
  const std::string svg = line_chart_svg(chart);
  for (const char* label : {">1<", ">10<", ">100<", ">10000<", ">0.001<", ">0.01<"}) EXPECT_THAT(svg, HasSubstr(label));
  const std::size_t begin = svg.find("<path d=\"M") + 10;
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0, x3 = 0, y3 = 0;
  ASSERT_EQ(std::sscanf(svg.c_str() + begin, "%lf %lfL%lf %lfM%lf %lf", &x0, &y0, &x1, &y1, &x3, &y3), 6);
  EXPECT_NEAR(x3 - x0, 4 * (x1 - x0), 0.05);
  EXPECT_NEAR(y3 - y0, 2 * (y1 - y0), 0.05);
}

TEST(LineChart, RefusesSeriesOfTwoLengths) {
  EXPECT_DERI_ERROR(line_chart_svg({"Loss", "x", "y", {{"training", {1, 2}, {1}}}}),
                    HasSubstr("series \"training\" has 2 x values and 1 y values"));
}

// What stands between `before` and the next quote, for every time that `before` occurs.
std::vector<std::string> quoted_after(const std::string& svg, const std::string& before) {
  std::vector<std::string> found;
  for (std::size_t at = svg.find(before); at != std::string::npos; at = svg.find(before, at + 1)) {
    const std::size_t begin = at + before.size();
    found.push_back(svg.substr(begin, svg.find('"', begin) - begin));
  }
  return found;
}

TEST(LineChart, DrawsIntervalsAsAreasBelowTheLines) {
  LineChart chart{"t", "x", "y", {}};
  chart.series.push_back({"a", {0, 1, 2, 3, 4}, {1, 2, 3, 4, 5}, {0, 1, kNaN, 3, 4}, {2, 3, 4, 5, kInfinity}});
  chart.series.push_back({"plain", {0, 1}, {4, 5}});
  const std::string svg = line_chart_svg(chart);
  expect_sound(svg);
  // Points 0 and 1 make an area of four corners; 3 stands alone; 2 and 4 have no interval.
  EXPECT_EQ(occurrences(svg, "fill-opacity=\"0.18\""), 1U);
  EXPECT_EQ(occurrences(svg, "stroke-opacity=\"0.35\""), 1U);
  EXPECT_LT(svg.find("fill-opacity=\"0.18\""), svg.find("fill=\"none\""));
  double x[4], y[4];
  const std::string area = quoted_after(svg, "<path d=\"").front();
  ASSERT_EQ(std::sscanf(area.c_str(), "M%lf %lfL%lf %lfL%lf %lfL%lf %lfZ", &x[0], &y[0], &x[1], &y[1], &x[2], &y[2],
                        &x[3], &y[3]),
            8);
  EXPECT_EQ(x[0], x[3]);
  EXPECT_EQ(x[1], x[2]);
  const double unit = 300 / (1.08 * 5);  // from 0 to 5
  EXPECT_NEAR(y[3] - y[0], 2 * unit, 0.02);
  EXPECT_NEAR(y[2] - y[1], 2 * unit, 0.02);
  EXPECT_NEAR(y[0] - y[1], unit, 0.02);
}

TEST(LineChart, RefusesIntervalsThatDoNotFit) {
  EXPECT_DERI_ERROR(line_chart_svg({"Loss", "x", "y", {{"s", {1, 2}, {1, 2}, {1}, {1}}}}),
                    HasSubstr("series \"s\" has 2 points, but 1 lower and 1 upper ends"));
  EXPECT_DERI_ERROR(line_chart_svg({"Loss", "x", "y", {{"s", {1, 2}, {1, 2}, {1, 2}, {}}}}),
                    HasSubstr("2 lower and 0 upper"));
}

TEST(LineChart, RepetitionsLookAlikeAndStandInTheLegendOnce) {
  const std::string svg =
      line_chart_svg({"Loss", "epoch", "loss", {{"a", {1, 2}, {3, 1}}, {"b", {1, 2}, {2, 1}}, {"a", {1, 2}, {4, 2}}}});
  expect_sound(svg);
  EXPECT_EQ(occurrences(svg, ">a</text>"), 1U);
  EXPECT_EQ(occurrences(svg, "fill=\"none\" stroke=\"#3d7fd1\" stroke-width=\"1.4\""), 2U);
  EXPECT_EQ(occurrences(svg, "fill=\"none\" stroke=\"#d9752b\" stroke-width=\"1.4\""), 1U);
}

TEST(LineChart, DashesLinesWhoseColourHasBeenUsed) {
  LineChart chart{"Loss", "epoch", "loss", {}};
  for (int i = 0; i < 13; ++i) chart.series.push_back({fmt::format("s{}", i), {1, 2}, {1.0 * i, 2.0 * i}});
  const std::string svg = line_chart_svg(chart);
  expect_sound(svg);
  EXPECT_EQ(occurrences(svg, "stroke-linejoin=\"round\"/>"), 6U);
  EXPECT_EQ(occurrences(svg, "stroke-linejoin=\"round\" stroke-dasharray=\"7 5\"/>"), 6U);
  EXPECT_EQ(occurrences(svg, "stroke-linejoin=\"round\" stroke-dasharray=\"1 5\"/>"), 1U);
  EXPECT_EQ(occurrences(svg, "stroke-linecap=\"round\" stroke-dasharray=\"7 5\"/>"), 6U);  // the legend
}

TEST(LineChart, NumbersWhereTheyAreAskedForAndAFallingAxis) {
  LineChart chart{"Leads", "leads left", "AUROC", {{"a", {1, 2, 12}, {.5, .6, .7}}}, {1, 2, 12, 40, kNaN}, false};
  const auto place = [](const std::string& svg, const std::string& number) {
    const std::size_t end = svg.find(fmt::format(">{}</text>", number));
    EXPECT_NE(end, std::string::npos) << number;
    return std::stod(svg.substr(svg.rfind("x=\"", end) + 3));
  };
  const std::string rising = line_chart_svg(chart);
  chart.x_falls = true;
  const std::string falling = line_chart_svg(chart);
  for (const std::string& svg : {rising, falling}) {
    expect_sound(svg);
    EXPECT_THAT(svg, Not(HasSubstr(">40</text>")));
  }
  EXPECT_LT(place(rising, "1"), place(rising, "2"));
  EXPECT_LT(place(rising, "2"), place(rising, "12"));
  EXPECT_EQ(place(falling, "12"), place(rising, "1"));
  EXPECT_EQ(place(falling, "1"), place(rising, "12"));
  // The line goes the same way: its first point, x = 1, is at the right.
  const auto start = [](const std::string& svg) { return std::stod(svg.substr(svg.find("<path d=\"M") + 10)); };
  EXPECT_EQ(start(rising), place(rising, "1"));
  EXPECT_EQ(start(falling), place(falling, "1"));
}

TEST(ScatterChart, DrawsEveryPointOfEveryClass) {
  ScatterChart chart{"Embeddings & <classes>", {}, false};
  Rng rng(5);
  for (const char* name : {"NORM", "MI <&>", "CD"}) {
    ScatterClass one{name};
    for (int i = 0; i < 200; ++i) {
      one.x.push_back(rng.normal());
      one.y.push_back(rng.normal());
    }
    chart.classes.push_back(one);
  }
  chart.classes[0].x[0] = kNaN;
  chart.classes[0].y[1] = kInfinity;
  const std::string svg = scatter_chart_svg(chart);
  expect_sound(svg);
  EXPECT_EQ(occurrences(svg, "h0"), 598U + 3);  // and three in the legend
  for (const char* text : {">NORM<", ">MI &lt;&amp;&gt;<", ">CD<", ">Embeddings &amp; &lt;classes&gt;<"})
    EXPECT_THAT(svg, HasSubstr(text));
  EXPECT_EQ(occurrences(svg, "<text"), 4U);  // no numbers on axes that mean nothing
  EXPECT_EQ(scatter_chart_svg(chart), svg);
}

TEST(ScatterChart, MixesTheClasses) {
  ScatterChart chart{"t", {{"a"}, {"b"}}};
  for (int i = 0; i < 300; ++i) {
    for (ScatterClass& one : chart.classes) {
      one.x.push_back(i);
      one.y.push_back(i);
    }
  }
  // The colours of the elements in the order they are drawn: neither class comes last as a whole.
  std::string order;
  for (const std::string& stroke : quoted_after(scatter_chart_svg(chart), "fill=\"none\" stroke=\"#"))
    order += stroke == "3d7fd1" ? 'a' : 'b';
  EXPECT_GE(occurrences(order, "ab"), 10U);
  EXPECT_GE(occurrences(order, "ba"), 10U);
}

TEST(ScatterChart, OneScaleInBothDirectionsWithoutAxes) {
  ScatterChart chart{"t", {{"a", {0, 10, 0}, {0, 0, 1}}}, false};
  const auto span = [&](const std::string& svg) {
    double low[2] = {1e9, 1e9}, high[2] = {};
    for (const std::string& data : quoted_after(svg, "<path d=\"M")) {
      for (std::size_t at = 0; at != std::string::npos; at = data.find('M', at + 1)) {
        double xy[2];
        EXPECT_EQ(std::sscanf(data.c_str() + at + (at > 0 ? 1 : 0), "%lf %lf", &xy[0], &xy[1]), 2) << data;
        for (int i = 0; i < 2; ++i) {
          low[i] = std::min(low[i], xy[i]);
          high[i] = std::max(high[i], xy[i]);
        }
      }
    }
    return std::pair(high[0] - low[0], high[1] - low[1]);
  };
  const auto [width, height] = span(scatter_chart_svg(chart));
  EXPECT_NEAR(width, 560 / 1.08, 0.2);
  EXPECT_NEAR(height, width / 10, 0.2);
  chart.axes = true;
  chart.x_label = "first";
  chart.y_label = "second";
  const std::string svg = scatter_chart_svg(chart);
  EXPECT_NEAR(span(svg).second, 560 / 1.08, 0.2);
  for (const char* text : {">first<", ">second<", ">10<", ">0.2<"}) EXPECT_THAT(svg, HasSubstr(text));
}

TEST(ScatterChart, EighteenClassesHaveMarksOfTheirOwn) {
  ScatterChart chart{"t"};
  for (int i = 0; i < 18; ++i) chart.classes.push_back({"class " + std::to_string(i), {double(i)}, {double(i)}});
  const std::string svg = scatter_chart_svg(chart);
  expect_sound(svg);
  // Legend marks, without their places: colour and shape.
  std::vector<std::string> marks;
  for (std::size_t at = svg.find("<path"); marks.size() < 18; at = svg.find("<path", at + 1))
    marks.push_back(svg.substr(svg.find("fill=", at), svg.find('>', at) - svg.find("fill=", at)));
  std::sort(marks.begin(), marks.end());
  EXPECT_EQ(std::unique(marks.begin(), marks.end()), marks.end());
}

TEST(ScatterChart, CopesWithAnyNumbersAndRefusesTwoLengths) {
  for (const bool axes : {false, true}) {
    EXPECT_THAT(scatter_chart_svg({"t", {}, axes}), HasSubstr("no data"));
    EXPECT_THAT(scatter_chart_svg({"t", {{"a", {kNaN}, {1}}}, axes}), HasSubstr("no data"));
    for (const std::vector<double>& values :
         std::vector<std::vector<double>>{{0}, {5, 5}, {1e308, -1e308}, {1e-310, 2e-310}, {1e15, 1e15 + 1}}) {
      expect_sound(scatter_chart_svg({"t", {{"a", values, values}}, axes}));
    }
    EXPECT_DERI_ERROR(scatter_chart_svg({"t", {{"a", {1, 2}, {1}}}, axes}),
                      HasSubstr("class \"a\" has 2 x values and 1 y values"));
  }
}

TEST(ScatterChart, ManyPointsStaySmall) {
  ScatterChart chart{"t", {{"a"}}, false};
  Rng rng(6);
  for (int i = 0; i < 20'000; ++i) {
    chart.classes[0].x.push_back(rng.normal());
    chart.classes[0].y.push_back(rng.normal());
  }
  EXPECT_LT(scatter_chart_svg(chart).size(), 400'000U);
}

TEST(UnitSquareChart, DrawsCurvesTheDiagonalAndALegend) {
  const std::string svg = unit_square_chart_svg({"ROC <MI>",
                                                 "false positive rate",
                                                 "true positive rate",
                                                 {{"DERI & co", {0, 0.25, 1}, {0, 0.75, 1}}, {"MERL", {0, 1}, {0, 1}}},
                                                 "chance"});
  expect_sound(svg);
  for (const char* text : {">ROC &lt;MI&gt;<", ">DERI &amp; co<", ">MERL<", ">chance<", ">false positive rate<",
                           ">true positive rate<", ">0.0<", ">0.2<", ">1.0<"})
    EXPECT_THAT(svg, HasSubstr(text));
  EXPECT_EQ(occurrences(svg, "stroke-dasharray"), 2U);  // the diagonal and its mark
  EXPECT_EQ(occurrences(svg, "<path"), 2U);
  EXPECT_EQ(occurrences(svg, "<circle"), 0U);
  double x[3], y[3];
  ASSERT_EQ(std::sscanf(quoted_after(svg, "<path d=\"").front().c_str(), "M%lf %lfh0L%lf %lfL%lf %lf", &x[0], &y[0],
                        &x[1], &y[1], &x[2], &y[2]),
            6);
  EXPECT_DOUBLE_EQ(x[2] - x[0], y[0] - y[2]);  // a square
  EXPECT_DOUBLE_EQ(x[1] - x[0], 0.25 * (x[2] - x[0]));
  EXPECT_DOUBLE_EQ(y[0] - y[1], 0.75 * (y[0] - y[2]));
}

TEST(UnitSquareChart, DotsAtEveryFinitePoint) {
  UnitSquareChart chart{"Reliability", "p", "observed", {{"a", {0.1, kNaN, 0.9}, {0.2, 0.5, 0.8}}}};
  EXPECT_EQ(occurrences(unit_square_chart_svg(chart), "<circle"), 0U);
  chart.series[0].dots = true;
  expect_sound(unit_square_chart_svg(chart));
  EXPECT_EQ(occurrences(unit_square_chart_svg(chart), "<circle"), 2U);
}

TEST(UnitSquareChart, LongTitlesGetSmallerLetters) {
  const auto size_of_title = [](const std::string& title) {
    return std::stod(quoted_after(unit_square_chart_svg({title, "x", "y"}), "font-size=\"").front());
  };
  EXPECT_EQ(size_of_title("short"), 15);
  EXPECT_EQ(size_of_title(""), 15);
  EXPECT_NEAR(size_of_title(std::string(70, 'm')), 550 / 0.6 / 70, 1);
  EXPECT_EQ(size_of_title(std::string(1000, 'm')), 10);
}

TEST(UnitSquareChart, SizesAreAreasAndFigures) {
  const std::string svg = unit_square_chart_svg(
      {"t", "x", "y", {{"one <a>", {0.1, 0.5, kNaN}, {0.2, 0.4, 0.5}, {400, 100, 7}}}, "perfect"});
  expect_sound(svg);
  EXPECT_THAT(quoted_after(svg, " r=\""), ::testing::ElementsAre("10.00", "5.00"));
  EXPECT_THAT(svg, HasSubstr("<title>one &lt;a&gt;: 0.100, 0.200 (400 records)</title>"));
  EXPECT_THAT(svg, HasSubstr("the largest 400"));
}

TEST(UnitSquareChart, CopesWithNothingAndRefusesWhatDoesNotFit) {
  const auto with = [](UnitSquareSeries series) { return unit_square_chart_svg({"t", "x", "y", {std::move(series)}}); };
  expect_sound(unit_square_chart_svg({"t", "x", "y"}));
  expect_sound(with({"s", {}, {}}));
  expect_sound(with({"s", {kNaN}, {0.5}}));
  expect_sound(with({"s", {0.5}, {0.5}, {0}}));
  expect_sound(with({"s", {-1e-12, 1 + 1e-12}, {0, 1}}));
  EXPECT_DERI_ERROR(with({"s", {0, 1}, {0}}), HasSubstr("2 x values, 1 y values"));
  EXPECT_DERI_ERROR(with({"s", {0, 1}, {0, 1}, {1}}), HasSubstr("1 sizes"));
  EXPECT_DERI_ERROR(with({"s", {0, 1.2}, {0, 1}}), HasSubstr("(1.2, 1), outside the unit square"));
  EXPECT_DERI_ERROR(with({"s", {0, kInfinity}, {0, 1}}), HasSubstr("outside the unit square"));
  EXPECT_DERI_ERROR(with({"s", {0.5}, {0.5}, {-1}}), HasSubstr("a point of size -1"));
  EXPECT_DERI_ERROR(with({"s", {0.5}, {0.5}, {kNaN}}), HasSubstr("a point of size nan"));
}

TEST(IntervalChart, ShowsValuesAndIntervalsInFigures) {
  const std::string svg = interval_chart_svg(
      {"AUROC by label",
       "AUROC",
       {"NORM", "MI & <more>"},
       {{"trained", {{0.881, 0.85, 0.9}, {kNaN, kNaN, kNaN}}}, {"untrained", {{0.5, 0.45, 0.55}, {0.52, kNaN, kNaN}}}},
       0.5});
  expect_sound(svg);
  for (const char* text : {"0.881  [0.850, 0.900]", "0.500  [0.450, 0.550]", ">0.520</text>", ">n/a<", ">NORM<",
                           "MI &amp; &lt;more&gt;", ">trained<", ">untrained<", "AUROC"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
  EXPECT_EQ(occurrences(svg, "<circle"), 3U);
  EXPECT_EQ(occurrences(svg, "stroke-dasharray"), 1U);
}

TEST(IntervalChart, TwinsAreHollowInTheColourOfTheSeriesBefore) {
  const Estimate value{0.8, 0.7, 0.9};
  IntervalChart chart{"AUROC", "AUROC", {"row"}, {{"a", {value}}, {"a, untrained", {value}, true}, {"b", {value}}}, {}};
  const std::string svg = interval_chart_svg(chart);
  expect_sound(svg);
  EXPECT_EQ(occurrences(svg, "fill=\"none\" stroke=\"#3d7fd1\""), 2U);  // in the row and in the legend
  EXPECT_EQ(occurrences(svg, "r=\"4.5\" fill=\"#3d7fd1\""), 1U);
  EXPECT_EQ(occurrences(svg, "r=\"4.5\" fill=\"#d9752b\""), 1U);  // b has the second colour
  chart.series.erase(chart.series.begin());
  EXPECT_THROW(interval_chart_svg(chart), InternalError);
}

TEST(IntervalChart, CopesWithNothingAndRefusesWhatDoesNotFit) {
  expect_sound(interval_chart_svg({"t", "x", {}, {}, std::nullopt}));
  expect_sound(interval_chart_svg({"t", "x", {"a"}, {{"s", {{kNaN, kNaN, kNaN}}}}, std::nullopt}));
  expect_sound(interval_chart_svg({"t", "x", {"a"}, {{"s", {{0.5, 0.5, 0.5}}}}, 0.5}));
  EXPECT_DERI_ERROR(interval_chart_svg({"t", "x", {"a", "b"}, {{"s", {{1, 0, 2}}}}, std::nullopt}),
                    HasSubstr("1 values for 2 rows"));
}

// ---- ECG paper ----

SignalMatrix flat_ecg(double rate, double seconds, float millivolts) {
  SignalMatrix signal{standard_leads(), static_cast<std::size_t>(rate * seconds), rate, {}};
  signal.values.assign(signal.leads.size() * signal.length, millivolts);
  return signal;
}

// The coordinates of the trace that follows a lead's name, in hundredths of a millimetre; `number` chooses among equal
// names.
std::string trace_after(const std::string& svg, const std::string& lead, int number = 0) {
  std::size_t at = svg.find(">" + lead + "</text>");
  for (int i = 0; i < number; ++i) at = svg.find(">" + lead + "</text>", at + 1);
  const std::size_t next = svg.find("<text", at), path = svg.find("scale(.01)\" d=\"M", at);
  if (path == std::string::npos || path > next) return "";
  const std::size_t begin = path + 15;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

TEST(EcgPaper, HasTwelveLeadsARhythmStripAndItsScale) {
  const std::string svg = ecg_paper_svg(flat_ecg(100, 10, 0), "Record <7> & \"more\"");
  expect_sound(svg);
  EXPECT_THAT(svg, HasSubstr("aria-label=\"Record &lt;7&gt; &amp; &quot;more&quot;\""));
  for (const std::string& lead : standard_leads())
    EXPECT_EQ(occurrences(svg, ">" + lead + "</text>"), lead == "II" ? 2U : 1U) << lead;
  EXPECT_EQ(occurrences(svg, "h2.5v-10h5v10h2.5"), 4U);  // 1 mV for 0.2 s before each row
  EXPECT_THAT(svg, HasSubstr("25 mm/s  10 mm/mV"));
  EXPECT_THAT(svg, HasSubstr("width=\"270mm\" height=\"130mm\""));
}

TEST(EcgPaper, IsToScale) {
  const std::string zero = ecg_paper_svg(flat_ecg(100, 10, 0), "");
  const std::string one = ecg_paper_svg(flat_ecg(100, 10, 1), "");
  // The first row's baseline is at 23 mm; 1 mV is 10 mm up; 10 ms are 0.25 mm.
  EXPECT_THAT(trace_after(zero, "I"), ::testing::StartsWith("M1500 2300h0l25 0l25 0"));
  EXPECT_THAT(trace_after(one, "I"), ::testing::StartsWith("M1500 1300h0l25 0l25 0"));
  EXPECT_EQ(occurrences(trace_after(one, "I"), "l25 0"), 249U);      // 2.5 s
  EXPECT_EQ(occurrences(trace_after(one, "II", 1), "l25 0"), 999U);  // 10 s
  // aVR's 2.5 s follow those of I, 62.5 mm to the right.
  EXPECT_THAT(trace_after(one, "aVR"), ::testing::StartsWith("M7750 1300"));
  EXPECT_THAT(trace_after(one, "V6"), ::testing::StartsWith("M20250 7300"));
}

TEST(EcgPaper, FindsLeadsByName) {
  SignalMatrix signal = flat_ecg(100, 10, 0);
  signal.leads = mimic_leads();  // aVF before aVL
  for (float& value : signal.lead(4)) value = 0.5F;
  signal.leads[0] = "i";
  const std::string svg = ecg_paper_svg(signal, "");
  EXPECT_THAT(trace_after(svg, "aVF"), ::testing::StartsWith("M7750 7800"));  // 83 mm less 5
  EXPECT_THAT(trace_after(svg, "aVL"), ::testing::StartsWith("M7750 5300"));
  EXPECT_NE(trace_after(svg, "I"), "");
}

TEST(EcgPaper, KeepsEveryPeakAtHighRates) {
  SignalMatrix signal = flat_ecg(1000, 10, 0);
  signal.lead(11)[8123] = 2;  // one sample of V6, which is drawn from 7.5 s on
  const std::string svg = ecg_paper_svg(signal, "");
  EXPECT_EQ(occurrences(trace_after(svg, "V6"), " -2000"), 1U);
  EXPECT_EQ(occurrences(trace_after(svg, "V6"), " 2000"), 1U);
  EXPECT_LT(svg.size(), 60'000U);
}

TEST(EcgPaper, LeavesGapsWhereSamplesAreMissing) {
  SignalMatrix signal = flat_ecg(100, 10, 0);
  for (std::size_t i = 50; i < 60; ++i) signal.lead(0)[i] = std::numeric_limits<float>::quiet_NaN();
  const std::string trace = trace_after(ecg_paper_svg(signal, ""), "I");
  EXPECT_EQ(occurrences(trace, "M"), 2U);
  EXPECT_THAT(trace, HasSubstr("M3000 2300"));  // 0.6 s
}

TEST(EcgPaper, ShortAndIncompleteRecordingsLeaveTheirPlaceEmpty) {
  const std::string three_seconds = ecg_paper_svg(flat_ecg(100, 3, 0), "");
  expect_sound(three_seconds);
  EXPECT_EQ(occurrences(trace_after(three_seconds, "aVR"), "l25 0"), 49U);
  EXPECT_EQ(trace_after(three_seconds, "V4"), "");

  SignalMatrix signal{{"II"}, 1000, 100, std::vector<float>(1000, 0)};
  const std::string one_lead = ecg_paper_svg(signal, "");
  expect_sound(one_lead);
  EXPECT_NE(trace_after(one_lead, "II", 1), "");
  EXPECT_EQ(trace_after(one_lead, "V1"), "");
  expect_sound(ecg_paper_svg({{}, 0, 100, {}}, ""));
  // Beyond ten seconds nothing more is drawn.
  EXPECT_EQ(ecg_paper_svg(flat_ecg(100, 30, 0), ""), ecg_paper_svg(flat_ecg(100, 10, 0), ""));
}

TEST(EcgPaper, CopesWithAnySampleAndRefusesARateOfNothing) {
  SignalMatrix signal = flat_ecg(37.5, 4, 3e38F);
  signal.values[5] = -3e38F;
  signal.values[7] = std::numeric_limits<float>::infinity();
  expect_sound(ecg_paper_svg(signal, ""));
  for (const double rate : {1e-300, 1e300}) {
    signal.rate = rate;
    expect_sound(ecg_paper_svg(signal, ""));
  }
  for (const double rate : {0.0, -1.0, kNaN, kInfinity}) {
    signal.rate = rate;
    EXPECT_DERI_ERROR(ecg_paper_svg(signal, ""), HasSubstr("cannot be drawn"));
  }
}

}  // namespace
}  // namespace deri
