#include "deri/ecg/synth_rhythm.hpp"

#include <algorithm>
#include <cmath>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using enum Finding;
using testing::plans_with;

constexpr double kSeconds = 10;

std::vector<Beat> inside(const Rhythm& rhythm) {
  std::vector<Beat> beats;
  for (const Beat& beat : rhythm.beats)
    if (beat.time >= 0 && beat.time <= kSeconds) beats.push_back(beat);
  return beats;
}

// Coefficient of variation of the intervals in the window.
double variation(const Rhythm& rhythm) {
  double sum = 0, squares = 0, n = 0;
  for (const Beat& beat : inside(rhythm)) {
    sum += beat.interval;
    squares += beat.interval * beat.interval;
    ++n;
  }
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))) / (sum / n);
}

template <typename Check>
void for_each_rhythm(const FindingSet& wanted, const FindingSet& unwanted, Check check) {
  const auto plans = plans_with(wanted, 40, unwanted);
  ASSERT_GE(plans.size(), 20U);
  for (const SyntheticPlan& plan : plans) check(make_rhythm(plan, kSeconds));
}

const FindingSet kEctopic{kPac, kPvc};

TEST(SynthRhythm, RatesAreThoseOfTheirNames) {
  for_each_rhythm({kSr}, kEctopic, [](const Rhythm& r) {
    EXPECT_GE(r.heart_rate, 59.5);
    EXPECT_LE(r.heart_rate, 100);
    EXPECT_LT(variation(r), 0.05);
  });
  for_each_rhythm({kStach}, kEctopic, [](const Rhythm& r) {
    EXPECT_GT(r.heart_rate, 100);
    EXPECT_LT(r.heart_rate, 150);
  });
  for_each_rhythm({kSbrad}, kEctopic, [](const Rhythm& r) {
    EXPECT_LT(r.heart_rate, 60);
    EXPECT_GT(r.heart_rate, 40);
  });
  for_each_rhythm({kPace}, {}, [](const Rhythm& r) { EXPECT_LT(variation(r), 0.001); });
}

TEST(SynthRhythm, IrregularOnesAreIrregular) {
  for_each_rhythm({kSarrh}, {}, [](const Rhythm& r) { EXPECT_GT(variation(r), 0.06); });
  double mean = 0, count = 0;
  for_each_rhythm({kAfib}, {kPvc, kPace}, [&](const Rhythm& r) {
    EXPECT_FALSE(r.p_waves);
    mean += variation(r);
    ++count;
  });
  EXPECT_GT(mean / count, 0.14);
}

TEST(SynthRhythm, FlutterConductsWholeWaves) {
  bool varying = false;
  for_each_rhythm({kAflt}, kEctopic, [&](const Rhythm& r) {
    EXPECT_GE(r.flutter_rate * 60, 270);
    EXPECT_LE(r.flutter_rate * 60, 330);
    EXPECT_FALSE(r.p_waves);
    varying = varying || r.flutter_ratio == 0;
    for (const Beat& beat : inside(r)) {
      const double waves = beat.interval * r.flutter_rate;
      EXPECT_NEAR(waves, std::round(waves), 0.1);
      EXPECT_TRUE(waves > 1.9 && waves < 4.1);
    }
  });
  EXPECT_TRUE(varying);
}

TEST(SynthRhythm, EctopicBeatsComeEarly) {
  for (const auto& [finding, kind] :
       {std::pair{kPac, BeatKind::kAtrialEctopic}, {kPvc, BeatKind::kVentricularEctopic}}) {
    for_each_rhythm({finding}, {kAfib, kAflt}, [kind](const Rhythm& r) {
      int ectopic = 0;
      for (std::size_t i = 1; i + 1 < r.beats.size(); ++i) {
        EXPECT_NEAR(r.beats[i].interval, r.beats[i].time - r.beats[i - 1].time, 1e-9);
        if (r.beats[i].kind == BeatKind::kRegular) continue;
        EXPECT_EQ(r.beats[i].kind, kind);
        ++ectopic;
        EXPECT_TRUE(r.beats[i].time > 0 && r.beats[i].time < kSeconds);
        EXPECT_LT(r.beats[i].interval, 0.85 * r.mean_interval);
        const double both = r.beats[i].interval + r.beats[i + 1].interval;
        if (kind == BeatKind::kVentricularEctopic)
          EXPECT_NEAR(both / r.mean_interval, 2, 0.15) << "compensatory pause";
        else
          EXPECT_LT(both / r.mean_interval, 2.05);
      }
      EXPECT_TRUE(ectopic >= 1 && ectopic <= 3);
    });
  }
}

TEST(SynthRhythm, AtrialWavesBelongToFibrillationAndFlutter) {
  const auto loudest = [](const SyntheticPlan& plan) {
    std::vector<Source> sources(5000);
    add_atrial_waves(plan, make_rhythm(plan, kSeconds), 0, 500, sources);
    double peak = 0;
    for (const Source& source : sources) peak = std::max({peak, std::fabs(source.y), std::fabs(source.z)});
    return peak;
  };
  for (const SyntheticPlan& plan : plans_with({kSr}, 5)) EXPECT_EQ(loudest(plan), 0);
  for (const SyntheticPlan& plan : plans_with({kAfib}, 5)) EXPECT_GT(loudest(plan), 0.02);
  for (const SyntheticPlan& plan : plans_with({kAflt}, 5)) EXPECT_GT(loudest(plan), 0.08);
}

TEST(SynthRhythm, CoversTheWholeWindow) {
  for (const double seconds : {6.0, 10.0, 30.0}) {
    for (std::size_t i = 0; i < 200; ++i) {
      const Rhythm rhythm = make_rhythm(testing::plan_pool()[i], seconds);
      EXPECT_LT(rhythm.beats.front().time, 0);
      EXPECT_GT(rhythm.beats.back().time, seconds);
    }
  }
}

}  // namespace
}  // namespace deri
