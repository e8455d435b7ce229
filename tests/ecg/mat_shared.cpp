// CPSC2018's original files, and the matrices beside the WFDB headers of the PhysioNet challenge.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"
#include "deri/ecg/mat.hpp"
#include "deri/ecg/mat_recording.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> mat_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(testing::shared_dir() / "data" / folder))
    if (entry.path().extension() == ".mat") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(MatOriginal, Cpsc2018OriginalFilesRead) {
  const std::vector<fs::path> files = mat_files("cpsc2018/native");
  ASSERT_EQ(files.size(), 5U);
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    const Recording recording = read_mat(file);
    EXPECT_DOUBLE_EQ(recording.rate, 500);
    EXPECT_NE(recording.patient.sex, "");
    EXPECT_TRUE(recording.patient.age && *recording.patient.age > 0 && *recording.patient.age < 120);
    ASSERT_EQ(recording.leads.size(), 12U);
    ASSERT_GE(recording.length(), 3000U);
    // Einthoven's law and Goldberger's lead hold to the files' precision: the lead order is what it is said to be.
    for (std::size_t i = 0; i < recording.length(); ++i) {
      const auto at = [&](const char* lead) { return recording.find(lead)->samples[i]; };
      ASSERT_NEAR(at("I") + at("III"), at("II"), 0.011) << i;
      ASSERT_NEAR(-(at("I") + at("II")) / 2, at("aVR"), 0.011) << i;
      ASSERT_LT(std::abs(at("V1")), 32.768F);
    }
  }
}

// Read out of the inflated bytes of the file by other means (Python's zlib and struct).
TEST(MatOriginal, Cpsc2018FirstSamplesAreThoseOfTheBytes) {
  const fs::path path = testing::shared_dir() / "data/cpsc2018/native/A1980.mat";
  const std::vector<MatValue> variables = parse_mat_variables(read_file(path), path.string());
  ASSERT_EQ(variables.size(), 1U);
  EXPECT_EQ(variables[0].name, "ECG");
  EXPECT_EQ(variables[0].field("sex")->text, "Male");
  EXPECT_EQ(variables[0].field("age")->values, std::vector<double>{52});
  const MatValue& data = *variables[0].field("data");
  EXPECT_EQ(data.dims, (std::vector<std::size_t>{12, 5000}));
  constexpr double kFirst[] = {0.20186720825056673,  0.36506207901091914, 0.16319487076035244, -0.28397243513885295,
                               0.019880485447036054, 0.2635389294493815,  0.19009939588760028, 1.1189866153165997,
                               1.3675940554890569,   1.3688110941522513,  1.16979667624882,    0.48406081380161325,
                               0.30080436975855995,  0.6027034806432415};
  for (std::size_t i = 0; i < std::size(kFirst); ++i) EXPECT_EQ(data.values[i], kFirst[i]) << i;
}

// All headers of these two sets say 1000 steps per mV and no offset: the matrices hold microvolts.
TEST(MatOriginal, ChallengeMatricesAreTheSamplesOfTheirWfdbRecords) {
  std::size_t compared = 0;
  for (const char* folder : {"cpsc2018", "csn"}) {
    for (const fs::path& file : mat_files(folder)) {
      SCOPED_TRACE(file);
      fs::path header = file;
      header.replace_extension(".hea");
      const Recording expected = read_wfdb(header);
      ReadOptions options;
      options.rate = expected.rate;
      options.unit = "uV";
      for (const Lead& lead : expected.leads) options.leads.push_back(lead.name);
      const Recording recording = read_mat(file, options);
      ASSERT_EQ(recording.length(), expected.length());
      for (std::size_t lead = 0; lead < recording.leads.size(); ++lead) {
        for (std::size_t i = 0; i < recording.length(); ++i) {
          const double steps = recording.leads[lead].samples[i] * 1000.0;
          const double wanted = expected.leads[lead].samples[i] * 1000.0;
          ASSERT_NEAR(steps, std::lround(steps), 1e-2);
          if (std::isnan(wanted)) continue;
          ASSERT_EQ(std::lround(steps), std::lround(wanted)) << lead << " " << i;
        }
      }
      ++compared;
    }
  }
  EXPECT_EQ(compared, 30U);
}

}  // namespace
}  // namespace deri
