#include "deri/base/memory.hpp"

#include <cstddef>
#include <vector>

#include "testing/testing.hpp"
#include <sys/resource.h>

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

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
TEST(Memory, FreedBlocksStayOrGoBackAsTold) {
  constexpr std::size_t kBytes = 200U << 20;
  // Pages that a block touched for the first time after one of its size was freed.
  const auto faults = [](FreedMemory freed) {
    const auto touch = [] {
      std::vector<char> block(kBytes);
      return block[kBytes / 2];
    };
    set_freed_memory(freed);
    EXPECT_EQ(touch(), 0);
    rusage before{}, after{};
    getrusage(RUSAGE_SELF, &before);
    EXPECT_EQ(touch(), 0);
    getrusage(RUSAGE_SELF, &after);
    return after.ru_minflt - before.ru_minflt;
  };
  const long returned = faults(FreedMemory::kReturned), kept = faults(FreedMemory::kKept);
  set_freed_memory(FreedMemory::kReturned);
  reset_peak_memory();  // gives back what was kept
  EXPECT_LT(kept * 10, returned);
}
#endif

}  // namespace
}  // namespace deri
