#include "deri/ecg/recording.hpp"

#include <algorithm>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Recording three_leads() {
  Recording recording;
  recording.rate = 2;
  recording.source = "three.hea";
  recording.leads = {{"AVF", {1, 2, 3}}, {"aVL", {4, 5, 6}}, {"MCL1", {7, 8, 9}}};
  return recording;
}

TEST(Recording, LengthAndSeconds) {
  EXPECT_EQ(three_leads().length(), 3U);
  EXPECT_DOUBLE_EQ(three_leads().seconds(), 1.5);
  EXPECT_EQ(Recording{}.length(), 0U);
  EXPECT_DOUBLE_EQ(Recording{}.seconds(), 0);
}

TEST(Recording, FindsLeadsInAnySpelling) {
  const Recording recording = three_leads();
  ASSERT_NE(recording.find("avf"), nullptr);
  EXPECT_EQ(recording.find("avf"), &recording.leads[0]);
  EXPECT_EQ(recording.find(" AVL"), &recording.leads[1]);
  EXPECT_EQ(recording.find("V1"), nullptr);
}

TEST(Recording, SelectsByNameInTheOrderAskedFor) {
  const SignalMatrix matrix = select_leads(three_leads(), {"AVL", "aVF"});
  EXPECT_THAT(matrix.leads, ElementsAre("aVL", "aVF"));
  EXPECT_EQ(matrix.length, 3U);
  EXPECT_DOUBLE_EQ(matrix.rate, 2);
  EXPECT_THAT(matrix.values, ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(matrix.lead(1), ElementsAre(1, 2, 3));
}

TEST(Recording, NamesTheMissingLeadAndThoseThereAre) {
  EXPECT_DERI_ERROR(select_leads(three_leads(), {"aVL", "v6"}),
                    AllOf(HasSubstr("three.hea"), HasSubstr("V6"), HasSubstr("MCL1")));
}

TEST(Recording, RefusesLeadsOfDifferentLength) {
  Recording recording = three_leads();
  recording.leads[1].samples.pop_back();
  EXPECT_DERI_ERROR(select_leads(recording, {"aVF", "aVL"}), AllOf(HasSubstr("aVL"), HasSubstr("2 samples")));
}

TEST(Recording, RefusesALeadThatIsThereTwice) {
  Recording recording = three_leads();
  recording.leads[1].name = recording.leads[0].name;
  EXPECT_DERI_ERROR(select_leads(recording, {recording.leads[0].name}), HasSubstr("more than once"));
}

TEST(DeriveLimbLeads, FollowsEinthovenAndGoldberger) {
  std::vector<Lead> leads{{"V1", {9, 9}}, {"II", {1, 0.5F}}, {"I", {0.25F, 2}}, {"aVF", {7, 7}}};
  EXPECT_THAT(derive_limb_leads(leads), ::testing::ElementsAre("III", "aVR", "aVL"));
  const auto samples = [&](const char* name) {
    return std::find_if(leads.begin(), leads.end(), [&](const Lead& lead) { return lead.name == name; })->samples;
  };
  EXPECT_THAT(samples("III"), ::testing::ElementsAre(0.75F, -1.5F));
  EXPECT_THAT(samples("aVR"), ::testing::ElementsAre(-0.625F, -1.25F));
  EXPECT_THAT(samples("aVL"), ::testing::ElementsAre(-0.25F, 1.75F));
  EXPECT_THAT(samples("aVF"), ::testing::ElementsAre(7, 7)) << "what the file has stays";
  std::vector<std::string> order;
  for (const Lead& lead : leads) order.push_back(lead.name);
  EXPECT_THAT(order, ::testing::ElementsAre("I", "II", "III", "aVR", "aVL", "aVF", "V1"));
}

TEST(DeriveLimbLeads, NeedsBothLeads) {
  std::vector<Lead> leads{{"I", {1}}, {"V1", {1}}};
  EXPECT_TRUE(derive_limb_leads(leads).empty());
  EXPECT_EQ(leads.size(), 2U);
}

}  // namespace
}  // namespace deri
