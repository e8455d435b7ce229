#include "deri/base/file_lock.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

TEST(FileLock, IsHeldByOne) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "lock";
  {
    std::optional<FileLock> first = FileLock::try_take(path);
    ASSERT_TRUE(first);
    EXPECT_FALSE(FileLock::try_take(path));
    const FileLock moved = std::move(*first);
    first.reset();
    EXPECT_FALSE(FileLock::try_take(path));
  }
  EXPECT_TRUE(FileLock::try_take(path));
}

TEST(FileLock, NeedsAFolder) {
  const TemporaryDirectory folder;
  EXPECT_DERI_ERROR(FileLock::try_take(folder.path() / "none/lock"), HasSubstr("none/lock"));
}

}  // namespace
}  // namespace deri
