// Synthetic recordings with one thing wrong at a time.

#include "deri/ecg/quality.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

#include "deri/ecg/beats.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/synth.hpp"

namespace deri {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Recording synthetic(const SyntheticPlan& plan, double noise = 0, double rate = 500) {
  const SyntheticEcg ecg = synthesise(plan, {.rate = rate, .seconds = 10, .noise = noise});
  Recording recording;
  recording.rate = rate;
  for (std::size_t i = 0; i < 12; ++i) {
    Lead lead{standard_leads()[i], {}};
    for (std::size_t k = 0; k < ecg.length; ++k)
      lead.samples.push_back(static_cast<float>(ecg.microvolts[i * ecg.length + k]) / 1000);
    recording.leads.push_back(lead);
  }
  return recording;
}

// A normal heart.
const Recording& normal() {
  static const Recording recording = synthetic(testing::plans_with(FindingSet{Finding::kNorm}, 1).at(0), 0.5);
  return recording;
}

Lead& lead(Recording& recording, const char* name) {
  return *std::find_if(recording.leads.begin(), recording.leads.end(), [&](const Lead& x) { return x.name == name; });
}

const LeadQuality& quality(const QualityReport& report, const char* name) {
  return *std::find_if(report.leads.begin(), report.leads.end(), [&](const LeadQuality& x) { return x.lead == name; });
}

void negate(std::vector<float>& samples) {
  for (float& sample : samples) sample = -sample;
}

// What a recorder writes when the electrodes of the arms are exchanged.
void exchange_arms(Recording& recording) {
  negate(lead(recording, "I").samples);
  std::swap(lead(recording, "II").samples, lead(recording, "III").samples);
  std::swap(lead(recording, "aVR").samples, lead(recording, "aVL").samples);
}

TEST(Quality, ANormalRecordingIsGood) {
  const QualityReport report = assess_quality(normal());
  EXPECT_THAT(report.flags(), IsEmpty());
  EXPECT_TRUE(report.good());
  EXPECT_EQ(report.leads.size(), 12U);
  EXPECT_EQ(report.limb.size(), 4U);
  EXPECT_LT(report.limb[0].millivolts, 0.002);
}

TEST(Quality, HeartRateAsMade) {
  for (const SyntheticPlan& plan : testing::plans_with(FindingSet{Finding::kNorm}, 12)) {
    const SyntheticEcg ecg = synthesise(plan, {.rate = 500, .seconds = 10, .noise = 0});
    const QualityReport report = assess_quality(synthetic(plan, 1));
    ASSERT_TRUE(report.heart_rate.has_value());
    EXPECT_NEAR(*report.heart_rate, ecg.heart_rate, 0.06 * ecg.heart_rate);
  }
}

TEST(Quality, MissingSamples) {
  Recording recording = normal();
  for (std::size_t k = 100; k < 150; ++k) lead(recording, "V2").samples[k] = std::numeric_limits<float>::quiet_NaN();
  const QualityReport report = assess_quality(recording);
  EXPECT_EQ(quality(report, "V2").missing, 50U);
  EXPECT_DOUBLE_EQ(quality(report, "V2").missing_share, 0.01);
  EXPECT_THAT(report.flags(), ElementsAre("V2: 50 samples missing (1 %)"));
}

TEST(Quality, FlatLeads) {
  Recording recording = normal();
  auto& v3 = lead(recording, "V3").samples;
  std::fill(v3.begin() + 1000, v3.begin() + 2250, 0.1F);
  const QualityReport report = assess_quality(recording);
  EXPECT_TRUE(quality(report, "V3").is_flat);
  EXPECT_NEAR(quality(report, "V3").flat_seconds, 2.5, 0.1);
  EXPECT_THAT(report.flags(), ElementsAre(HasSubstr("V3: flat for 2.5 s")));
  std::fill(v3.begin(), v3.end(), 0.0F);
  EXPECT_TRUE(quality(assess_quality(recording), "V3").is_flat);
}

TEST(Quality, Clipping) {
  Recording recording = normal();
  auto& v4 = lead(recording, "V4").samples;
  const float limit = 0.3F * *std::max_element(v4.begin(), v4.end());
  std::size_t cut = 0;
  for (float& sample : v4) {
    if (sample > limit) ++cut;
    sample = std::min(sample, limit);
  }
  const QualityReport report = assess_quality(recording);
  EXPECT_TRUE(quality(report, "V4").is_clipped);
  EXPECT_GT(quality(report, "V4").clipped, cut / 4);
  EXPECT_LE(quality(report, "V4").clipped, cut + 20);
  EXPECT_THAT(report.flags(), ElementsAre(HasSubstr("V4: ")));
}

TEST(Quality, MainsHum) {
  for (const double mains : {50.0, 60.0, 49.9}) {
    for (const double rate : {500.0, 250.0}) {
      Recording recording = synthetic(testing::plans_with(FindingSet{Finding::kNorm}, 1).at(0), 0.5, rate);
      auto& v1 = lead(recording, "V1").samples;
      for (std::size_t k = 0; k < v1.size(); ++k)
        v1[k] += static_cast<float>(0.1 * std::sin(2 * std::numbers::pi * mains * static_cast<double>(k) / rate));
      const QualityReport report = assess_quality(recording);
      EXPECT_TRUE(quality(report, "V1").has_hum);
      EXPECT_EQ(quality(report, "V1").hum_hz, std::round(mains / 10) * 10);
      EXPECT_NEAR(quality(report, "V1").hum, 0.1, 0.01);
      EXPECT_FALSE(quality(report, "V2").has_hum);
    }
  }
  // At 100 Hz, 50 Hz cannot be seen.
  EXPECT_EQ(quality(assess_quality(synthetic(testing::plan_pool().at(0), 0, 100)), "V1").hum_hz, std::nullopt);
}

TEST(Quality, NoHumInCleanRecordings) {
  for (std::size_t i = 0; i < 20; ++i) {
    const QualityReport report = assess_quality(synthetic(testing::plan_pool().at(i), 0));
    for (const LeadQuality& lead : report.leads) EXPECT_FALSE(lead.has_hum) << i << lead.lead;
  }
}

TEST(Quality, BaselineWander) {
  Recording recording = normal();
  auto& v6 = lead(recording, "V6").samples;
  for (std::size_t k = 0; k < v6.size(); ++k)
    v6[k] += static_cast<float>(std::sin(2 * std::numbers::pi * 0.2 * static_cast<double>(k) / 500));
  const QualityReport report = assess_quality(recording);
  EXPECT_TRUE(quality(report, "V6").has_wander);
  EXPECT_NEAR(quality(report, "V6").wander, 2, 0.3);
}

TEST(Quality, LimbLeadsThatContradictEachOther) {
  Recording recording = normal();
  std::swap(lead(recording, "II").samples, lead(recording, "V2").samples);
  EXPECT_THAT(assess_quality(recording).flags(), Contains(HasSubstr("limb leads contradict each other: I + III - II")));
}

TEST(Quality, AvrOfTheWrongSign) {
  Recording recording = normal();
  negate(lead(recording, "aVR").samples);
  EXPECT_THAT(assess_quality(recording).swaps, ElementsAre(LeadSwap::kAvrInverted));
}

TEST(Quality, ArmElectrodesExchanged) {
  std::size_t found = 0, plans = 0;
  for (const SyntheticPlan& plan : testing::plans_with(FindingSet{Finding::kNorm}, 40)) {
    Recording recording = synthetic(plan, 1);
    EXPECT_THAT(assess_quality(recording).swaps, IsEmpty());
    const auto& i = lead(recording, "I").samples;
    const auto [low, high] = std::minmax_element(i.begin(), i.end());
    if (*high < 0.3F || *high < -2 * *low) continue;
    ++plans;
    exchange_arms(recording);
    const auto swaps = assess_quality(recording).swaps;
    found += static_cast<std::size_t>(std::count(swaps.begin(), swaps.end(), LeadSwap::kArms));
  }
  EXPECT_GE(plans, 15U);
  EXPECT_GE(10 * found, 8 * plans) << found << " of " << plans;
}

TEST(Quality, RightLegElectrodeOnAnArm) {
  const Recording good = normal();
  const std::size_t length = good.length();
  // The right leg's electrode on the right arm: its potential is near the left leg's, so II vanishes and I is -III.
  Recording right = good;
  for (std::size_t k = 0; k < length; ++k) {
    lead(right, "I").samples[k] = -good.find("III")->samples[k];
    lead(right, "II").samples[k] = 0.02F * good.find("II")->samples[k];
  }
  EXPECT_THAT(assess_quality(right).swaps, ElementsAre(LeadSwap::kRightLegInII));
  Recording left = good;
  for (std::size_t k = 0; k < length; ++k) {
    lead(left, "I").samples[k] = good.find("II")->samples[k];
    lead(left, "III").samples[k] = 0.02F * good.find("II")->samples[k];
  }
  EXPECT_THAT(assess_quality(left).swaps, ElementsAre(LeadSwap::kRightLegInIII));
}

TEST(Quality, AnythingCanBeAssessed) {
  EXPECT_THAT(assess_quality(Recording{}).leads, IsEmpty());
  Recording odd;
  odd.rate = std::numeric_limits<double>::infinity();
  EXPECT_THAT(assess_quality(odd).leads, IsEmpty());
  odd.rate = 1e-3;
  odd.leads = {{"I", {}}, {"II", {1}}, {"III", {1, 2, 3}}, {"Resp", {1, 2}, "Ohm"}};
  EXPECT_EQ(assess_quality(odd).leads.size(), 3U);
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
  for (const double rate : {0.5, 50.0, 500.0, 1e9}) {
    odd.rate = rate;
    odd.leads.clear();
    for (const std::string& name : standard_leads())
      odd.leads.push_back({name, std::vector<float>(3000, name == "I" ? nan : name == "II" ? infinite : 1e38F)});
    for (std::size_t k = 0; k < 3000; k += 7) odd.leads[4].samples[k] = -1e38F;
    EXPECT_EQ(assess_quality(odd).leads.size(), 12U);
    EXPECT_NO_THROW(to_json(assess_quality(odd)).dump());
  }
}

TEST(Quality, Json) {
  Recording recording = normal();
  exchange_arms(recording);
  const Json json = to_json(assess_quality(recording));
  EXPECT_EQ(json["good"], false);
  EXPECT_EQ(json["leads"].size(), 12U);
  EXPECT_EQ(json["leads"][0]["lead"], "I");
  EXPECT_EQ(json["swaps"].size(), 1U);
  EXPECT_EQ(json["swaps"][0], "arms");
  EXPECT_EQ(json["limb_leads"].size(), 4U);
}

}  // namespace
}  // namespace deri
