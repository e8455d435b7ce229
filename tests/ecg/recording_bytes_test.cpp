#include "deri/ecg/recording_bytes.hpp"

#include <cmath>
#include <csignal>
#include <limits>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Recording sample() {
  Recording recording;
  recording.rate = 499.5;
  recording.leads = {{"I", {0.5F, -1.25F, std::numeric_limits<float>::quiet_NaN()}}, {"Resp", {1, 2, 3}, "mmHg"}};
  recording.patient = {.id = "P 7", .age = 61.5, .sex = "female"};
  recording.comments = {"one", ""};
  recording.source = "a.scp";
  recording.format = "SCP-ECG";
  recording.recorded_at = "2014-03-01";
  recording.statements = {"sinus rhythm"};
  recording.filters = {.high_pass = 0.05, .low_pass = std::nullopt, .notch = 50};
  recording.median = MedianBeat{1000, {{"I", {0.1F}}}};
  recording.notes = {"mended"};
  return recording;
}

void expect_same(const Recording& a, const Recording& b) {
  EXPECT_EQ(a.rate, b.rate);
  ASSERT_EQ(a.leads.size(), b.leads.size());
  for (std::size_t i = 0; i < a.leads.size(); ++i) {
    EXPECT_EQ(a.leads[i].name, b.leads[i].name);
    EXPECT_EQ(a.leads[i].unit, b.leads[i].unit);
    EXPECT_EQ(a.leads[i].samples.size(), b.leads[i].samples.size());
  }
  EXPECT_EQ(a.patient.id, b.patient.id);
  EXPECT_EQ(a.patient.age, b.patient.age);
  EXPECT_EQ(a.patient.sex, b.patient.sex);
  EXPECT_EQ(a.comments, b.comments);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.format, b.format);
  EXPECT_EQ(a.recorded_at, b.recorded_at);
  EXPECT_EQ(a.statements, b.statements);
  EXPECT_EQ(a.filters.high_pass, b.filters.high_pass);
  EXPECT_EQ(a.filters.low_pass, b.filters.low_pass);
  EXPECT_EQ(a.filters.notch, b.filters.notch);
  EXPECT_EQ(a.notes, b.notes);
}

TEST(RecordingBytes, ComeBackAsTheyWere) {
  const Recording before = sample();
  const Recording after = recording_from_bytes(to_bytes(before));
  expect_same(before, after);
  EXPECT_EQ(after.leads[0].samples[1], -1.25F);
  EXPECT_TRUE(std::isnan(after.leads[0].samples[2]));
  EXPECT_THAT(after.leads[1].samples, ElementsAre(1, 2, 3));
  ASSERT_TRUE(after.median.has_value());
  EXPECT_EQ(after.median->rate, 1000);
  EXPECT_THAT(after.median->leads.at(0).samples, ElementsAre(0.1F));
  expect_same(Recording{}, recording_from_bytes(to_bytes(Recording{})));
}

TEST(RecordingBytes, NoCutAndNoWrongByteIsBelieved) {
  const std::string bytes = to_bytes(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(recording_from_bytes(std::string_view(bytes).substr(0, size)), InternalError) << size;
  EXPECT_THROW(recording_from_bytes(bytes + "x"), InternalError);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string wrong = bytes;
    wrong[i] = '\xFF';
    try {
      recording_from_bytes(wrong);
    } catch (const InternalError&) {  // sizes and the version are noticed, values cannot be
    }
  }
}

TEST(DecodeIsolated, GivesTheRecordingOrAnErrorOfTheFile) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "a.scp";
  write_file_atomic(path, "bytes");
  expect_same(sample(), decode_isolated(path, sample));
  const auto crash = []() -> Recording {
    raise(SIGSEGV);
    return {};
  };
  EXPECT_DERI_ERROR(decode_isolated(path, crash), HasSubstr("a.scp: the decoder crashed"));
  EXPECT_DERI_ERROR(decode_isolated(folder.path() / "none.scp", sample), HasSubstr("none.scp: cannot be opened"));
  EXPECT_DERI_ERROR(decode_isolated(folder.path(), sample), HasSubstr("not a file"));
}

}  // namespace
}  // namespace deri
