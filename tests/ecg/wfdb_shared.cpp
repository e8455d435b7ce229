// Real records, and what the original WFDB tools print for them.

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <fstream>
#include <iterator>
#include <numbers>
#include <span>
#include <sstream>

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"
#include "deri/ecg/resample.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

fs::path data() {
  return testing::shared_dir() / "data";
}
fs::path variants() {
  return data() / "formats" / "wfdb-variants";
}

std::vector<fs::path> headers_under(const fs::path& folder) {
  std::vector<fs::path> headers;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".hea") headers.push_back(entry.path());
  std::sort(headers.begin(), headers.end());
  return headers;
}

// The numbers of rdsamp's output, row by row.
std::vector<std::vector<double>> expected_rows(const std::string& name) {
  std::istringstream text(read_file(data() / "formats" / "wfdb-expected" / name));
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(text, line);) {
    std::istringstream cells(line);
    rows.emplace_back(std::istream_iterator<double>(cells), std::istream_iterator<double>());
  }
  return rows;
}

// Compares rows of `columns` from sample `first` on; (sample - baseline) / gain = mV when `gain` is not 0.
void expect_rows(const std::string& name, const Recording& recording, const std::vector<std::size_t>& columns,
                 std::size_t first, const std::vector<double>& gains, double baseline) {
  const std::vector<std::vector<double>> rows = expected_rows(name);
  ASSERT_GT(rows.size(), 0U);
  ASSERT_LE(first + rows.size(), recording.length());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), columns.size());
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const double millivolts = recording.leads.at(columns[j]).samples[first + i];
      if (gains.empty())
        ASSERT_NEAR(millivolts, rows[i][j], 1e-6) << name << " row " << i << " column " << j;
      else
        ASSERT_EQ(std::llround(millivolts * gains[j] + baseline), rows[i][j])
            << name << " row " << i << " column " << j;
    }
  }
}

TEST(WfdbOriginal, Format16WithByteOffset) {
  const Recording recording = read_wfdb(variants() / "test01_00s");
  expect_rows("record-1a", recording, {0, 1, 2, 3}, 0, {100, 100, 100, 100}, 0);
  EXPECT_EQ(recording.leads.at(0).name, "ECG 1");
  EXPECT_EQ(recording.patient.age, 25);
  EXPECT_EQ(recording.patient.sex, "male");
}

// One of its signals is a plethysmogram in "NU", which is no voltage: refused as it is, read once its unit says mV.
TEST(WfdbOriginal, Format16InAMatFile) {
  EXPECT_DERI_ERROR(read_wfdb(variants() / "a103l"), HasSubstr("'NU'"));
  const TemporaryDirectory folder;
  fs::copy_file(variants() / "a103l.mat", folder.path() / "a103l.mat");
  for (const std::string name : {"a103l", "a103l-no-len"}) {
    std::string header = read_file(variants() / (name + ".hea"));
    header.replace(header.find("/NU"), 3, "/mV");
    write_file_atomic(folder.path() / (name + ".hea"), header);
    const Recording recording = read_wfdb(folder.path() / name);
    EXPECT_EQ(recording.length(), 82500U);
    expect_rows("record-1b", recording, {2, 0}, 12500, {}, 0);
    expect_rows("record-1c", recording, {0, 1}, 20000, {7247, 1.052e4}, 0);
  }
}

TEST(WfdbOriginal, Format212) {
  for (const char* name : {"100", "100-no-len"}) {
    const Recording recording = read_wfdb(variants() / name);
    EXPECT_EQ(recording.length(), 650000U);
    expect_rows("record-2b", recording, {1}, 1, {200}, 1024);
  }
}

TEST(WfdbOriginal, Format212WithAnOddNumberOfSamples) {
  expect_rows("record-2c", read_wfdb(variants() / "100_3chan"), {0, 1, 2}, 0, {}, 0);
}

TEST(WfdbOriginal, TwoSignalFiles) {
  const Recording recording = read_wfdb(variants() / "s0010_re");
  EXPECT_EQ(recording.leads.size(), 15U);
  expect_rows("record-3b", recording, {13, 0, 4, 8, 3}, 5000, {}, 0);
  EXPECT_EQ(recording.patient.age, 81);
  EXPECT_EQ(recording.patient.sex, "female");
}

TEST(WfdbOriginal, WhatIsNotReadYetSaysWhy) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"3000003_0003", "format 80"},
      {"310derive", "format 310"},
      {"binformats", "format 8 "},
      {"flacformats", "format 508"},
      {"p10143", "format 61"},
      {"100skew", "skewed"},
      {"03700181", "per frame"},
      {"test01_00s_frame", "per frame"},
      {"ludb-ecg", "1.dat is missing"},
      {"wave_4", "per frame"},
      {"12726", "'mmHg'"},
  };
  for (const auto& [name, message] : cases) {
    SCOPED_TRACE(name);
    EXPECT_DERI_ERROR(read_wfdb(variants() / name), HasSubstr(message));
  }
}

