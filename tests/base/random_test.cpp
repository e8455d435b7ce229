#include "deri/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "testing/testing.hpp"

#include "deri/base/portable_math.hpp"

namespace deri {
namespace {

TEST(Fnv1a, MatchesThePublishedVectors) {
  EXPECT_EQ(fnv1a(""), 0xCBF29CE484222325ULL);
  EXPECT_EQ(fnv1a("a"), 0xAF63DC4C8601EC8CULL);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171F73967E8ULL);
}

TEST(Rng, FollowsSplitmix64) {
  Rng rng(1234567);
  EXPECT_EQ(rng.next(), 6457827717110365317ULL);
  EXPECT_EQ(rng.next(), 3203168211198807973ULL);
}

TEST(Rng, NormalHasUnitMoments) {
  Rng rng(7);
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kCount = 200'000;
  for (int i = 0; i < kCount; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(squares / kCount, 1, 0.02);
  EXPECT_NEAR(fourth / kCount, 3, 0.1);
}

TEST(Rng, BelowIsUniformAndShuffleKeepsTheItems) {
  Rng rng(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[rng.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 400);
  std::vector<int> items(100), sorted;
  std::iota(items.begin(), items.end(), 0);
  sorted = items;
  rng.shuffle(items);
  EXPECT_NE(items, sorted);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, sorted);
}

TEST(MixSeed, DependsOnEveryPartAndItsPlace) {
  EXPECT_NE(mix_seed(1, {2, 3}), mix_seed(1, {3, 2}));
  EXPECT_NE(mix_seed(1, {2}), mix_seed(2, {1}));
  EXPECT_NE(mix_seed(1, {}), mix_seed(1, {0}));
}

TEST(PortableMath, AgreesWithTheLibrary) {
  Rng rng(11);
  for (int i = 0; i < 20'000; ++i) {
    const double x = rng.uniform(-700, 700), angle = rng.uniform(-1e5, 1e5), positive = rng.uniform(1e-12, 1e3);
    EXPECT_NEAR(portable_exp(x) / std::exp(x), 1, 4e-15) << x;
    EXPECT_NEAR(portable_sin(angle), std::sin(angle), 4e-15) << angle;
    EXPECT_NEAR(portable_cos(angle), std::cos(angle), 4e-15) << angle;
    EXPECT_NEAR(portable_log(positive), std::log(positive), 4e-15 * std::max(1.0, std::abs(std::log(positive))));
  }
  EXPECT_EQ(portable_exp(-1e9), 0);
  EXPECT_EQ(portable_exp(0), 1);
  EXPECT_EQ(portable_log(1), 0);
}

}  // namespace
}  // namespace deri
