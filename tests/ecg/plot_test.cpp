// Pictures of a calibration signal, measured in millimetres.

#include "deri/ecg/plot.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <regex>
#include <sstream>

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

constexpr double kLeft = 26;                                  // mm, of the traces
constexpr std::array<double, 4> kRowLines{57, 97, 137, 177};  // mm, of I, II, III and the strip

// 1 mV for 0.2 s in every second, from 0.4 s on; 0 else.
Recording calibration(double seconds = 10, double rate = 500) {
  Recording recording;
  recording.rate = rate;
  recording.source = "cal.csv";
  for (const std::string& name : standard_leads()) {
    Lead lead{name, {}};
    for (int k = 0; k < static_cast<int>(seconds * rate); ++k) {
      const double time = std::fmod(k / rate, 1.0);
      lead.samples.push_back(time >= 0.4 - 1e-9 && time < 0.6 - 1e-9 ? 1.0F : 0.0F);
    }
    recording.leads.push_back(lead);
  }
  return recording;
}

struct Point {
  double x, y;
};
using Path = std::vector<Point>;  // a jump begins a path of its own

// The traces of an SVG picture: strokes of 0.26 mm.
std::vector<Path> traces(const std::string& svg) {
  std::vector<Path> paths;
  const std::regex stroke("<path style=\"[^\"]*stroke-width:0.26;[^\"]*\" d=\"([^\"]*)\"");
  for (auto match = std::sregex_iterator(svg.begin(), svg.end(), stroke); match != std::sregex_iterator(); ++match) {
    std::istringstream words((*match)[1]);
    std::string kind;
    for (Point point{}; words >> kind >> point.x >> point.y;) {
      if (kind == "M") paths.emplace_back();
      paths.back().push_back(point);
    }
  }
  return paths;
}

// The height of a path's line at x, mm.
double height_at(const Path& path, double x) {
  for (std::size_t i = 1; i < path.size(); ++i) {
    const Point &a = path[i - 1], &b = path[i];
    if (a.x <= x && x <= b.x && a.x < b.x) return a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x);
  }
  ADD_FAILURE() << "no line at " << x;
  return 0;
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

class Plot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_cairo()) GTEST_SKIP() << "built without cairo";
  }
};

TEST_F(Plot, ThreeByFourIsOnePageOfA4) {
  const std::string svg = render_ecg(calibration(), PlotFormat::kSvg);
  EXPECT_THAT(svg, HasSubstr("width=\"297mm\" height=\"210mm\" viewBox=\"0 0 297 210\""));
  const std::string pdf = render_ecg(calibration(), PlotFormat::kPdf);
  EXPECT_EQ(pdf.substr(0, 5), "%PDF-");
  EXPECT_THAT(pdf, HasSubstr("/MediaBox [ 0 0 841.889764 595.275591 ]"));
  const std::string png = render_ecg(calibration(), PlotFormat::kPng, {.dpi = 100});
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1A\n");
  EXPECT_EQ(big_endian(png, 16), 1169U);
  EXPECT_EQ(big_endian(png, 20), 827U);
}

TEST_F(Plot, MillivoltsAndSecondsAreMillimetres) {
  const std::vector<Path> paths = traces(render_ecg(calibration(), PlotFormat::kSvg));
  ASSERT_EQ(paths.size(), 13U);
  for (std::size_t i = 0; i < 12; ++i) {
    const double left = kLeft + 62.5 * static_cast<double>(i / 3), line = kRowLines[i % 3];
    const Path& path = paths[i];
    EXPECT_NEAR(path.front().x, left, 0.01) << i;
    EXPECT_NEAR(path.back().x, left + 62.5, 0.06) << i;
    for (int second = 0; second < 10; ++second) {
      const double from = (second + 0.4) * 25 + kLeft, to = from + 0.2 * 25;
      if (from < left || to > left + 62.5) continue;
      EXPECT_NEAR(height_at(path, from - 0.2), line, 0.01);
      EXPECT_NEAR(height_at(path, from + 0.1), line - 10, 0.01);
      EXPECT_NEAR(height_at(path, to - 0.1), line - 10, 0.01);
      EXPECT_NEAR(height_at(path, to + 0.2), line, 0.01);
    }
  }
  const Path& strip = paths[12];
  EXPECT_NEAR(strip.front().x, kLeft, 0.01);
  EXPECT_NEAR(strip.back().x, kLeft + 250, 0.06);
  for (int second = 0; second < 10; ++second) {
    EXPECT_NEAR(height_at(strip, kLeft + second * 25 + 12.5), kRowLines[3] - 10, 0.01);
    EXPECT_NEAR(height_at(strip, kLeft + second * 25 + 5), kRowLines[3], 0.01);
  }
}

