#include "deri/ecg/wfdb_folder.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"

namespace deri {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{16} << 20;

// An open file; stdio and iostreams would copy every byte once more.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail("cannot read {}: {}", path, std::strerror(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string WfdbDiskFolder::header(const std::string& file) const {
  return read_file(folder_ / file, kMaxHeaderBytes);
}

std::optional<std::uint64_t> WfdbDiskFolder::size(const std::string& file) const {
  struct ::stat status {};
  if (::stat(path_of(file).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

void WfdbDiskFolder::read(const std::string& file, std::uint64_t offset, std::span<std::byte> bytes) const {
  const std::string path = path_of(file);
  const Descriptor descriptor(path);
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read {}: {}", path, std::strerror(errno));
    if (got == 0) fail("cannot read {}: it ended at byte {} while it was read", path, offset);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

}  // namespace deri
