#include "deri/ecg/synth_heart.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using enum Finding;
using namespace testing;  // NOLINT: lead positions

constexpr double kStep = 0.002;

// A recording's noise-free beat, as its leads see it.
struct BeatView {
  explicit BeatView(const SyntheticPlan& plan)
      : field(plan.patient), heart(make_heart(plan, field)), measured(measure(heart.beat, field)) {}

  // Lead voltage in mV at t seconds after the onset of QRS.
  double at(std::size_t lead, double t) const {
    Source source;
    for (const Wave& wave : heart.beat.qrs) {
      const double u = (t - wave.at) / wave.width;
      source += std::exp(-u * u / 2) * wave.peak;
    }
    return field.all(source)[lead];
  }
  double lowest(std::size_t lead, double from, double to) const {
    double value = at(lead, from);
    for (double t = from; t < to; t += kStep) value = std::min(value, at(lead, t));
    return value;
  }
  double highest(std::size_t lead, double from, double to) const {
    double value = at(lead, from);
    for (double t = from; t < to; t += kStep) value = std::max(value, at(lead, t));
    return value;
  }
  double t_wave(std::size_t lead) const { return field.all(heart.beat.t)[lead]; }

  LeadField field;
  Heart heart;
  BeatMeasurements measured;
};

std::vector<BeatView> beats_with(const FindingSet& wanted, const FindingSet& unwanted = {}, std::size_t count = 40) {
  std::vector<BeatView> beats;
  for (const SyntheticPlan& plan : plans_with(wanted, count, unwanted)) beats.emplace_back(plan);
  EXPECT_GE(beats.size(), 10U);
  return beats;
}

// The share of beats for which `holds`.
template <typename Predicate>
double share(const std::vector<BeatView>& beats, Predicate holds) {
  return static_cast<double>(std::count_if(beats.begin(), beats.end(), holds)) / static_cast<double>(beats.size());
}

TEST(SynthHeart, NormalBeatIsNormal) {
  for (const BeatView& beat : beats_with({kNorm})) {
    EXPECT_GT(beat.heart.beat.qrs_duration, 0.07);
    EXPECT_LT(beat.heart.beat.qrs_duration, 0.11);
    EXPECT_GT(beat.measured.axis, -30);
    EXPECT_LT(beat.measured.axis, 91);
    EXPECT_GT(beat.highest(kV1, 0, 0.04), 0.02) << "small r in V1";
    EXPECT_LT(beat.lowest(kV1, 0, 0.1), -0.2) << "S in V1";
    EXPECT_GT(beat.highest(kV5, 0, 0.1), 0.5) << "R in V5";
    for (const std::size_t lead : {kI, kII, kV3, kV4, kV5, kV6}) EXPECT_GT(beat.t_wave(lead), 0.05);
    EXPECT_TRUE(beat.measured.st_depressed.empty());
    EXPECT_GE(beat.heart.pr, 0.12);
    EXPECT_LE(beat.heart.pr, 0.2);
    EXPECT_LE(beat.heart.qtc, 0.45);
  }
}

TEST(SynthHeart, LeftBundleBranchBlock) {
  for (const BeatView& beat : beats_with({kClbbb})) {
    EXPECT_GE(beat.heart.beat.qrs_duration, 0.135);
    EXPECT_LT(beat.lowest(kV1, 0, 0.16), -0.5);
    EXPECT_LT(beat.highest(kV1, 0, 0.16), 0.1) << "no R in V1";
    EXPECT_GT(beat.highest(kV6, 0, 0.16), 0.3);
    EXPECT_GT(beat.lowest(kV6, 0.02, 0.12), 0) << "no Q or S in V6";
    EXPECT_GT(beat.t_wave(kV1), 0.1) << "discordant T";
    EXPECT_LT(beat.t_wave(kV6), 0);
  }
}

TEST(SynthHeart, RightBundleBranchBlocks) {
  for (const BeatView& beat : beats_with({kCrbbb})) {
    EXPECT_GE(beat.heart.beat.qrs_duration, 0.12);
    EXPECT_GT(beat.highest(kV1, 0.08, 0.12), 0.25) << "R' in V1";
    EXPECT_LT(beat.lowest(kI, 0.08, 0.13), -0.1) << "wide S in I";
    EXPECT_LT(beat.lowest(kV6, 0.08, 0.13), -0.1) << "wide S in V6";
  }
  for (const BeatView& beat : beats_with({kIrbbb}, {kRvh})) {
    EXPECT_LT(beat.heart.beat.qrs_duration, 0.128);
    EXPECT_GT(beat.highest(kV1, 0.07, 0.11), 0.08) << "r' in V1";
  }
}

