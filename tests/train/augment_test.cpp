#include "deri/train/augment.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "testing/testing.hpp"

namespace deri {
namespace {

std::vector<float> ramp() {
  std::vector<float> record(3 * 100);
  std::iota(record.begin(), record.end(), 1.0F);
  return record;
}

std::vector<float> changed(const AugmentConfig& config, std::uint64_t seed) {
  std::vector<float> record = ramp();
  augment(config, record, 3, 100, seed);
  return record;
}

TEST(Augment, DoesNothingByDefault) {
  EXPECT_EQ(changed({}, 5), ramp());
}

TEST(Augment, GainIsOneFactorForTheRecord) {
  AugmentConfig config;
  config.gain = 0.3;
  const std::vector<float> record = changed(config, 5), original = ramp();
  const float factor = record[0] / original[0];
  EXPECT_NE(factor, 1.0F);
  EXPECT_LE(std::abs(factor - 1), 0.3F);
  for (std::size_t i = 0; i < record.size(); ++i) EXPECT_NEAR(record[i], original[i] * factor, 1e-3);
}

TEST(Augment, ShiftMovesAllLeadsAlike) {
  AugmentConfig config;
  config.shift_seconds = 0.2;
  const std::vector<float> original = ramp();
  bool moved_left = false, moved_right = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> record = changed(config, seed);
    const auto shift = static_cast<std::int64_t>(std::llround(original[50] - record[50]));
    EXPECT_LE(std::abs(shift), 20);
    moved_left |= shift < 0;
    moved_right |= shift > 0;
    for (std::int64_t lead = 0; lead < 3; ++lead)
      for (std::int64_t i = 0; i < 100; ++i) {
        const std::int64_t from = i - shift;
        const float expected = from < 0 || from >= 100 ? 0 : original[static_cast<std::size_t>(lead * 100 + from)];
        EXPECT_EQ(record[static_cast<std::size_t>(lead * 100 + i)], expected);
      }
  }
  EXPECT_TRUE(moved_left && moved_right);
}

TEST(Augment, LeadDropoutKeepsOneLead) {
  AugmentConfig config;
  config.lead_dropout = 0.95;
  int dropped = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<float> record = changed(config, seed);
    int zero_leads = 0;
    for (std::size_t lead = 0; lead < 3; ++lead) zero_leads += record[lead * 100] == 0 && record[lead * 100 + 99] == 0;
    EXPECT_LE(zero_leads, 2);
    dropped += zero_leads;
  }
  EXPECT_GT(dropped, 80);
}

TEST(Augment, TheSeedDecides) {
  AugmentConfig config;
  config.noise_mv = 0.1;
  EXPECT_EQ(changed(config, 1), changed(config, 1));
  EXPECT_NE(changed(config, 1), changed(config, 2));
}

}  // namespace
}  // namespace deri
