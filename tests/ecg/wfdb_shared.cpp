// Real records, and what the original WFDB tools print for them.

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <fstream>
#include <memory>
#include <numbers>
#include <span>
#include <sstream>
#include <tuple>

#include "testing/testing.hpp"
#include <zlib.h>

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

// A text file, compressed or not.
std::string read_gzip(const fs::path& path) {
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), gzclose);
  std::string text;
  std::array<char, 65536> block{};
  for (int got = 1; file && got > 0; text.append(block.data(), static_cast<std::size_t>(std::max(got, 0))))
    got = gzread(file.get(), block.data(), block.size());
  return text;
}

// The numbers of rdsamp's output, row by row; "-" stands for a missing sample.
std::vector<std::vector<double>> expected_rows(const std::string& name) {
  std::istringstream text(read_gzip(data() / "formats" / "wfdb-expected" / name));
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(text, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; cells >> cell;) rows.back().push_back(cell == "-" ? std::nan("") : std::stod(cell));
  }
  return rows;
}

// rdsamp without -P prints the file's integers: (sample - baseline) / gain is the physical value.
struct Digital {
  double gain, baseline;
};

// Compares all rows of the file with `columns` of the recording from sample `first` on; physical values when `digital`
// is empty.
void expect_rows(const std::string& name, const Recording& recording, const std::vector<std::size_t>& columns,
                 std::size_t first, const std::vector<Digital>& digital = {}) {
  const std::vector<std::vector<double>> rows = expected_rows(name);
  ASSERT_GT(rows.size(), 0U);
  ASSERT_LE(first + rows.size(), recording.length());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), columns.size());
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const double value = recording.leads.at(columns[j]).samples[first + i];
      if (std::isnan(rows[i][j]))
        ASSERT_TRUE(std::isnan(value)) << name << " row " << i << " column " << j;
      else if (digital.empty())
        ASSERT_NEAR(value, rows[i][j], 1e-6 + 1e-7 * std::abs(rows[i][j])) << name << " row " << i << " column " << j;
      else if (rows[i][j] == -32768 && std::isnan(value))
        continue;  // as the original prints a missing sample
      else
        ASSERT_NEAR(value * digital[j].gain + digital[j].baseline, rows[i][j], 1e-3 + 1e-7 * std::abs(rows[i][j]))
            << name << " row " << i << " column " << j;
    }
  }
}

Recording read_averaged(const char* name) {
  WfdbOptions options;
  options.frames = WfdbFrames::kAverage;
  return read_wfdb(variants() / name, options);
}

TEST(WfdbOriginal, Format16WithByteOffset) {
  const Recording recording = read_wfdb(variants() / "test01_00s");
  expect_rows("record-1a", recording, {0, 1, 2, 3}, 0, {4, {100, 0}});
  EXPECT_EQ(recording.leads.at(0).name, "ECG 1");
  EXPECT_EQ(recording.patient.age, 25);
  EXPECT_EQ(recording.patient.sex, "male");
}

TEST(WfdbOriginal, Format16InAMatFile) {
  for (const char* name : {"a103l", "a103l-no-len"}) {
    const Recording recording = read_wfdb(variants() / name);
    EXPECT_EQ(recording.length(), 82500U);
    EXPECT_EQ(recording.leads.at(1).unit, "mV");
    EXPECT_EQ(recording.leads.at(2).unit, "NU");
    expect_rows("record-1b", recording, {2, 0}, 12500);
    expect_rows("record-1c", recording, {0, 1}, 20000, {{7247, 0}, {1.052e4, 0}});
    EXPECT_DERI_ERROR(select_leads(recording, {"PLETH"}), HasSubstr("no voltage"));
  }
}

TEST(WfdbOriginal, Format80) {
  expect_rows("record-1d", read_wfdb(variants() / "3000003_0003"), {1}, 125);
}

TEST(WfdbOriginal, EveryBinaryFormat) {
  expect_rows("record-1f.gz", read_wfdb(variants() / "binformats"), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, {10, {200, 0}});
}

TEST(WfdbOriginal, EveryCompressedFormat) {
  expect_rows("record-flac.gz", read_wfdb(variants() / "flacformats"), {0, 1, 2}, 0, {3, {200, 0}});
}

