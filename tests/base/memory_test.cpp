#include "deri/base/memory.hpp"

#include <cstddef>
#include <vector>

#include "testing/testing.hpp"

namespace deri {
namespace {

TEST(Memory, ThePeakIsOfWhatWasTouchedSinceTheReset) {
  if (!reset_peak_memory() || !peak_memory()) GTEST_SKIP() << "the system does not tell";
  constexpr std::size_t kBytes = 200U << 20;
  const double before = *peak_memory();
  {
    const std::vector<char> block(kBytes, 1);
    EXPECT_EQ(block.back(), 1);
  }
  const double peak = *peak_memory();
  EXPECT_GT(peak, before + 0.9 * kBytes);  // although it is free again
#if !defined(__SANITIZE_ADDRESS__)         // which keeps what is freed
  ASSERT_TRUE(reset_peak_memory());
  EXPECT_LT(*peak_memory(), peak - 0.5 * kBytes);
#endif
}

}  // namespace
}  // namespace deri