TEST(SynthHeart, FascicularBlocksSetTheAxis) {
  for (const BeatView& beat : beats_with({kLafb}, {kImi, kAsmi, kAmi, kLmi})) {
    EXPECT_LT(beat.measured.axis, -35);
    EXPECT_GT(beat.measured.axis, -90);
    EXPECT_GT(beat.highest(kIII, 0, 0.035), 0.03) << "r in III";
    EXPECT_LT(beat.lowest(kAVL, 0, 0.025), -0.03) << "q in aVL";
    EXPECT_LT(beat.lowest(kAVF, 0.03, 0.1), -0.4) << "S in aVF";
  }
  for (const BeatView& beat : beats_with({kLpfb}, {kAsmi})) {
    EXPECT_GT(beat.measured.axis, 85);
    EXPECT_LT(beat.lowest(kIII, 0, 0.025), -0.03) << "q in III";
  }
}

TEST(SynthHeart, Hypertrophy) {
  for (const BeatView& beat : beats_with({kLvh})) EXPECT_GE(beat.measured.sokolow_lyon, 3.45);
  for (const BeatView& beat : beats_with({kNorm})) EXPECT_LE(beat.measured.sokolow_lyon, 3.35);
  for (const BeatView& beat : beats_with({kRvh})) {
    EXPECT_GT(beat.measured.axis, 75);
    const double r = beat.highest(kV1, 0, 0.1), s = -beat.lowest(kV1, 0, 0.1);
    EXPECT_GT(r, 0.3);
    EXPECT_GT(r, s) << "R/S in V1";
    EXPECT_LT(beat.lowest(kV6, 0.03, 0.1), -0.2) << "S in V6";
  }
}

// A Q wave: at least 0.1 mV below the line in the first 40 ms.
bool q_wave(const BeatView& beat, std::size_t lead) {
  return beat.lowest(lead, 0, 0.04) < -0.1;
}

TEST(SynthHeart, InfarctsShowInTheirLeads) {
  const auto inferior = beats_with({kImi}, {kLvolt});
  for (const std::size_t lead : {kII, kIII, kAVF})
    EXPECT_GT(share(inferior, [lead](const BeatView& b) { return q_wave(b, lead); }), 0.9) << lead;
  const auto lateral = beats_with({kLmi}, {kImi});
  for (const std::size_t lead : {kI, kAVL, kV5, kV6})
    EXPECT_GT(share(lateral, [lead](const BeatView& b) { return q_wave(b, lead); }), 0.9) << lead;
  const auto anteroseptal = beats_with({kAsmi}, {kLvolt, kCrbbb});
  for (const std::size_t lead : {kV1, kV2, kV3})
    EXPECT_GT(
        share(anteroseptal, [lead](const BeatView& b) { return q_wave(b, lead) && b.highest(lead, 0, 0.03) < 0.1; }),
        0.9)
        << lead;
  const auto anterior = beats_with({kAmi}, {kLvolt});
  for (const std::size_t lead : {kV3, kV4})
    EXPECT_GT(share(anterior, [lead](const BeatView& b) { return q_wave(b, lead); }), 0.9) << lead;
  EXPECT_GT(share(anterior, [](const BeatView& b) { return b.highest(kV1, 0, 0.03) > 0.02; }), 0.8)
      << "r in V1 remains";
  for (const BeatView& beat : beats_with({kNorm}))
    for (const std::size_t lead : {kII, kV3, kV4}) EXPECT_FALSE(q_wave(beat, lead));
}

TEST(SynthHeart, PreExcitationShortensPrAndWidensQrs) {
  for (const BeatView& beat : beats_with({kWpw})) {
    EXPECT_LT(beat.heart.pr, 0.12);
    EXPECT_GT(beat.heart.beat.qrs_duration, 0.1);
    EXPECT_GT(beat.at(kV5, 0.025), 0.1) << "delta wave";
    EXPECT_GE(beat.lowest(kV5, 0, 0.05), 0) << "no q before it";
  }
}

