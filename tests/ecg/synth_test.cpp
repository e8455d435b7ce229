#include "deri/ecg/synth.hpp"

#include <algorithm>
#include <cmath>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using enum Finding;
using namespace testing;  // NOLINT: lead positions
using ::testing::HasSubstr;

double mv(const SyntheticEcg& ecg, std::size_t lead, std::size_t sample) {
  return ecg.microvolts[lead * ecg.length + sample] / 1000.0;
}

// R peaks as a reader of the signal finds them: the speed of the heart vector in II, V2 and V5 beyond a share of its
// height.
std::vector<double> find_beats(const SyntheticEcg& ecg) {
  std::vector<double> speed(ecg.length, 0.0);
  for (std::size_t i = 1; i + 1 < ecg.length; ++i)
    for (const std::size_t lead : {kI, kII, kV2, kV5}) {
      const double slope = mv(ecg, lead, i + 1) - mv(ecg, lead, i - 1);
      speed[i] += slope * slope;
    }
  std::vector<double> sorted = speed;
  std::sort(sorted.begin(), sorted.end());
  const double threshold = 0.2 * sorted[sorted.size() - 8];
  std::vector<double> times;
  for (std::size_t i = 0; i < ecg.length; ++i) {
    const double time = static_cast<double>(i) / ecg.rate;
    if (speed[i] > threshold && (times.empty() || time - times.back() > 0.28)) times.push_back(time);
  }
  return times;
}

double measured_rate(const std::vector<double>& beats) {
  return 60 * static_cast<double>(beats.size() - 1) / (beats.back() - beats.front());
}

double measured_variation(const std::vector<double>& beats) {
  double sum = 0, squares = 0;
  const double n = static_cast<double>(beats.size() - 1);
  for (std::size_t i = 1; i < beats.size(); ++i) {
    sum += beats[i] - beats[i - 1];
    squares += (beats[i] - beats[i - 1]) * (beats[i] - beats[i - 1]);
  }
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))) / (sum / n);
}

TEST(Synthesise, EinthovenAndGoldbergerHoldOnTheIntegers) {
  ASSERT_EQ(standard_leads()[kAVL], "aVL");
  for (const double rate : {100.0, 500.0})
    for (std::size_t k = 0; k < 20; ++k) {
      const SyntheticEcg ecg = synthesise(plan_pool()[k], {rate, 10, 1});
      ASSERT_EQ(ecg.microvolts.size(), 12 * ecg.length);
      const auto at = [&](std::size_t lead, std::size_t i) {
        return static_cast<int>(ecg.microvolts[lead * ecg.length + i]);
      };
      for (std::size_t i = 0; i < ecg.length; ++i) {
        ASSERT_EQ(at(kIII, i), at(kII, i) - at(kI, i));
        ASSERT_EQ(2 * at(kAVR, i), -(at(kI, i) + at(kII, i)));
        ASSERT_EQ(2 * at(kAVL, i), 2 * at(kI, i) - at(kII, i));
        ASSERT_EQ(2 * at(kAVF, i), 2 * at(kII, i) - at(kI, i));
      }
    }
}

TEST(Synthesise, TheRateInTheSignalIsTheRateInTheReport) {
  for (const Finding rhythm : {kSr, kStach, kSbrad}) {
    for (const SyntheticPlan& plan : plans_with({rhythm}, 15, {kPvc, kPac, kLvolt, kClbbb, kWpw})) {
      const SyntheticEcg ecg = synthesise(plan);
      EXPECT_NEAR(measured_rate(find_beats(ecg)), ecg.heart_rate, 0.03 * ecg.heart_rate) << ecg.report;
    }
  }
}

TEST(Synthesise, FibrillationIsIrregularInTheSignal) {
  double fibrillating = 0, regular = 0;
  for (const SyntheticPlan& plan : plans_with({kAfib}, 20, {kPace, kPvc, kLvolt, kCrbbb}))
    fibrillating += measured_variation(find_beats(synthesise(plan))) / 20;
  for (const SyntheticPlan& plan : plans_with({kNorm, kSr}, 20))
    regular += measured_variation(find_beats(synthesise(plan))) / 20;
  EXPECT_GT(fibrillating, 0.12);
  EXPECT_LT(regular, 0.04);
}

// QRS duration as the time for which the spatial magnitude stays above 15 % of its peak.
double measured_qrs(const SyntheticEcg& ecg) {
  double longest = 0;
  for (const Beat& beat : ecg.rhythm.beats) {
    if (beat.time < 0.3 || beat.time > 9.5 || beat.kind != BeatKind::kRegular) continue;
    const auto first = static_cast<std::size_t>((beat.time - 0.005) * ecg.rate);
    std::vector<double> magnitude;
    for (std::size_t i = first; i < first + static_cast<std::size_t>(0.19 * ecg.rate); ++i) {
      double squares = 0;
      for (const std::size_t lead : {kI, kAVF, kV2}) squares += mv(ecg, lead, i) * mv(ecg, lead, i);
      magnitude.push_back(std::sqrt(squares));
    }
    const double bar = 0.2 * *std::max_element(magnitude.begin(), magnitude.end());
    std::size_t begin = 0, end = magnitude.size();
    while (magnitude[begin] < bar) ++begin;
    while (magnitude[end - 1] < bar) --end;
    longest = std::max(longest, static_cast<double>(end - begin) / ecg.rate);
  }
  return longest;
}

