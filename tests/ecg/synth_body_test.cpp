#include "deri/ecg/synth_body.hpp"

#include <cmath>
#include <numbers>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using namespace testing;  // NOLINT: lead positions
using ::testing::HasSubstr;

TEST(LeadField, StandardElectrodesGiveDowersCoefficients) {
  const LeadField field{SyntheticPatient{}};
  const auto x = field.all({1, 0, 0}), y = field.all({0, 1, 0}), z = field.all({0, 0, 1});
  EXPECT_DOUBLE_EQ(x[kI], 0.632);
  EXPECT_DOUBLE_EQ(y[kII], 1.066);
  EXPECT_DOUBLE_EQ(z[kV2], -1.387);
  EXPECT_NEAR(y[kAVF], 1.1835, 1e-12);
  EXPECT_NEAR(x[kIII], -0.397, 1e-12);
}

TEST(LeadField, AShiftedElectrodeSeesAMixture) {
  SyntheticPatient patient;
  patient.chest_shift = 0.25;
  EXPECT_NEAR(LeadField(patient).all({1, 0, 0})[kV1], 0.75 * -0.515 + 0.25 * 0.044, 1e-12);
  patient.chest_shift = -0.25;
  EXPECT_NEAR(LeadField(patient).all({1, 0, 0})[kV2], 0.75 * 0.044 + 0.25 * -0.515, 1e-12);
}

TEST(Rotate, TurnsTheAxisClockwiseAndLeftwardForcesBack) {
  const double right_angle = std::numbers::pi / 2;
  EXPECT_NEAR(rotate({1, 0, 0}, right_angle, 0).y, 1, 1e-12);
  EXPECT_NEAR(rotate({1, 0, 0}, 0, right_angle).z, 1, 1e-12);
  EXPECT_EQ(rotate({0, 0, 0, 0.3, 0.4}, 1, 1).apex, 0.4);
}

RecordedSignal silence(std::size_t n) {
  RecordedSignal leads;
  for (auto& lead : leads) lead.assign(n, 0.0);
  return leads;
}

TEST(ElectrodeNoise, ReachesEveryLeadAndScalesWithItsLevel) {
  RecordedSignal one = silence(5000), two = silence(5000), none = silence(5000);
  for (auto [leads, level] : {std::pair{&one, 1.0}, {&two, 2.0}, {&none, 0.0}}) {
    Rng rng(5);
    add_electrode_noise(*leads, 500, level, rng);
  }
  for (std::size_t lead = 0; lead < kRecordedLeads; ++lead) {
    double power = 0;
    for (std::size_t i = 0; i < 5000; ++i) {
      power += one[lead][i] * one[lead][i];
      EXPECT_NEAR(two[lead][i], 2 * one[lead][i], 1e-9);
      EXPECT_EQ(none[lead][i], 0);
    }
    const double deviation = std::sqrt(power / 5000);
    EXPECT_GT(deviation, 0.003);
    EXPECT_LT(deviation, 0.5);
  }
}

// What is left of a sine's amplitude, from its mean square.
double gain(double frequency) {
  std::vector<double> sine(2500);
  for (std::size_t i = 0; i < sine.size(); ++i)
    sine[i] = std::sin(2 * std::numbers::pi * frequency * static_cast<double>(i) / 500 + 0.3);
  double squares = 0;
  const std::vector<double> thinned = decimate(sine, 5);
  for (const double value : thinned) squares += value * value;
  return std::sqrt(2 * squares / static_cast<double>(thinned.size()));
}

TEST(Decimate, KeepsTheEcgBandAndStopsWhatWouldAlias) {
  EXPECT_NEAR(gain(10), 1, 0.01);
  EXPECT_NEAR(gain(25), 1, 0.01);
  EXPECT_NEAR(gain(35), 1, 0.05);
  EXPECT_LT(gain(60), 0.02);
  EXPECT_LT(gain(75), 0.01);
  EXPECT_LT(gain(130), 0.01);
}

TEST(Decimate, CentresTheFirstSampleAfterTheMargin) {
  std::vector<double> ramp(100 + 2 * decimation_margin(5));
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<double>(i);
  const auto thinned = decimate(ramp, 5);
  ASSERT_EQ(thinned.size(), 20U);
  EXPECT_NEAR(thinned[0], static_cast<double>(decimation_margin(5)), 1e-9);
  EXPECT_NEAR(thinned[19] - thinned[0], 95, 1e-9);
}

TEST(ToStandardLeads, RelationsHoldForAnyVoltage) {
  RecordedSignal leads = silence(500);
  Rng rng(11);
  for (auto& lead : leads)
    for (double& value : lead) value = rng.normal(0, 8);  // far beyond an ECG: some samples are clipped
  const auto samples = to_standard_leads(leads);
  const auto at = [&](int lead, std::size_t i) {
    return static_cast<int>(samples[static_cast<std::size_t>(lead) * 500 + i]);
  };
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_EQ(at(kIII, i), at(kII, i) - at(kI, i));
    EXPECT_EQ(2 * at(kAVR, i), -(at(kI, i) + at(kII, i)));
    EXPECT_EQ(2 * at(kAVL, i), 2 * at(kI, i) - at(kII, i));
    EXPECT_EQ(2 * at(kAVF, i), 2 * at(kII, i) - at(kI, i));
  }
  EXPECT_NEAR(at(kV3, 7), std::clamp(1000 * leads[kLeadV3][7], -32000.0, 32000.0), 0.5);
  EXPECT_NEAR(at(kII, 7), std::clamp(1000 * leads[kLeadII][7], -16000.0, 16000.0), 1);
}

}  // namespace
}  // namespace deri