// 5,600,000 samples of three channels in 20 kB.
TEST(WfdbOriginal, ALongCompressedRecord) {
  const Recording recording = read_wfdb(variants() / "flac_3_constant");
  ASSERT_EQ(recording.length(), 5600000U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(std::count(recording.leads[i].samples.begin(), recording.leads[i].samples.end(),
                         0.125F * static_cast<float>(i + 1)),
              5600000);
}

TEST(WfdbOriginal, Format212) {
  for (const char* name : {"100", "100-no-len"}) {
    const Recording recording = read_wfdb(variants() / name);
    EXPECT_EQ(recording.length(), 650000U);
    expect_rows("record-2b", recording, {1}, 1, {{200, 1024}});
  }
}

TEST(WfdbOriginal, Format212WithAnOddNumberOfSamples) {
  expect_rows("record-2c", read_wfdb(variants() / "100_3chan"), {0, 1, 2}, 0);
}

TEST(WfdbOriginal, Format310) {
  expect_rows("record-2d", read_wfdb(variants() / "310derive"), {0, 1}, 2, {2, {200, 0}});
}

TEST(WfdbOriginal, Format311) {
  expect_rows("record-2e", read_wfdb(variants() / "311derive"), {0}, 1);
}

// Files that end within a block of three samples; their checksums say whether every sample came out right.
TEST(WfdbOriginal, Formats310And311WithIncompleteBlocks) {
  for (const auto& [name, length] :
       {std::pair("310derive_2", 1020), std::pair("310derive_3", 1018), std::pair("311derive_2", 1020),
        std::pair("311derive_3", 1019), std::pair("311derive_4", 1018)})
    EXPECT_EQ(read_wfdb(variants() / name).length(), static_cast<std::size_t>(length)) << name;
}

TEST(WfdbOriginal, TwoSignalFiles) {
  const Recording recording = read_wfdb(variants() / "s0010_re");
  EXPECT_EQ(recording.leads.size(), 15U);
  expect_rows("record-3b", recording, {13, 0, 4, 8, 3}, 5000);
  EXPECT_EQ(recording.patient.age, 81);
  EXPECT_EQ(recording.patient.sex, "female");
}

TEST(WfdbOriginal, SkewAndSeveralSamplesPerFrameAveraged) {
  const Recording recording = read_averaged("test01_00s_skewframe");
  EXPECT_EQ(recording.length(), 3997U);
  EXPECT_EQ(recording.rate, 500);
  expect_rows("record-4a", recording, {0, 1, 2}, 0, {3, {100, 0}});
}

TEST(WfdbOriginal, SkewAndSeveralSamplesPerFrameIn212) {
  const Recording recording = read_averaged("03700181");
  EXPECT_EQ(recording.length(), 74996U);
  EXPECT_EQ(recording.recorded_at, "1994-08-15T17:27:45");
  expect_rows("record-4b", recording, {0, 1, 2}, 0, {{2963.77, 0}, {12.84, -1605}, {2000, 0}});
  expect_rows("record-4c", recording, {0, 2}, 1000);
}

TEST(WfdbOriginal, SeveralSamplesPerFrameExpanded) {
  const Recording recording = read_wfdb(variants() / "test01_00s_skewframe");
  EXPECT_EQ(recording.length(), 7994U);
  EXPECT_EQ(recording.rate, 1000);
  expect_rows("record-4d", recording, {0, 1, 2}, 0);
}

// No expected output is at hand for these; their checksums cover every sample.
TEST(WfdbOriginal, MixedRatesInCompressedFiles) {
  const Recording recording = read_wfdb(variants() / "mixedsignals");
  EXPECT_EQ(recording.length(), 4U * 14400U);
  EXPECT_DOUBLE_EQ(recording.rate, 4 * 62.4725);
  EXPECT_EQ(recording.leads.at(5).unit, "Ohm");
  EXPECT_EQ(recording.leads.at(5).samples.at(0), recording.leads.at(5).samples.at(3));
}

TEST(WfdbOriginal, OtherRecordsReadWithTheirChecksums) {
  for (const char* name : {"100skew", "p10143", "test01_00s_frame", "test01_00s_skew", "v102s"})
    EXPECT_GT(read_wfdb(variants() / name).length(), 3000U) << name;
}

// The original's record consists of segments that are this one over and over.
TEST(WfdbOriginal, SegmentsOfFixedLayout) {
  const TemporaryDirectory folder;
  fs::copy_file(variants() / "v102s.dat", folder.path() / "v102s.dat");
  std::string header = read_file(variants() / "v102s.hea");
  write_file_atomic(folder.path() / "v102s_1.hea", header);
  write_file_atomic(folder.path() / "v102s_2.hea", header);
  write_file_atomic(folder.path() / "v102s.hea", "v102s/2 4 250 150000\nv102s_1 75000\nv102s_2 75000\n");
  const Recording recording = read_wfdb(folder.path() / "v102s");
  EXPECT_EQ(recording.length(), 150000U);
  expect_rows("record-multi-fixed-c", recording, {1, 0, 3}, 70000);
}

TEST(WfdbOriginal, HeadersWithoutTheirSignals) {
  for (const char* name : {"12726", "1003", "drive02", "n16", "wave_4", "ludb-ecg"}) {
    SCOPED_TRACE(name);
    EXPECT_DERI_ERROR(read_wfdb(variants() / name), HasSubstr("is missing; put it beside the header"));
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
  for (const auto& [folder, rate, records] :
       {std::tuple("records100", 100U, 1899U), std::tuple("records500", 500U, 500U)}) {
    const std::vector<fs::path> headers = headers_under(data() / "ptbxl" / folder);
    EXPECT_EQ(headers.size(), records);
    for (const fs::path& header : headers) {
      const Recording recording = read_wfdb(header);
      ASSERT_DOUBLE_EQ(recording.rate, rate);
      ASSERT_EQ(recording.length(), 10 * rate);
      ASSERT_EQ(select_leads(recording, mimic_leads()).leads, mimic_leads());
      std::vector<long> first;
      for (const Lead& lead : recording.leads) first.push_back(std::lround(1000 * lead.samples[0]));
      ASSERT_THAT(first, ElementsAreArray(initial_values(header))) << header;
    }
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
