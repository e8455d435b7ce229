#include "deri/ecg/table.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "testing/testing.hpp"
#include <fmt/format.h>

#include "deri/base/npy.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

ReadOptions options_with(std::optional<double> rate, const std::string& unit,
                         const std::vector<std::string>& leads = {}) {
  ReadOptions options;
  options.rate = rate;
  options.unit = unit;
  options.leads = leads;
  return options;
}

Recording csv(const std::string& text, const ReadOptions& options = {}) {
  return parse_csv_recording(text, "x.csv", options);
}

TEST(CsvRecording, ReadsNamedColumns) {
  const Recording recording =
      csv("\xEF\xBB\xBFI, avr ,\"V1\"\r\n1,-2,0.5\r\n3,4e1,+6\r\n\r\n", options_with(250, "uV"));
  EXPECT_EQ(recording.format, "CSV");
  EXPECT_EQ(recording.source, "x.csv");
  EXPECT_DOUBLE_EQ(recording.rate, 250);
  ASSERT_EQ(recording.leads.size(), 3U);
  EXPECT_EQ(recording.leads[1].name, "aVR");
  EXPECT_EQ(recording.leads[2].name, "V1");
  EXPECT_THAT(recording.leads[0].samples, ElementsAre(0.001F, 0.003F));
  EXPECT_THAT(recording.leads[1].samples, ElementsAre(-0.002F, 0.04F));
  EXPECT_THAT(recording.leads[2].samples, ElementsAre(0.0005F, 0.006F));
}

TEST(CsvRecording, HeaderMayGiveUnits) {
  const Recording recording = csv("I (mV);II [uV];Resp (Ohm)\n1;2000;3\n", options_with(100, ""));
  EXPECT_THAT(recording.leads[0].samples, ElementsAre(1));
  EXPECT_THAT(recording.leads[1].samples, ElementsAre(2));
  EXPECT_EQ(recording.leads[1].unit, "mV");
  EXPECT_THAT(recording.leads[2].samples, ElementsAre(3));
  EXPECT_EQ(recording.leads[2].unit, "Ohm");
}

TEST(CsvRecording, MissingSamplesAreNaN) {
  const Recording recording = csv("I\tII\n\t1\nNaN\t2\n3\t\n", options_with(100, "mV"));
  EXPECT_TRUE(std::isnan(recording.leads[0].samples[0]));
  EXPECT_TRUE(std::isnan(recording.leads[0].samples[1]));
  EXPECT_EQ(recording.leads[0].samples[2], 3);
  EXPECT_TRUE(std::isnan(recording.leads[1].samples[2]));
  // One column: an empty line is a missing sample, the last one is none.
  EXPECT_EQ(csv("I\n1\n\n3\n\n", options_with(100, "mV")).length(), 3U);
}

TEST(CsvRecording, WithoutHeaderTheLeadsMustBeGiven) {
  const std::string text = "1,2\n3,4\n";
  const Recording recording = csv(text, options_with(100, "mV", {"v2", "I"}));
  EXPECT_EQ(recording.leads[0].name, "V2");
  EXPECT_THAT(recording.leads[1].samples, ElementsAre(2, 4));
  EXPECT_DERI_ERROR(csv(text), AllOf(HasSubstr("--rate"), HasSubstr("--unit"), HasSubstr("--leads")));
  EXPECT_DERI_ERROR(csv(text, options_with(100, "mV", {"I"})), HasSubstr("2 columns, and 1 leads"));
}

TEST(CsvRecording, TimeColumnGivesTheRate) {
  EXPECT_DOUBLE_EQ(csv("time (ms),I (mV)\n0,1\n2,1\n4,1\n").rate, 500);
  EXPECT_DOUBLE_EQ(csv("I (mV),time_s\n1,10\n1,10.004\n1,10.008\n").rate, 250);
  EXPECT_DOUBLE_EQ(csv("seconds,I (mV)\n0,1\n0.01,1\n").rate, 100);
  EXPECT_DOUBLE_EQ(csv("T [us],I (mV)\n-1000,1\n0,1\n1000,1\n").rate, 1000);
  EXPECT_EQ(csv("time (ms),I (mV)\n0,1\n2,1\n4,1\n").leads.size(), 1U);
  EXPECT_DOUBLE_EQ(csv("time_s,I (mV)\n0,1\n4,1\n8,1\n").rate, 0.25);
}

