#include "deri/ecg/input.hpp"

#include <limits>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SignalMatrix two_leads() {
  return {{"I", "II"}, 5, 100, {1, 2, 3, 4, 5, -1, -2, -3, -4, -5}};
}

TEST(FitLength, CropsTheMiddle) {
  const SignalMatrix three = fit_length(two_leads(), 3);
  EXPECT_EQ(three.length, 3U);
  EXPECT_DOUBLE_EQ(three.rate, 100);
  EXPECT_THAT(three.leads, ElementsAre("I", "II"));
  EXPECT_THAT(three.values, ElementsAre(2, 3, 4, -2, -3, -4));
  EXPECT_THAT(fit_length(two_leads(), 4).values, ElementsAre(1, 2, 3, 4, -1, -2, -3, -4));
}

TEST(FitLength, PadsBothEndsWithZeros) {
  EXPECT_THAT(fit_length(two_leads(), 8).values, ElementsAre(0, 1, 2, 3, 4, 5, 0, 0, 0, -1, -2, -3, -4, -5, 0, 0));
}

TEST(FitLength, LeavesTheRightLengthAlone) {
  EXPECT_EQ(fit_length(two_leads(), 5).values, two_leads().values);
}

TEST(FitLength, EmptyBecomesZeros) {
  EXPECT_THAT(fit_length({{"I"}, 0, 100, {}}, 2).values, ElementsAre(0, 0));
}

TEST(ToMicrovolts, RoundsToTheNearest) {
  const SignalMatrix signal{{"I"}, 5, 100, {0.0014F, -0.0016F, 0.9996F, 32.767F, -32.767F}};
  EXPECT_THAT(to_microvolts(signal), ElementsAre(1, -2, 1000, 32767, -32767));
}

TEST(ToMicrovolts, RefusesWhatDoesNotFitNamingTheLead) {
  for (const float value :
       {32.8F, -32.8F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const SignalMatrix signal{{"I", "V2"}, 1, 100, {0, value}};
    EXPECT_DERI_ERROR(to_microvolts(signal), AllOf(HasSubstr("V2"), HasSubstr("32.767")));
  }
}

}  // namespace
}  // namespace deri
