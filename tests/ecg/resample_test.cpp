#include "deri/ecg/resample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

std::vector<float> sine(double hz, double rate, std::size_t length, double phase = 0.3) {
  std::vector<float> samples(length);
  for (std::size_t i = 0; i < length; ++i)
    samples[i] = static_cast<float>(std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate + phase));
  return samples;
}

// The largest difference, ends left out (the sine does not end there, the resampled signal does).
double interior_difference(const std::vector<float>& a, const std::vector<float>& b, std::size_t margin) {
  double largest = 0;
  for (std::size_t i = margin; i + margin < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

TEST(Resample, KeepsASineInAmplitudeAndPhase) {
  struct Case {
    double from, to;
    std::size_t length, resampled;
  };
  for (const Case& c : {Case{500, 100, 5000, 1000}, Case{100, 500, 1000, 5000}, Case{257, 100, 2570, 1000},
                        Case{1000, 500, 10000, 5000}, Case{360, 500, 3600, 5000}, Case{128.5, 100, 1285, 1000}}) {
    const std::vector<float> found = resample(sine(5, c.from, c.length), c.from, c.to);
    ASSERT_EQ(found.size(), c.resampled) << c.from << " -> " << c.to;
    const auto margin = static_cast<std::size_t>(2 * c.to);
    EXPECT_LT(interior_difference(found, sine(5, c.to, c.resampled), margin), 2e-5) << c.from << " -> " << c.to;
  }
}

TEST(Resample, RemovesWhatTheNewRateCannotCarry) {
  const std::vector<float> found = resample(sine(80, 500, 5000), 500, 100);
  EXPECT_LT(interior_difference(found, std::vector<float>(1000, 0.0F), 100), 1e-4);
}

TEST(Resample, ConstantStaysConstantUpToItsEnds) {
  for (const double to : {50.0, 100.0, 360.0, 1000.0}) {
    const std::vector<float> found = resample(std::vector<float>(2500, 1.25F), 250, to);
    EXPECT_THAT(found, Each(FloatNear(1.25F, 1e-5F))) << to;
  }
}

TEST(Resample, EqualRatesCopy) {
  const std::vector<float> samples{1, -2, 3};
  EXPECT_EQ(resample(samples, 500, 500), samples);
}

TEST(Resample, LengthIsRoundedAndAtLeastOne) {
  EXPECT_EQ(resample(std::vector<float>(7, 1.0F), 500, 100).size(), 1U);
  EXPECT_EQ(resample(std::vector<float>(8, 1.0F), 500, 100).size(), 2U);
  EXPECT_THAT(resample(std::vector<float>(1, 2.0F), 500, 100), ElementsAre(FloatNear(2, 1e-5F)));
  EXPECT_EQ(resample(std::vector<float>(1, 2.0F), 100, 250).size(), 3U);
  EXPECT_TRUE(resample(std::vector<float>{}, 500, 100).empty());
}

TEST(Resample, EveryLengthComesOutWhole) {
  for (const double to : {100.0, 360.0, 500.0})
    for (std::size_t length = 1; length < 1500; length += 37) {
      const std::vector<float> found = resample(std::vector<float>(length, 1.0F), 360.5, to);
      EXPECT_EQ(found.size(), std::max(1L, std::lround(static_cast<double>(length) * to / 360.5)));
      EXPECT_THAT(found, Each(FloatNear(1, 1e-5F))) << length << " samples to " << to << " Hz";
    }
}

TEST(Resample, MatrixLeadByLead) {
  SignalMatrix signal{{"I", "II"}, 500, 500, sine(5, 500, 500)};
  const std::vector<float> second = sine(9, 500, 500);
  signal.values.insert(signal.values.end(), second.begin(), second.end());
  const SignalMatrix found = resample(signal, 100);
  EXPECT_EQ(found.length, 100U);
  EXPECT_DOUBLE_EQ(found.rate, 100);
  EXPECT_EQ(found.leads, signal.leads);
  ASSERT_EQ(found.values.size(), 200U);
  const std::vector<float> expected = resample(second, 500, 100);
  EXPECT_TRUE(std::ranges::equal(found.lead(1), expected));
}

TEST(Resample, RefusesImpossibleRates) {
  const std::vector<float> samples(10);
  EXPECT_DERI_ERROR(resample(samples, 0, 100), HasSubstr("must be positive"));
  EXPECT_DERI_ERROR(resample(samples, 500, -1), HasSubstr("must be positive"));
  EXPECT_DERI_ERROR(resample(samples, std::numeric_limits<double>::quiet_NaN(), 100), HasSubstr("must be positive"));
  EXPECT_DERI_ERROR(resample(samples, 1e-6, 100), HasSubstr("times apart"));
  EXPECT_DERI_ERROR(resample(samples, 1e6, 100), HasSubstr("times apart"));
}

}  // namespace
}  // namespace deri
