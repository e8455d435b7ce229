// A 12-lead ECG that pydicom ships, against the values its tests and guide give.

#include <cmath>

#include "testing/testing.hpp"

#include "deri/ecg/dicom.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

std::filesystem::path sample() {
  return testing::shared_dir() / "data" / "formats" / "dicom" / "waveform_ecg.dcm";
}

void expect_microvolts(const std::vector<float>& samples, std::size_t from, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(samples.at(from + i) * 1000, expected[i], 1e-3) << from + i;
}

TEST(DicomShared, TwelveLeads) {
  if (!has_dcmtk()) GTEST_SKIP() << "built without DCMTK";
  const Recording recording = read_dicom(sample());
  EXPECT_EQ(recording.format, "DICOM");
  EXPECT_EQ(recording.rate, 1000);
  EXPECT_EQ(recording.length(), 10000U);
  ASSERT_EQ(recording.leads.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(recording.leads[i].name, standard_leads()[i]);
    EXPECT_EQ(recording.leads[i].unit, "mV");
  }
  // pydicom/tests/test_waveform.py and the waveform guide.
  expect_microvolts(recording.leads[0].samples, 0, {100, 81.25, 62.5, 43.75, 46.25});
  expect_microvolts(recording.leads[1].samples, 0, {112.5, 106.25, 100, 93.75, 96.25});
  expect_microvolts(recording.leads[2].samples, 0, {12.5, 25, 37.5});
  expect_microvolts(recording.leads[9].samples, 0, {-25, -25, -25});
  expect_microvolts(recording.leads[10].samples, 0, {-68.75, -75, -81.25});
  expect_microvolts(recording.leads[11].samples, 0, {-50, -50, -50});
  expect_microvolts(recording.leads[0].samples, 9997, {25, 21.25, 25});
  expect_microvolts(recording.leads[1].samples, 9997, {131.25, 137.5, 137.5});
  expect_microvolts(recording.leads[11].samples, 9997, {-100, -106.25, -112.5});
  const auto &i = recording.leads[0].samples, &ii = recording.leads[1].samples, &iii = recording.leads[2].samples;
  for (std::size_t k = 0; k < recording.length(); ++k) ASSERT_NEAR(ii[k] - i[k], iii[k], 0.0051);
}

TEST(DicomShared, MedianBeatPatientFiltersAndReport) {
  if (!has_dcmtk()) GTEST_SKIP() << "built without DCMTK";
  const Recording recording = read_dicom(sample());
  ASSERT_TRUE(recording.median.has_value());
  EXPECT_EQ(recording.median->rate, 1000);
  ASSERT_EQ(recording.median->leads.size(), 12U);
  EXPECT_EQ(recording.median->leads[0].samples.size(), 1200U);
  expect_microvolts(recording.median->leads[0].samples, 0, {12.5, 12.5, 37.5, 43.75, 31.25});
  expect_microvolts(recording.median->leads[1].samples, 0, {100, 100, 100, 106.25, 100});
  EXPECT_EQ(recording.recorded_at, "2013-01-25T10:59:19");
  EXPECT_EQ(recording.patient.id, "642341");
  EXPECT_EQ(recording.patient.age, 42);
  EXPECT_EQ(recording.patient.sex, "female");
  EXPECT_EQ(recording.filters.high_pass, 0.05);
  EXPECT_EQ(recording.filters.low_pass, 300);
  EXPECT_EQ(recording.filters.notch, std::nullopt);
  EXPECT_THAT(recording.statements, AllOf(Contains("RITMO SINUSALE"), Contains("ECG NORMALE")));
}

TEST(DicomShared, CutOffFilesAreErrors) {
  if (!has_dcmtk()) GTEST_SKIP() << "built without DCMTK";
  const std::string whole = read_file(sample());
  const TemporaryDirectory folder;
  const auto path = folder.path() / "cut.dcm";
  for (const std::size_t size : {0UL, 100UL, 132UL, 1000UL, 20000UL, 100000UL, 200000UL, whole.size() - 40}) {
    write_file_atomic(path, whole.substr(0, size), Survives::kKill);
    EXPECT_DERI_ERROR(read_dicom(path), HasSubstr("cut.dcm: "));
  }
}

}  // namespace
}  // namespace deri
