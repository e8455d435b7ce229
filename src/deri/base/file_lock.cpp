#include "deri/base/file_lock.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "deri/base/error.hpp"

namespace deri {

std::optional<FileLock> FileLock::try_take(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor < 0) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return FileLock(descriptor);
  const int reason = errno;
  ::close(descriptor);
  if (reason == EWOULDBLOCK) return std::nullopt;
  fail("cannot lock {}: {}", path.string(), std::strerror(reason));
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace deri
