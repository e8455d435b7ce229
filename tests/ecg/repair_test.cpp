#include "deri/ecg/repair.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Two leads of 2 s at 100 Hz; the values rise by 0.001 mV per sample.
SignalMatrix ramp() {
  SignalMatrix signal{{"I", "V1"}, 200, 100, {}};
  for (int i = 0; i < 400; ++i) signal.values.push_back(0.001F * static_cast<float>(i % 200));
  return signal;
}

void remove_samples(SignalMatrix& signal, std::size_t lead, std::size_t first, std::size_t count, float value = kNan) {
  for (std::size_t i = first; i < first + count; ++i) signal.lead(lead)[i] = value;
}

std::string rejection_of(SignalMatrix signal, const RepairOptions& options = {}) {
  return repair(signal, options).rejection.value_or("");
}

TEST(Repair, LeavesAWholeSignalAlone) {
  SignalMatrix signal = ramp();
  const RepairReport report = repair(signal);
  EXPECT_FALSE(report.rejection);
  EXPECT_THAT(report.repaired, ElementsAre(0, 0));
  EXPECT_EQ(signal.values, ramp().values);
}

TEST(Repair, FillsShortGapsWithStraightLines) {
  SignalMatrix signal = ramp();
  remove_samples(signal, 1, 50, 3);
  remove_samples(signal, 1, 90, 2, kInfinity);
  const RepairReport report = repair(signal);
  EXPECT_FALSE(report.rejection);
  EXPECT_THAT(report.repaired, ElementsAre(0, 5));
  EXPECT_EQ(report.total_repaired(), 5U);
  const SignalMatrix whole = ramp();
  for (std::size_t i = 0; i < signal.values.size(); ++i) EXPECT_NEAR(signal.values[i], whole.values[i], 1e-6) << i;
}

TEST(Repair, HoldsTheNearestSampleAtTheEnds) {
  SignalMatrix signal = ramp();
  remove_samples(signal, 0, 0, 4);
  remove_samples(signal, 0, 195, 5);
  EXPECT_THAT(repair(signal).repaired, ElementsAre(9, 0));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(signal.lead(0)[i], 0.004F);
  for (std::size_t i = 195; i < 200; ++i) EXPECT_FLOAT_EQ(signal.lead(0)[i], 0.194F);
}

TEST(Repair, AFlatLeadMayBeKept) {
  SignalMatrix signal = ramp();
  std::fill(signal.lead(1).begin(), signal.lead(1).end(), 0.0F);
  EXPECT_THAT(rejection_of(signal), HasSubstr("V1 is flat"));
  RepairOptions options;
  options.keep_flat_leads = true;
  EXPECT_EQ(rejection_of(signal, options), "");
  remove_samples(signal, 1, 0, 200);
  EXPECT_THAT(rejection_of(signal, options), HasSubstr("V1 has no valid samples"));
}

TEST(Repair, LongGapIsRejectedAndTheSignalKept) {
  RepairOptions options;
  options.max_missing_share = 1;
  SignalMatrix signal = ramp();
  remove_samples(signal, 0, 10, 2);
  remove_samples(signal, 1, 100, 20);
  EXPECT_EQ(rejection_of(signal, options), "");  // 0.2 s, as much as may be
  remove_samples(signal, 1, 120, 1);
  const RepairReport report = repair(signal, options);
  ASSERT_TRUE(report.rejection);
  EXPECT_THAT(*report.rejection, AllOf(HasSubstr("lead V1"), HasSubstr("0.21 s"), HasSubstr("at 1.00 s")));
  EXPECT_THAT(report.repaired, ElementsAre(0, 0));
  EXPECT_TRUE(std::isnan(signal.lead(0)[10]));
}

TEST(Repair, ManySmallGapsAreRejected) {
  SignalMatrix signal = ramp();
  for (std::size_t i = 0; i < 10; ++i) remove_samples(signal, 0, 10 + 10 * i, 1);
  EXPECT_EQ(rejection_of(signal), "");  // 5 %
  remove_samples(signal, 0, 150, 1);
  EXPECT_THAT(rejection_of(signal), AllOf(HasSubstr("lead I "), HasSubstr("5.5 %")));
}

TEST(Repair, FlatLeadIsRejected) {
  SignalMatrix signal = ramp();
  remove_samples(signal, 1, 0, 200, 0.25F);
  EXPECT_THAT(rejection_of(signal), AllOf(HasSubstr("lead V1 is flat"), HasSubstr("0.25 mV")));
  remove_samples(signal, 1, 20, 3);  // holes do not hide it
  EXPECT_THAT(rejection_of(signal), HasSubstr("lead V1 is flat"));
}

TEST(Repair, LeadWithoutValidSamplesIsRejected) {
  SignalMatrix signal = ramp();
  remove_samples(signal, 1, 0, 200);
  EXPECT_THAT(rejection_of(signal), HasSubstr("lead V1 has no valid samples"));
}

TEST(Repair, ImpossibleAmplitudeIsRejected) {
  SignalMatrix signal = ramp();
  signal.lead(0)[3] = 31.9F;
  EXPECT_EQ(rejection_of(signal), "");
  signal.lead(0)[3] = -40;
  EXPECT_THAT(rejection_of(signal), AllOf(HasSubstr("lead I "), HasSubstr("-40.0 mV")));
}

TEST(Repair, NoSamplesIsRejected) {
  EXPECT_THAT(rejection_of({{"I"}, 0, 100, {}}), HasSubstr("no samples"));
  EXPECT_THAT(rejection_of({}), HasSubstr("no samples"));
}

}  // namespace
}  // namespace deri