TEST(SynthHeart, PacedBeatStartsWithAPulse) {
  for (const BeatView& beat : beats_with({kPace})) {
    EXPECT_GT(beat.heart.beat.qrs_duration, 0.14);
    EXPECT_LT(beat.measured.axis, -45);
    EXPECT_LT(beat.at(kII, -0.006), -0.3);
    EXPECT_GT(beat.at(kII, -0.016), -0.05) << "and the pulse is short";
  }
}

TEST(SynthHeart, IntervalsOfTheirFindings) {
  for (const BeatView& beat : beats_with({kAvb1})) EXPECT_GT(beat.heart.pr, 0.2);
  for (const BeatView& beat : beats_with({kLngqt})) EXPECT_GE(beat.heart.qtc, 0.47);
  EXPECT_DOUBLE_EQ(qt_interval(0.4, 100), 0.33);
  EXPECT_DOUBLE_EQ(pr_interval(0.2, 60), 0.2);
  EXPECT_LT(pr_interval(0.2, 140), 0.17);
}

TEST(SynthHeart, StAndTFindings) {
  for (const BeatView& beat : beats_with({kStd})) EXPECT_GE(beat.measured.st_depressed.size(), 2U);
  for (const BeatView& beat : beats_with({kInvt})) EXPECT_GE(beat.measured.t_inverted.size(), 2U);
  const auto flat = beats_with({kNdt}, {kCrbbb, kLvolt}), normal = beats_with({kNorm});
  const auto mean_t = [](const std::vector<BeatView>& beats) {
    return std::accumulate(beats.begin(), beats.end(), 0.0,
                           [](double sum, const BeatView& b) { return sum + std::fabs(b.t_wave(kV5)); }) /
           static_cast<double>(beats.size());
  };
  EXPECT_LT(mean_t(flat), 0.35 * mean_t(normal));
}

TEST(SynthHeart, LowVoltageIsLowAndTheRestIsNot) {
  for (const BeatView& beat : beats_with({kLvolt})) EXPECT_LT(beat.measured.limb_voltage, 0.49);
  for (const SyntheticPlan& plan : plan_pool())
    EXPECT_TRUE(plan.findings.has(kLvolt) || BeatView(plan).measured.limb_voltage > 0.59) << plan.ecg_id;
}

TEST(SynthHeart, WavesFollowTheQtInterval) {
  const BeatView beat(plans_with({kNorm}, 1).front());
  for (const double qt : {0.3, 0.4, 0.5}) {
    double latest = 0;
    for (const Wave& wave : ventricular_waves(beat.heart.beat, {}, qt))
      if (wave.peak.x != 0) latest = std::max(latest, wave.at + 2 * wave.width);
    EXPECT_NEAR(latest, qt, 1e-9);
  }
}

VentricularBeat one_wave(double x, double y) {
  return {{{0.04, 0.01, {x, y, 0}}}, 0.08, {}, {}, 1};
}

TEST(Measure, AxisFollowsTheHeartVector) {
  const LeadField field{SyntheticPatient{}};
  for (const double degrees : {-80.0, -40.0, -20.0, 10.0, 60.0, 85.0, 110.0, 150.0}) {
    // The dipole for which I and aVF show this axis.
    const double one = std::cos(degrees * M_PI / 180), avf = std::sin(degrees * M_PI / 180) * std::sqrt(3) / 2;
    const double a = 0.632, b = -0.235, c = 0.235 - 0.632 / 2, d = 1.066 + 0.235 / 2;
    const double determinant = a * d - b * c;
    const auto measured =
        measure(one_wave((one * d - b * avf) / determinant, (a * avf - c * one) / determinant), field);
    EXPECT_NEAR(measured.axis, degrees, 0.02);
    const std::string expected = degrees <= -60   ? "ALAD"
                                 : degrees <= -30 ? "LAD"
                                 : degrees < -15  ? "AXL"
                                 : degrees <= 75  ? "MID"
                                 : degrees <= 90  ? "AXR"
                                 : degrees <= 120 ? "RAD"
                                                  : "ARAD";
    EXPECT_EQ(measured.heart_axis, expected);
  }
}

}  // namespace
}  // namespace deri
