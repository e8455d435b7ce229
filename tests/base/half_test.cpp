#include "deri/base/half.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "testing/testing.hpp"

namespace deri {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The value by IEEE 754's definition, in double; of the largest exponent: what would come next.
double by_definition(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10) & 31;
  const double fraction = bits & 1023U;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

Half half(unsigned bits) {
  return {static_cast<std::uint16_t>(bits)};
}

bool is_special(unsigned bits) {
  return (bits & 0x7C00U) == 0x7C00U;
}

TEST(Half, EveryOneIsTheFloatOfItsDefinitionAndComesBack) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float value = to_float(half(bits));
    if (is_special(bits)) {
      EXPECT_EQ(std::isnan(value), (bits & 1023U) != 0) << bits;
      EXPECT_EQ(std::isinf(value), (bits & 1023U) == 0) << bits;
    } else {
      EXPECT_EQ(value, by_definition(bits)) << bits;
    }
    EXPECT_EQ(std::signbit(value), bits >= 0x8000U) << bits;
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(to_float(to_half(value)))) << bits;
    else
      EXPECT_EQ(to_half(value).bits, bits);
  }
}

// Between every two neighbours: the middle goes to the even one, a hair beside it to the nearer one. The middle of the
// largest and of what would come next, 65520, is the first that becomes infinite.
TEST(Half, RoundsToNearestAndTiesToEven) {
  for (unsigned sign : {0U, 0x8000U})
    for (unsigned bits = 0; bits < 0x7C00U; ++bits) {
      const unsigned low = sign | bits, high = low + 1, even = (bits & 1U) == 0 ? low : high;
      const double exact = (by_definition(low) + by_definition(high)) / 2;
      const auto middle = static_cast<float>(exact);
      ASSERT_EQ(middle, exact);
      EXPECT_EQ(to_half(middle).bits, even) << bits;
      EXPECT_EQ(to_half(std::nextafterf(middle, 0)).bits, low) << bits;
      EXPECT_EQ(to_half(std::nextafterf(middle, sign == 0 ? kInfinity : -kInfinity)).bits, high) << bits;
    }
}

TEST(Half, EdgesOfFloat) {
  EXPECT_EQ(to_half(1).bits, 0x3C00);
  EXPECT_EQ(to_half(-2).bits, 0xC000);
  EXPECT_EQ(to_half(0.1F).bits, 0x2E66);  // 0.0999755859375
  EXPECT_EQ(to_half(1.0F / 3).bits, 0x3555);
  EXPECT_EQ(to_half(kLargestHalf).bits, 0x7BFF);
  EXPECT_EQ(to_half(65519.996F).bits, 0x7BFF);
  EXPECT_EQ(to_half(65520).bits, 0x7C00);
  EXPECT_EQ(to_half(1e30F).bits, 0x7C00);
  EXPECT_EQ(to_half(std::numeric_limits<float>::max()).bits, 0x7C00);
  EXPECT_EQ(to_half(-kInfinity).bits, 0xFC00);
  EXPECT_EQ(to_half(-0.0F).bits, 0x8000);
  EXPECT_EQ(to_half(std::numeric_limits<float>::denorm_min()).bits, 0);
  EXPECT_EQ(to_half(-std::numeric_limits<float>::min()).bits, 0x8000);
  EXPECT_TRUE(std::isnan(to_float(to_half(std::numeric_limits<float>::quiet_NaN()))));
  // A NaN whose fraction lies in the bits that float16 lacks must not become infinity.
  EXPECT_TRUE(std::isnan(to_float(to_half(std::bit_cast<float>(0x7F800001U)))));
}

TEST(Half, RowsAreWhatSingleOnesAre) {
  std::vector<Half> halfs(65536 + 7);  // and a rest beyond any vector's width
  for (unsigned i = 0; i < halfs.size(); ++i) halfs[i] = half(i & 0xFFFFU);
  std::vector<float> values(halfs.size());
  to_float(halfs, values);
  std::vector<Half> again(halfs.size());
  to_half(values, again);
  for (std::size_t i = 0; i < halfs.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(to_float(halfs[i]))) << i;
    EXPECT_EQ(again[i], to_half(values[i])) << i;
  }
}

TEST(Half, KnowsWhatIsNotFinite) {
  std::vector<Half> halfs(100, to_half(-kLargestHalf));
  EXPECT_TRUE(all_finite(halfs));
  EXPECT_TRUE(all_finite({}));
  for (const std::size_t at : {std::size_t{0}, std::size_t{57}, std::size_t{99}})
    for (const float value : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
      auto damaged = halfs;
      damaged[at] = to_half(value);
      EXPECT_FALSE(all_finite(damaged)) << at;
    }
}

}  // namespace
}  // namespace deri