TEST(Synthesise, BundleBranchBlocksAreWideInTheSignal) {
  const auto mean_qrs = [](const FindingSet& wanted) {
    double sum = 0;
    const auto plans = plans_with(wanted, 15);
    for (const SyntheticPlan& plan : plans) sum += measured_qrs(synthesise(plan, {500, 10, 0}));
    return sum / static_cast<double>(plans.size());
  };
  const double normal = mean_qrs({kNorm});
  EXPECT_LT(normal, 0.095);
  EXPECT_GT(mean_qrs({kClbbb}), normal + 0.04);
  EXPECT_GT(mean_qrs({kCrbbb}), normal + 0.03);
  EXPECT_GT(mean_qrs({kPace}), normal + 0.04);
}

TEST(Synthesise, LowVoltageIsLowInTheLimbLeads) {
  for (const SyntheticPlan& plan : plans_with({kLvolt}, 15, {kAfib, kAflt, kPvc, kPac})) {
    const SyntheticEcg ecg = synthesise(plan, {100, 10, 0});
    for (std::size_t lead = kI; lead <= kAVF; ++lead) {
      const auto begin = ecg.microvolts.begin() + static_cast<std::ptrdiff_t>(lead * ecg.length);
      const auto [low, high] = std::minmax_element(begin, begin + static_cast<std::ptrdiff_t>(ecg.length));
      EXPECT_LT(*high - *low, 600) << ecg.report;  // the QRS and the slow T together
    }
  }
}

TEST(Synthesise, BothRatesShowTheSameSeconds) {
  for (std::size_t k = 0; k < 5; ++k) {
    const SyntheticEcg low = synthesise(plan_pool()[k], {100, 10, 1}), high = synthesise(plan_pool()[k], {500, 10, 1});
    EXPECT_EQ(low.report, high.report);
    ASSERT_EQ(5 * low.length, high.length);
    double difference = 0, power = 0;
    for (std::size_t i = 0; i < low.length; ++i) {
      // V4 of the fast recording, averaged over about the slow one's bandwidth.
      double mean = 0;
      for (std::size_t j = 0; j < 5; ++j) mean += mv(high, kV4, std::min(5 * i + j, high.length - 1)) / 5;
      const double shifted = (mv(low, kV4, i) + mv(low, kV4, std::min(i + 1, low.length - 1))) / 2;
      difference += (mean - shifted) * (mean - shifted);
      power += mean * mean;
    }
    EXPECT_LT(difference, 0.1 * power);
  }
}

TEST(Synthesise, CodesAreTheFindings) {
  for (std::size_t k = 0; k < 100; ++k) {
    const SyntheticPlan& plan = plan_pool()[k];
    const SyntheticEcg ecg = synthesise(plan);
    const auto findings = plan.findings.list();
    ASSERT_EQ(ecg.codes.size(), findings.size());
    for (std::size_t i = 0; i < findings.size(); ++i) {
      EXPECT_EQ(ecg.codes[i].first, info(findings[i]).code);
      EXPECT_EQ(ecg.codes[i].second > 0, info(findings[i]).diagnostic);
    }
    EXPECT_EQ(ecg.length, 1000U);
    EXPECT_FALSE(ecg.heart_axis.empty());
  }
}

TEST(Synthesise, NoiseIsSwitchedOff) {
  const SyntheticPlan plan = plans_with({kNorm, kSr}, 1).front();
  const SyntheticEcg clean = synthesise(plan, {500, 10, 0}), noisy = synthesise(plan, {500, 10, 1});
  EXPECT_NE(clean.microvolts, noisy.microvolts);
  EXPECT_EQ(clean.report, noisy.report);
  // Between T and P the clean heart is silent.
  const Beat& beat = clean.rhythm.beats[5];
  const auto quiet = static_cast<std::size_t>((beat.time - pr_interval(clean.heart.pr, clean.heart_rate) - 0.03) * 500);
  EXPECT_LT(std::fabs(mv(clean, kII, quiet)), 0.012);
}

TEST(Synthesise, RefusesWhatItCannotMake) {
  const SyntheticPlan& plan = plan_pool().front();
  EXPECT_DERI_ERROR(synthesise(plan, {360, 10, 1}), HasSubstr("360 Hz"));
  EXPECT_DERI_ERROR(synthesise(plan, {100, 2, 1}), HasSubstr("2 s"));
  EXPECT_DERI_ERROR(synthesise(plan, {100, 10, -1}), HasSubstr("noise"));
  EXPECT_DERI_ERROR(synthesise(plan, {100, std::nan(""), 1}), HasSubstr("cannot last"));
}

std::uint64_t hash(const SyntheticEcg& ecg) {
  std::string bytes;  // little endian, whatever the machine
  for (const std::int16_t sample : ecg.microvolts) {
    bytes.push_back(static_cast<char>(static_cast<std::uint16_t>(sample) & 0xFF));
    bytes.push_back(static_cast<char>(static_cast<std::uint16_t>(sample) >> 8));
  }
  return fnv1a(bytes + ecg.report + ecg.heart_axis);
}

// Pinned: synthetic data sets are the same on every machine, with every compiler and at every optimisation.
TEST(Synthesise, GivesTheSameBytesEverywhere) {
  const auto plans = plan_synthetic(200, 42);
  std::uint64_t all = 0;
  for (const SyntheticPlan& plan : plans)
    all = mix_seed(all, {hash(synthesise(plan)), static_cast<std::uint64_t>(plan.fold)});
  EXPECT_EQ(all, 0xe659c0ee47f5fb1dULL);
  EXPECT_EQ(hash(synthesise(plans[3], {500, 12, 1})), 0x1644c54c408ad339ULL);
}

}  // namespace
}  // namespace deri
