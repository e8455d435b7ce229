#include "deri/ecg/recording.hpp"

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

}  // namespace
}  // namespace deri
