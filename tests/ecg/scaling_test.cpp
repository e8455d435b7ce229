#include "deri/ecg/scaling.hpp"

#include <cmath>
#include <vector>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

TEST(Scaling, NamesAndValuesAgree) {
  for (const char* name : {"record-minmax", "lead-zscore", "millivolt"})
    EXPECT_STREQ(scaling_name(parse_scaling(name)), name);
}

TEST(Scaling, UnknownNameSuggestsTheNearest) {
  EXPECT_DERI_ERROR(parse_scaling("record-minmaxx"),
                    AllOf(HasSubstr("record-minmaxx"), HasSubstr("did you mean record-minmax?")));
  EXPECT_DERI_ERROR(parse_scaling(""), HasSubstr("lead-zscore"));
}

TEST(Scaling, MinmaxTakesAllLeadsTogether) {
  std::vector<float> values{-1, 0, 1, 3};  // two leads
  scale(Scaling::kRecordMinmax, values, 2);
  EXPECT_THAT(values,
              ElementsAre(FloatNear(0, 1e-7F), FloatNear(0.25F, 1e-7F), FloatNear(0.5F, 1e-7F), FloatNear(1, 1e-7F)));
}

TEST(Scaling, MinmaxFollowsThePublishedFormula) {
  // A range as small as the formula's 1e-8 shows that it is there: 1e-8 / (1e-8 + 1e-8).
  std::vector<float> values{0, 1e-8F};
  scale(Scaling::kRecordMinmax, values, 1);
  EXPECT_THAT(values, ElementsAre(0, FloatNear(0.5F, 1e-6F)));
}

TEST(Scaling, MinmaxOfAFlatRecordIsZero) {
  std::vector<float> values(6, 0.7F);
  scale(Scaling::kRecordMinmax, values, 2);
  EXPECT_THAT(values, Each(0.0F));
}

TEST(Scaling, ZscoreTakesEachLeadByItself) {
  std::vector<float> values{1, 3, 1, 3, 10, 10, 30, 30};
  scale(Scaling::kLeadZscore, values, 2);
  EXPECT_THAT(values, ElementsAre(-1, 1, -1, 1, -1, -1, 1, 1));
}

TEST(Scaling, ZscoreOfAFlatLeadIsZeros) {
  // 0.1 has no exact float: the mean's rounding must not be blown up to unit variance.
  std::vector<float> values(1000, 0.1F);
  values.insert(values.end(), 1000, 1.0F);
  values.back() = 2;
  scale(Scaling::kLeadZscore, values, 2);
  EXPECT_THAT(std::vector<float>(values.begin(), values.begin() + 1000), Each(0.0F));
  EXPECT_GT(values.back(), 1.0F);
}

TEST(Scaling, MillivoltLeavesValuesAlone) {
  std::vector<float> values{-1.5F, 0, 2.25F};
  scale(Scaling::kMillivolt, values, 1);
  EXPECT_THAT(values, ElementsAre(-1.5F, 0, 2.25F));
}

TEST(Scaling, ShapesThatDoNotFitAreBugs) {
  std::vector<float> values(7);
  EXPECT_THROW(scale(Scaling::kMillivolt, values, 2), InternalError);
  EXPECT_THROW(scale(Scaling::kMillivolt, values, 0), InternalError);
}

}  // namespace
}  // namespace deri