TEST_F(Plot, SpeedAndGain) {
  PlotOptions options{.layout = PlotLayout::kRows, .seconds = 4, .mm_per_second = 50, .mm_per_millivolt = 5};
  const std::vector<Path> paths = traces(render_ecg(calibration(), PlotFormat::kSvg, options));
  ASSERT_EQ(paths.size(), 12U);
  const double line = height_at(paths[0], kLeft + 10);
  EXPECT_NEAR(height_at(paths[0], kLeft + 25), line - 5, 0.01);
  EXPECT_NEAR(height_at(paths[0], kLeft + 175), line - 5, 0.01);
  EXPECT_NEAR(paths[0].back().x, kLeft + 200, 0.11);
}

TEST_F(Plot, StartMovesTheWindow) {
  const std::vector<Path> paths =
      traces(render_ecg(calibration(30), PlotFormat::kSvg, {.layout = PlotLayout::kRows, .start = 12.5, .seconds = 2}));
  // Half way through a pulse.
  EXPECT_NEAR(height_at(paths[0], kLeft + 1), height_at(paths[0], kLeft + 10) - 10, 0.01);
}

TEST_F(Plot, MissingSamplesAreGaps) {
  Recording recording = calibration();
  for (std::size_t k = 250; k < 500; ++k) recording.leads[0].samples[k] = std::numeric_limits<float>::quiet_NaN();
  recording.leads[1].samples[600] = std::numeric_limits<float>::infinity();
  const std::vector<Path> paths = traces(render_ecg(recording, PlotFormat::kSvg, {.layout = PlotLayout::kRows}));
  ASSERT_EQ(paths.size(), 14U);
  EXPECT_NEAR(paths[0].back().x, kLeft + 249 / 20.0, 0.01);
  EXPECT_NEAR(paths[1].front().x, kLeft + 500 / 20.0, 0.01);
}

TEST_F(Plot, ALeadIsDrawnAroundItsMedian) {
  Recording recording = calibration();
  for (float& sample : recording.leads[0].samples) sample += 7;
  const std::vector<Path> paths = traces(render_ecg(recording, PlotFormat::kSvg));
  EXPECT_NEAR(height_at(paths[0], kLeft + 5), kRowLines[0], 0.01);
}

TEST_F(Plot, OtherLeadsAndShortRecordingsComeInRows) {
  Recording recording = calibration(1);
  EXPECT_EQ(traces(render_ecg(recording, PlotFormat::kSvg)).size(), 12U);
  recording = calibration();
  recording.leads.resize(2);
  recording.leads.push_back({"Resp", std::vector<float>(5000, 1), "Ohm"});
  recording.leads[1].name = "ECG <2> & more";
  const std::string svg = render_ecg(recording, PlotFormat::kSvg);
  EXPECT_EQ(traces(svg).size(), 2U);
  EXPECT_THAT(svg, HasSubstr("width=\"297mm\" height=\"100mm\""));
}

