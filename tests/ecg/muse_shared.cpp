// A MUSE export and the WFDB record another program made of it.

#include <cmath>

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"
#include "deri/ecg/muse.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/ecg/xml.hpp"

namespace deri {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path folder() {
  return testing::shared_dir() / "data/formats/muse";
}

TEST(MuseOriginal, EqualsItsWfdbTwinInAllLeads) {
  EXPECT_EQ(xml_format(read_file(folder() / "muse-sinus.xml"), "x"), XmlFormat::kMuse);
  const Recording recording = read_muse(folder() / "muse-sinus.xml");
  const Recording twin = read_wfdb(folder() / "muse-sinus.hea");
  EXPECT_DOUBLE_EQ(recording.rate, twin.rate);
  ASSERT_EQ(recording.leads.size(), 12U);
  ASSERT_EQ(recording.length(), 5000U);
  // The twin's samples are whole microvolts, although its header says 200 steps per mV: the initial values are
  // the export's digits times its 4.88 uV.
  constexpr double kMicrovoltsPerTwinMillivolt = 200;
  std::size_t rounded = 0;
  ASSERT_EQ(twin.leads.size(), 12U);
  for (std::size_t k = 0; k < twin.leads.size(); ++k) {
    const Lead& lead = twin.leads[k];
    ASSERT_EQ(lead.samples.size(), recording.length());
    // The order of the twin's header: aVF before aVL, and then aVR.
    const std::vector<std::string> order{"I", "II", "III", "aVF", "aVL", "aVR", "V1", "V2", "V3", "V4", "V5", "V6"};
    const Lead* ours = recording.find(order[k]);
    ASSERT_NE(ours, nullptr) << order[k];
    for (std::size_t i = 0; i < lead.samples.size(); ++i) {
      const double microvolts = ours->samples[i] * 1000.0;
      const double expected = lead.samples[i] * kMicrovoltsPerTwinMillivolt;
      ASSERT_NEAR(microvolts, expected, 0.501) << lead.name << " " << i;
      rounded += std::abs(microvolts - expected) <= 0.501 ? 1 : 0;
    }
  }
  EXPECT_GE(rounded, 60000U);
}

TEST(MuseOriginal, ReadsWhatElseItSays) {
  const Recording recording = read_muse(folder() / "muse-sinus.xml");
  EXPECT_EQ(recording.patient.id, "0");
  EXPECT_EQ(recording.patient.age, 43);
  EXPECT_EQ(recording.patient.sex, "male");
  EXPECT_EQ(recording.recorded_at, "2023-01-01T22:41:16");
  EXPECT_THAT(recording.statements,
              ElementsAre("Normal Sinus rhythm", "Anterior infarct, age undetermined",
                          "T wave abnormality, consider lateral ischemia", "Abnormal ECG",
                          "When compared with ECG of 30-MAR-2023 09:09,", "Questionable change in The axis"));
  EXPECT_EQ(recording.filters.high_pass, 0.56);
  EXPECT_EQ(recording.filters.low_pass, 150);
  EXPECT_EQ(recording.filters.notch, 60);
  ASSERT_TRUE(recording.median);
  EXPECT_DOUBLE_EQ(recording.median->rate, 500);
  ASSERT_EQ(recording.median->leads.size(), 12U);
  EXPECT_EQ(recording.median->leads[0].samples.size(), 600U);
  // The first samples of leads I and II: 1 and 10.
  EXPECT_FLOAT_EQ(recording.median->leads[0].samples[0], 0.00488F);
  EXPECT_FLOAT_EQ(recording.median->leads[1].samples[0], 0.0488F);
  EXPECT_THAT(recording.notes, Contains(HasSubstr("computed from I and II")));
}

// One flipped bit of one sample, in otherwise valid base64.
TEST(MuseOriginal, ItsChecksumsFindDamage) {
  std::string text = read_file(folder() / "muse-sinus.xml");
  const std::size_t at = text.rfind("<WaveFormData>") + 20;
  text[at] = text[at] == 'A' ? 'B' : 'A';
  EXPECT_DERI_ERROR(parse_muse(text, "x.xml"), HasSubstr("lead V6: the CRC-32"));
}

}  // namespace
}  // namespace deri
