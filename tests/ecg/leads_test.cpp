#include "deri/ecg/leads.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

TEST(Leads, BothOrdersHoldTheSameTwelve) {
  EXPECT_EQ(standard_leads().size(), 12U);
  EXPECT_THAT(mimic_leads(), ::testing::UnorderedElementsAreArray(standard_leads()));
}

TEST(Leads, MimicPutsAvfBeforeAvl) {
  EXPECT_EQ(standard_leads().at(4), "aVL");
  EXPECT_EQ(standard_leads().at(5), "aVF");
  EXPECT_EQ(mimic_leads().at(4), "aVF");
  EXPECT_EQ(mimic_leads().at(5), "aVL");
}

TEST(Leads, SpellingsBecomeTheStandardOne) {
  EXPECT_EQ(canonical_lead("AVR"), "aVR");
  EXPECT_EQ(canonical_lead("avl"), "aVL");
  EXPECT_EQ(canonical_lead(" aVF\t"), "aVF");
  EXPECT_EQ(canonical_lead("v1"), "V1");
  EXPECT_EQ(canonical_lead("iii"), "III");
}

TEST(Leads, OtherNamesAreOnlyTrimmed) {
  EXPECT_EQ(canonical_lead("  MCL1 "), "MCL1");
  EXPECT_EQ(canonical_lead("V10"), "V10");
  EXPECT_EQ(canonical_lead("   "), "");
  EXPECT_EQ(canonical_lead(""), "");
}

}  // namespace
}  // namespace deri