TEST_F(Plot, TheSameBytesEachTime) {
  Recording recording = calibration();
  for (const PlotFormat format : {PlotFormat::kPng, PlotFormat::kSvg, PlotFormat::kPdf})
    EXPECT_TRUE(render_ecg(recording, format) == render_ecg(recording, format));
  EXPECT_NE(render_ecg(recording, PlotFormat::kPdf).find("19700101000000"), std::string::npos);
  recording.recorded_at = "2014-03-01T10:20:30";
  EXPECT_NE(render_ecg(recording, PlotFormat::kPdf).find("20140301102030"), std::string::npos);
}

TEST_F(Plot, WordsOfAnyKind) {
  Recording recording = calibration();
  const std::string without = render_ecg(recording, PlotFormat::kSvg);
  recording.patient = {.id = std::string(500, 'W') + "\xFF\xE2\x82", .age = 1e300, .sex = "female"};
  recording.recorded_at = "\xC3(";
  recording.statements = {"Sch\xFCler", std::string(3000, '\xFC')};
  recording.filters = {.high_pass = 0.05, .low_pass = 150, .notch = 50};
  EXPECT_NE(render_ecg(recording, PlotFormat::kSvg), without);
  recording = calibration();
  recording.leads[3].samples[7] = 1e38F;
  recording.leads[4].samples[7] = -1e38F;
  EXPECT_NO_THROW(render_ecg(recording, PlotFormat::kPdf));
  const std::string patient = render_ecg(recording, PlotFormat::kSvg);
  recording.patient.id = "secret";
  recording.recorded_at = "2014-03-01T10:20:30";
  EXPECT_TRUE(render_ecg(recording, PlotFormat::kSvg, {.show_patient = false}) == patient);
}

TEST_F(Plot, FilesAppearWholeOrNotAtAll) {
  const TemporaryDirectory folder;
  for (const char* name : {"a.png", "a.SVG", "a.pdf"}) {
    plot_ecg(calibration(), folder.path() / name);
    EXPECT_GT(std::filesystem::file_size(folder.path() / name), 10000U);
  }
  EXPECT_DERI_ERROR(plot_ecg(calibration(), folder.path() / "a.jpg"), HasSubstr("a.jpg: plots are written as"));
  EXPECT_DERI_ERROR(plot_ecg(calibration(), folder.path() / "none" / "a.png"), HasSubstr("a.png"));
  EXPECT_DERI_ERROR(plot_ecg(Recording{}, folder.path() / "b.png"), HasSubstr("nothing to draw"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "b.png"));
}

TEST_F(Plot, WhatCannotBeDrawnIsAnError) {
  const auto refused = [](const Recording& recording, const PlotOptions& options, const char* words) {
    EXPECT_DERI_ERROR(render_ecg(recording, PlotFormat::kSvg, options), HasSubstr(words));
  };
  Recording recording = calibration();
  refused(recording, {.start = 10}, "cal.csv: nothing to draw after second 10");
  refused(recording, {.seconds = 0}, "seconds of a plot must be 1 to 60");
  refused(recording, {.seconds = std::numeric_limits<double>::quiet_NaN()}, "seconds of a plot");
  refused(recording, {.mm_per_second = 1e9}, "mm per second");
  refused(recording, {.mm_per_millivolt = 0}, "mm per mV");
  refused(recording, {.dpi = 1e6}, "dpi");
  recording.leads.erase(recording.leads.begin() + 3);
  refused(recording, {.layout = PlotLayout::kThreeByFour}, "lead aVR is missing");
  for (Lead& lead : recording.leads) lead.unit = "Ohm";
  refused(recording, {}, "holds no voltage");
  recording = calibration();
  recording.rate = 0;
  refused(recording, {}, "nothing to draw");
  recording = calibration();
  recording.leads = std::vector<Lead>(100, recording.leads[0]);
  refused(recording, {}, "100 leads are more than fit");
  recording.leads.resize(60);
  EXPECT_DERI_ERROR(render_ecg(recording, PlotFormat::kPng, {.seconds = 60, .mm_per_second = 100, .dpi = 600}),
                    HasSubstr("too large"));
}

}  // namespace
}  // namespace deri