// The initial values the header gives, one per signal.
std::vector<long> initial_values(const fs::path& header) {
  std::ifstream stream(header);
  std::string line;
  std::getline(stream, line);
  std::vector<long> values;
  while (std::getline(stream, line) && line.front() != '#') {
    std::istringstream cells(line);
    std::string cell;
    for (int i = 0; i < 6; ++i) cells >> cell;
    values.push_back(std::stol(cell));
  }
  return values;
}

TEST(PtbXl, EveryRecordReadsWithItsChecksums) {
  const std::vector<fs::path> headers = headers_under(data() / "ptbxl" / "records100");
  EXPECT_EQ(headers.size(), 1899U);
  for (const fs::path& header : headers) {
    const Recording recording = read_wfdb(header);
    ASSERT_DOUBLE_EQ(recording.rate, 100);
    ASSERT_EQ(recording.length(), 1000U);
    ASSERT_EQ(select_leads(recording, mimic_leads()).leads, mimic_leads());
    std::vector<long> first;
    for (const Lead& lead : recording.leads) first.push_back(std::lround(1000 * lead.samples[0]));
    ASSERT_THAT(first, ElementsAreArray(initial_values(header))) << header;
  }
}

TEST(PtbXl, RewrittenRecordsHaveTheSameBytes) {
  const TemporaryDirectory folder;
  const std::vector<fs::path> headers = headers_under(data() / "ptbxl" / "records100");
  for (std::size_t i = 0; i < headers.size(); i += 100) {
    const std::string name = headers[i].stem().string();
    write_wfdb(folder.path(), name, read_wfdb(headers[i]));
    fs::path original = headers[i];
    ASSERT_EQ(read_file(folder.path() / (name + ".dat")), read_file(original.replace_extension(".dat"))) << headers[i];
    ASSERT_EQ(initial_values(folder.path() / (name + ".hea")), initial_values(headers[i]));
  }
}

TEST(Challenge, RecordsReadWithTheirChecksumsAndPatients) {
  for (const char* set : {"cpsc2018", "csn"}) {
    const std::vector<fs::path> headers = headers_under(data() / set);
    EXPECT_GE(headers.size(), 10U) << set;
    for (const fs::path& header : headers) {
      const Recording recording = read_wfdb(header);
      EXPECT_EQ(select_leads(recording, standard_leads()).length, recording.length());
      EXPECT_DOUBLE_EQ(recording.rate, 500);
      EXPECT_TRUE(recording.patient.age) << header;
      EXPECT_NE(recording.patient.sex, "") << header;
    }
  }
}

// One frequency of a signal under a Hann window.
std::complex<double> fourier(std::span<const float> samples, double hz, double rate) {
  std::complex<double> sum = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double at = static_cast<double>(i);
    const double window = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * at / static_cast<double>(samples.size()));
    sum += window * samples[i] * std::polar(1.0, -2 * std::numbers::pi * hz * at / rate);
  }
  return sum;
}

// PTB-XL's own 100 Hz versions were made from the 500 Hz ones by a filter that passes up to 40 Hz whole, and their
// samples lie 1.25 ms later. So ours must have the same spectrum there, but for that delay.
TEST(PtbXl, ResamplingAgreesWithTheOfficialLowRateVersions) {
  constexpr std::array kHz{0.5, 2.0, 10.0, 20.0, 30.0, 40.0};
  std::array<std::complex<double>, kHz.size()> cross{};
  std::array<double, kHz.size()> power{}, official_power{};
  const std::vector<fs::path> headers = headers_under(data() / "ptbxl" / "records500");
  ASSERT_EQ(headers.size(), 500U);
  for (std::size_t i = 0; i < headers.size(); i += 25) {
    std::string name = headers[i].stem().string();
    name.replace(name.size() - 2, 2, "lr");
    const fs::path low_rate = data() / "ptbxl" / "records100" / headers[i].parent_path().filename() / name;
    const SignalMatrix official = select_leads(read_wfdb(low_rate), standard_leads());
    const SignalMatrix ours = resample(select_leads(read_wfdb(headers[i]), standard_leads()), 100);
    ASSERT_EQ(ours.length, official.length);
    for (std::size_t lead = 0; lead < 12; ++lead) {
      for (std::size_t k = 0; k < kHz.size(); ++k) {
        const std::complex<double> a = fourier(ours.lead(lead), kHz[k], 100);
        const std::complex<double> b = fourier(official.lead(lead), kHz[k], 100);
        cross[k] += std::conj(a) * b;
        power[k] += std::norm(a);
        official_power[k] += std::norm(b);
      }
    }
  }
  for (std::size_t k = 0; k < kHz.size(); ++k) {
    SCOPED_TRACE(kHz[k]);
    EXPECT_NEAR(std::abs(cross[k]) / power[k], 1, 0.005);
    EXPECT_NEAR(std::arg(cross[k]) / (2 * std::numbers::pi * kHz[k]), 1.25e-3, 0.1e-3);
    EXPECT_GT(std::norm(cross[k]) / (power[k] * official_power[k]), 0.999);
  }
}

}  // namespace
}  // namespace deri