TEST(CsvRecording, TimesMayBeRoundedButNotLost) {
  // 360 Hz in whole milliseconds.
  const auto text = [](int lost) {
    std::string rows = "time_ms,I (mV)\n";
    for (int i = 0; i < 3600; ++i)
      if (i != lost) rows += fmt::format("{},0\n", std::lround(i * 1000 / 360.0));
    return rows;
  };
  EXPECT_DOUBLE_EQ(csv(text(-1)).rate, 360);
  for (const int lost : {1, 1800, 3598}) EXPECT_DERI_ERROR(csv(text(lost)), HasSubstr("not evenly spaced"));
}

TEST(CsvRecording, TimeWithoutUnitNeedsARate) {
  const std::string text = "time,I (mV)\n0,1\n1,1\n";
  EXPECT_DERI_ERROR(csv(text), AllOf(HasSubstr("does not say its unit"), HasSubstr("--rate")));
  const Recording recording = csv(text, options_with(500, ""));
  EXPECT_DOUBLE_EQ(recording.rate, 500);
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("'time'")));
}

TEST(CsvRecording, RefusesWhatIsDamagedOrNotSaid) {
  const ReadOptions rate = options_with(100, "");
  const ReadOptions both = options_with(100, "mV");
  const std::vector<std::tuple<std::string, ReadOptions, const char*>> cases{
      {"", both, "x.csv: is empty"},
      {"I,II\n", both, "x.csv: has no row"},
      {"I,II\n1,2\n", options_with({}, "mV"), "--rate"},
      {"I,II\n1,2\n", rate, "--unit"},
      {"I (mV),II\n1,2\n", rate, "the column 'II' does not say its unit"},
      {"I,II\n1,2\n", options_with(100, "pints"), "'pints' is not a voltage"},
      {"I (mV)\n1\n", options_with(100, "uV"), "the column 'I' is in mV, --unit says uV"},
      {"I,II\n1,2\n", options_with(0, "mV"), "0 Hz makes no sense"},
      {"I,II\n1,2\n", options_with(100, "mV", {"II", "I"}), "--leads says otherwise"},
      {"time_s,I (mV)\n0,1\n0.01,1\n", options_with(200, ""), "--rate says 200"},
      {"I,II\n1,2\n3\n", both, "x.csv:3: 1 cells where the first row has 2"},
      {"I,II\n1,2,3\n", both, "x.csv:2: 3 cells"},
      {"I,II\n1,2\n\n3,4\n", both, "x.csv:3: 1 cells"},
      {"I,II\n1,x\n", both, "x.csv:2: 'x' in column 2 is not a number"},
      {"I;II\n1;0,5\n", both, "'0,5' in column 2 is not a number (decimals are written with a point)"},
      {"I,II\n1,inf\n", both, "'inf' in column 2"},
      {"I,II\n1,1e999\n", both, "'1e999' in column 2"},
      {"I,II\n1,\"2\n", both, "'\"2' in column 2"},
      {"I,II\n1,=1+1\n", both, "'=1+1'"},
      {std::string("I,II\n1,\0\n", 9), both, "'?' in column 2"},
      {"I,i\n1,2\n", both, "lead I appears twice"},
      {",I\n0,1\n", both, "x.csv:1: column 1 has no name"},
      {" (mV),I\n0,1\n", both, "x.csv:1: column 1 has no name"},
      {"0,1,2\n5,6,7\n", options_with(100, "mV", {"I", "II", "III"}), "counts 0, 1, 2"},
      {"time_s,t (ms),I\n0,0,1\n", both, "2 time columns"},
      {"time_s\n0\n", both, "no column of samples"},
      {"time_s,I (mV)\n0,1\n", ReadOptions(), "one time gives no sampling rate"},
      {"time_s,I (mV)\n0,1\n0,1\n", ReadOptions(), "not evenly spaced"},
      {"time_s,I (mV)\n2,1\n1,1\n", ReadOptions(), "not evenly spaced"},
      {"time_s,I (mV)\n0,1\n,1\n2,1\n", ReadOptions(), "not evenly spaced"},
      {"time_s,I (mV)\n0,1\n1e-300,1\n", ReadOptions(), "makes no sense"},
      {"time_s,I (mV)\n-1e308,1\n1e308,1\n", ReadOptions(), "not evenly spaced"},
      {"I" + std::string(2000, ',') + "\n", both, "more than 1024 columns"},
      {"I\n1" + std::string(2000000, ',') + "\n", both, "more than 1024 columns"},
  };
  for (const auto& [text, options, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(csv(text, options), AllOf(StartsWith("x.csv:"), HasSubstr(message)));
  }
}

// ---- NPY

template <typename T>
std::string npy(const std::vector<std::int64_t>& shape, const std::vector<T>& values) {
  const TemporaryDirectory folder;
  write_npy<T>(folder.path() / "a.npy", shape, values);
  return read_file(folder.path() / "a.npy");
}

TEST(NpyRecording, ReadsEveryTypeEitherWay) {
  const ReadOptions options = options_with(500, "uV", {"I", "II"});
  const auto check = [&](const std::string& content) {
    const Recording recording = parse_npy_recording(content, "x.npy", options);
    EXPECT_DOUBLE_EQ(recording.rate, 500);
    EXPECT_EQ(recording.format, "NumPy array");
    EXPECT_THAT(recording.leads.at(0).samples, ElementsAre(0.001F, 0.002F, 0.003F));
    EXPECT_THAT(recording.leads.at(1).samples, ElementsAre(-0.001F, -0.002F, -0.003F));
  };
  check(npy<float>({2, 3}, {1, 2, 3, -1, -2, -3}));
  check(npy<double>({2, 3}, {1, 2, 3, -1, -2, -3}));
  check(npy<std::int16_t>({2, 3}, {1, 2, 3, -1, -2, -3}));
  check(npy<std::int32_t>({3, 2}, {1, -1, 2, -2, 3, -3}));
}

TEST(NpyRecording, MissingSamplesAreNaN) {
  const double inf = std::numeric_limits<double>::infinity();
  const Recording recording =
      parse_npy_recording(npy<double>({1, 3}, {NAN, inf, 1e300}), "x", options_with(500, "V", {"I"}));
  for (const float sample : recording.leads[0].samples) EXPECT_TRUE(std::isnan(sample));
}

TEST(NpyRecording, RefusesToGuess) {
  const std::string good = npy<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const ReadOptions options = options_with(500, "mV", {"I", "II"});
  const std::vector<std::tuple<std::string, ReadOptions, const char*>> cases{
      {good, ReadOptions(), "--rate"},
      {good, options_with(500, "mV"), "--leads"},
      {good, options_with({}, "mV", {"I", "II"}), "--rate"},
      {good, options_with(500, "", {"I", "II"}), "--unit"},
      {good, options_with(500, "mV", {"I"}), "no side for the 1 leads"},
      {npy<float>({2, 2}, {1, 2, 3, 4}), options, "cannot be told"},
      {npy<float>({2, 0}, {}), options, "without samples"},
      {npy<float>({6}, {1, 2, 3, 4, 5, 6}), options, "1 dimensions"},
      {npy<float>({1, 2, 3}, {1, 2, 3, 4, 5, 6}), options, "3 dimensions"},
      {npy<std::int64_t>({2, 1}, {1, 2}), options, "type '<i8'"},
      {good.substr(0, good.size() - 1), options, "promises 24 bytes"},
      {good.substr(0, 20), options, "cut short"},
      {"", options, "not a .npy file"},
  };
  for (const auto& [content, these, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(parse_npy_recording(content, "x.npy", these), AllOf(StartsWith("x.npy: "), HasSubstr(message)));
  }
}

TEST(TableFiles, AreReadFromDisk) {
  const TemporaryDirectory folder;
  write_file_atomic(folder.path() / "a.csv", "I\n1\n");
  EXPECT_EQ(read_csv_recording(folder.path() / "a.csv", options_with(100, "mV")).source,
            (folder.path() / "a.csv").string());
  write_npy<float>(folder.path() / "a.npy", {1, 2}, std::vector<float>{1, 2});
  EXPECT_EQ(read_npy_recording(folder.path() / "a.npy", options_with(100, "mV", {"V1"})).length(), 2U);
}

}  // namespace
}  // namespace deri
