// The example file of the HL7 aECG implementation guide.

#include <cmath>

#include "testing/testing.hpp"

#include "deri/ecg/aecg.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/xml.hpp"

namespace deri {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path file() {
  return testing::shared_dir() / "data/formats/aecg/ecg_hl7.xml";
}

TEST(AecgOriginal, ReadsTwelveLeadsInMillivolts) {
  EXPECT_EQ(xml_format(read_file(file()), "x"), XmlFormat::kAecg);
  const Recording recording = read_aecg(file());
  EXPECT_DOUBLE_EQ(recording.rate, 500);
  EXPECT_EQ(recording.length(), 5000U);
  ASSERT_EQ(recording.leads.size(), 12U);
  for (const std::string& name : standard_leads()) ASSERT_NE(recording.find(name), nullptr) << name;
  // The first and last digits of some leads as the file's text has them, times 2.5 uV.
  struct Expected {
    const char* lead;
    int first, second, last;
  };
  for (const Expected& expected : {Expected{"I", -2, -2, -13}, Expected{"V2", 55, 53, 8}, Expected{"V6", -9, -7, -15},
                                   Expected{"aVL", 1, 1, -9}}) {
    const std::vector<float>& samples = recording.find(expected.lead)->samples;
    EXPECT_FLOAT_EQ(samples[0], static_cast<float>(expected.first * 0.0025)) << expected.lead;
    EXPECT_FLOAT_EQ(samples[1], static_cast<float>(expected.second * 0.0025)) << expected.lead;
    EXPECT_FLOAT_EQ(samples.back(), static_cast<float>(expected.last * 0.0025)) << expected.lead;
  }
}

TEST(AecgOriginal, LimbLeadsObeyEinthoven) {
  const Recording recording = read_aecg(file());
  const auto at = [&](const char* lead, std::size_t i) { return recording.find(lead)->samples[i]; };
  for (std::size_t i = 0; i < recording.length(); ++i) {
    ASSERT_NEAR(at("I", i) + at("III", i), at("II", i), 2 * 0.0025 + 1e-6) << i;
    ASSERT_NEAR(at("aVR", i) + at("aVL", i) + at("aVF", i), 0, 3 * 0.0025 + 1e-6) << i;
    ASSERT_LT(std::abs(at("V2", i)), 5);
  }
}

TEST(AecgOriginal, ReadsWhatElseItSays) {
  const Recording recording = read_aecg(file());
  EXPECT_EQ(recording.patient.id, "SBJ-123");
  EXPECT_EQ(recording.patient.sex, "male");
  EXPECT_EQ(recording.patient.age, 49);  // born on 8 May 1953, recorded on 22 November 2002
  EXPECT_EQ(recording.recorded_at, "2002-11-22T09:10:00");
  EXPECT_THAT(recording.statements, ElementsAre("Sinus Rhythm"));
  EXPECT_THAT(recording.comments, ElementsAre("Subject felt dizzy 2 minutes prior to ECG collection"));
  EXPECT_EQ(recording.filters.low_pass, 150);
  EXPECT_FALSE(recording.filters.high_pass);  // the file names a type and no frequency
  EXPECT_EQ(recording.filters.notch, 60);
  EXPECT_THAT(recording.notes, Contains(HasSubstr("age reported is 46")));
  ASSERT_TRUE(recording.median);
  EXPECT_DOUBLE_EQ(recording.median->rate, 500);
  ASSERT_EQ(recording.median->leads.size(), 12U);
  EXPECT_EQ(recording.median->leads[0].samples.size(), 599U);
  EXPECT_FLOAT_EQ(recording.median->leads[1].samples[0], 52 * 0.0025F);
}

}  // namespace
}  // namespace deri
