#include "deri/ecg/mat_recording.hpp"

#include <cmath>

#include "ecg/mat_testing.hpp"
#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MatWriter;
using ::testing::Not;
using ::testing::StartsWith;

const MatWriter w;

ReadOptions all_options() {
  ReadOptions options;
  options.rate = 250;
  options.unit = "uV";
  options.leads = {"i", "ii"};
  return options;
}

std::string matrix(const std::string& name, std::uint32_t rows, std::uint32_t columns,
                   const std::vector<std::int16_t>& values) {
  return w.level4(30, rows, columns, name, w.numbers(values));
}

std::string cpsc(std::int32_t rows, std::int32_t columns, const std::vector<double>& data,
                 const std::string& sex = "Male", const std::string& age = "\x34") {
  const std::string values = w.array(4, {1, 4}, "", w.element(16, sex)) +
                             w.array(6, {1, 1}, "", w.small_element(2, age)) +
                             w.array(6, {rows, columns}, "", w.element(9, w.numbers(data)));
  return w.header() + w.compressed(w.structure("ECG", {"sex", "age", "data"}, values));
}

std::vector<double> counting(std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i) / 8;
  return values;
}

TEST(MatRecording, ReadsAMatrixEitherWay) {
  // Column by column.
  const Recording rows = parse_mat(matrix("val", 2, 3, {1, -1, 2, -2, 3, -3}), "x.mat", all_options());
  const Recording columns = parse_mat(matrix("ecg", 3, 2, {1, 2, 3, -1, -2, -3}), "x.mat", all_options());
  for (const Recording& recording : {rows, columns}) {
    EXPECT_EQ(recording.source, "x.mat");
    EXPECT_EQ(recording.format, "MATLAB");
    EXPECT_DOUBLE_EQ(recording.rate, 250);
    ASSERT_EQ(recording.leads.size(), 2U);
    EXPECT_EQ(recording.leads[0].name, "I");
    EXPECT_EQ(recording.leads[1].name, "II");
    EXPECT_THAT(recording.leads[0].samples, ElementsAre(0.001F, 0.002F, 0.003F));
    EXPECT_THAT(recording.leads[1].samples, ElementsAre(-0.001F, -0.002F, -0.003F));
    EXPECT_EQ(recording.leads[0].unit, "mV");
  }
}

TEST(MatRecording, TakesValAmongOthers) {
  const std::string file =
      matrix("other", 2, 2, {9, 9, 9, 9}) + matrix("val", 2, 3, {1, -1, 2, -2, 3, -3}) + matrix("rate", 1, 1, {250});
  EXPECT_EQ(parse_mat(file, "x.mat", all_options()).length(), 3U);
}

TEST(MatRecording, SaysWhichOptionIsMissing) {
  const std::string file = matrix("val", 2, 3, {1, -1, 2, -2, 3, -3});
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat"), AllOf(HasSubstr("--rate"), HasSubstr("--unit"), HasSubstr("--leads")));
  ReadOptions options = all_options();
  options.rate.reset();
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat", options), AllOf(HasSubstr("--rate"), Not(HasSubstr("--unit"))));
  options = all_options();
  options.unit.clear();
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat", options), AllOf(HasSubstr("--unit"), Not(HasSubstr("--rate"))));
  options = all_options();
  options.leads.clear();
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat", options), AllOf(HasSubstr("--leads"), Not(HasSubstr("--unit"))));
}

TEST(MatRecording, RefusesToGuess) {
  const std::string file = matrix("val", 2, 3, {1, -1, 2, -2, 3, -3});
  const auto with = [](const auto& change) {
    ReadOptions options = all_options();
    change(options);
    return options;
  };
  const std::vector<std::tuple<std::string, ReadOptions, const char*>> cases{
      {matrix("val", 2, 2, {1, 2, 3, 4}), all_options(), "cannot be told"},
      {file, with([](ReadOptions& o) { o.leads = {"I"}; }), "no side for the 1 leads"},
      {file, with([](ReadOptions& o) {
         o.leads = {"I", " i"};
       }),
       "lead I appears twice"},
      {file, with([](ReadOptions& o) {
         o.leads = {"I", " "};
       }),
       "without a name"},
      {file, with([](ReadOptions& o) { o.unit = "mmHg"; }), "'mmHg' is not a voltage"},
      {file, with([](ReadOptions& o) { o.rate = 0; }), "0 Hz makes no sense"},
      {file, with([](ReadOptions& o) { o.rate = -1; }), "-1 Hz makes no sense"},
      {file, with([](ReadOptions& o) { o.rate = 1e9; }), "Hz makes no sense"},
      {file, with([](ReadOptions& o) { o.rate = NAN; }), "Hz makes no sense"},
      {matrix("a", 2, 1, {1, 2}) + matrix("b", 2, 1, {1, 2}), all_options(), "several matrices (a, b)"},
      {matrix("rate", 1, 1, {500}), all_options(), "no matrix of numbers"},
      {w.header(), all_options(), "no matrix of numbers"},
  };
  for (const auto& [content, options, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(parse_mat(content, "x.mat", options), AllOf(StartsWith("x.mat: "), HasSubstr(message)));
  }
}

TEST(MatRecording, ReadsTheStructOfCpsc2018) {
  const Recording recording = parse_mat(cpsc(12, 2, counting(24)), "A0001.mat");
  EXPECT_EQ(recording.format, "MATLAB (CPSC2018)");
  EXPECT_DOUBLE_EQ(recording.rate, 500);
  EXPECT_EQ(recording.patient.sex, "male");
  EXPECT_EQ(recording.patient.age, 52);
  ASSERT_EQ(recording.leads.size(), 12U);
  for (std::size_t lead = 0; lead < 12; ++lead) {
    EXPECT_EQ(recording.leads[lead].name, standard_leads()[lead]);
    EXPECT_THAT(recording.leads[lead].samples,
                ElementsAre(static_cast<float>(lead) / 8, static_cast<float>(lead + 12) / 8));
  }
}

TEST(MatRecording, OptionsMustAgreeWithCpsc2018) {
  const std::string file = cpsc(12, 2, counting(24), "Fema");
  ReadOptions options;
  options.rate = 500;
  options.unit = "mV";
  options.leads = standard_leads();
  EXPECT_EQ(parse_mat(file, "x.mat", options).patient.sex, "");
  ReadOptions other = options;
  other.rate = 250;
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat", other), HasSubstr("says 500 Hz itself, --rate says 250"));
  other = options;
  other.unit = "uV";
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat", other), HasSubstr("--unit says uV"));
  other = options;
  other.leads = mimic_leads();
  EXPECT_DERI_ERROR(parse_mat(file, "x.mat", other), HasSubstr("--leads says otherwise"));
  EXPECT_DERI_ERROR(parse_mat(cpsc(2, 12, counting(24)), "x.mat"), HasSubstr("matrix of 12 rows"));
}

TEST(MatRecording, MissingFileIsNamed) {
  EXPECT_DERI_ERROR(read_mat("/nonexistent/x.mat"), HasSubstr("/nonexistent/x.mat"));
}

}  // namespace
}  // namespace deri
