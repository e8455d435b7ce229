#include "deri/base/files.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deri/base/error.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void fail_system(std::string_view action, const fs::path& path) {
  const int code = errno;
  fail("{} {}: {}", action, path.string(), std::strerror(code));
}

// Closes a descriptor at the end of a scope.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

void write_all(int fd, const char* data, std::size_t size, const fs::path& path) {
  while (size > 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_system("cannot write", path);
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

// Overwrites bytes and goes back to the end.
void write_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes, const fs::path& path) {
  if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0) fail_system("cannot write", path);
  write_all(fd, reinterpret_cast<const char*>(bytes.data()), bytes.size(), path);
  if (::lseek(fd, 0, SEEK_END) < 0) fail_system("cannot write", path);
}

// Makes a rename in `directory` survive a power cut. Best effort: some file systems refuse it.
void sync_directory(const fs::path& directory) {
  const Descriptor handle{::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY)};
  if (handle.fd >= 0) ::fsync(handle.fd);
}

}  // namespace

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail_system("cannot open", path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) fail_system("cannot read", path);
  if (S_ISDIR(info.st_mode)) fail("cannot read {}: it is a folder", path.string());
  if (static_cast<std::uint64_t>(info.st_size) > max_bytes)
    fail("cannot read {}: {} bytes, more than the {} allowed here", path.string(), info.st_size, max_bytes);
  std::string content;
  content.reserve(static_cast<std::size_t>(info.st_size));
  char block[65536];
  for (;;) {
    const ssize_t count = ::read(file.fd, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_system("cannot read", path);
    if (count == 0) return content;
    content.append(block, static_cast<std::size_t>(count));
    if (content.size() > max_bytes)
      fail("cannot read {}: more than the {} bytes allowed here", path.string(), max_bytes);
  }
}

AtomicFile::AtomicFile(fs::path path, Survives survives) : path_(std::move(path)), survives_(survives) {
  std::string pattern = path_.string() + ".tmp-XXXXXX";
  fd_ = ::mkstemp(pattern.data());
  if (fd_ < 0) fail_system("cannot write", path_);
  ::fchmod(fd_, 0644);
  temporary_ = pattern;
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  const char* data = reinterpret_cast<const char*>(bytes.data());
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes)
    write_all(fd_, data, bytes.size(), path_);
  else
    buffer_.append(data, bytes.size());
}

void AtomicFile::overwrite(std::uint64_t offset, std::span<const std::byte> bytes) {
  flush();
  write_at(fd_, offset, bytes, path_);
}

void AtomicFile::flush() {
  write_all(fd_, buffer_.data(), buffer_.size(), path_);
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  const bool sync = survives_ == Survives::kPowerCut;
  if (sync && ::fsync(fd_) != 0 && errno != EINVAL) fail_system("cannot write", path_);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary_.c_str());
    errno = code;
    fail_system("cannot write", path_);
  }
  if (sync) sync_directory(path_.parent_path());
}

void write_file_atomic(const fs::path& path, std::string_view text, Survives survives) {
  AtomicFile file(path, survives);
  file.write(text);
  file.commit();
}

AppendFile::AppendFile(fs::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) fail_system("cannot write", path_);
  // Some network file systems know no locks: then nobody is kept out.
  const bool taken = ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const off_t end = taken ? -1 : ::lseek(fd_, 0, SEEK_END);
  if (end < 0) {
    const int code = errno;
    ::close(std::exchange(fd_, -1));
    if (taken) fail("{} is being written by another process: wait for it, or choose another folder", path_.string());
    errno = code;
    fail_system("cannot write", path_);
  }
  size_ = static_cast<std::uint64_t>(end);
  buffer_.reserve(kBufferBytes);
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AppendFile::cut(std::uint64_t size) {
  flush();
  if (size > size_) fail("{} is shorter than it was: {} bytes of {}", path_.string(), size_, size);
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0 || ::lseek(fd_, 0, SEEK_END) < 0)
    fail_system("cannot write", path_);
  size_ = size;
}

void AppendFile::write(std::span<const std::byte> bytes) {
  const char* data = reinterpret_cast<const char*>(bytes.data());
  constexpr std::size_t kLarge = std::size_t{1} << 16;  // worth a system call, not a copy
  if (bytes.size() < kLarge && buffer_.size() + bytes.size() <= kBufferBytes) {
    buffer_.append(data, bytes.size());
    return;
  }
  flush();
  if (bytes.size() < kLarge) {
    buffer_.append(data, bytes.size());
  } else {
    write_all(fd_, data, bytes.size(), path_);
    size_ += bytes.size();
  }
}

void AppendFile::overwrite(std::uint64_t offset, std::span<const std::byte> bytes) {
  flush();
  write_at(fd_, offset, bytes, path_);
}

void AppendFile::flush() {
  write_all(fd_, buffer_.data(), buffer_.size(), path_);
  size_ += buffer_.size();
  buffer_.clear();
}

void AppendFile::sync() {
  flush();
  if (::fsync(fd_) != 0 && errno != EINVAL) fail_system("cannot write", path_);
}

StagedDirectory::StagedDirectory(fs::path path, bool replace, Leftover leftover)
    : final_(std::move(path)), replace_(replace), kept_(leftover == Leftover::kKeep) {
  while (!final_.has_filename() && final_.has_parent_path()) final_ = final_.parent_path();
  if (fs::exists(final_) && !replace_)
    fail("{} exists already: choose another folder or remove it first", final_.string());
  staging_ = final_.string() + ".partial";
  std::error_code ignored;
  if (leftover == Leftover::kRemove) fs::remove_all(staging_, ignored);
  make_directories(staging_);
}

StagedDirectory::~StagedDirectory() {
  if (committed_ || kept_) return;
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
}

void StagedDirectory::commit() {
  const fs::path old = final_.string() + ".replaced";
  std::error_code error;
  if (replace_ && fs::exists(final_)) {
    fs::remove_all(old, error);
    fs::rename(final_, old, error);
    if (error) fail("cannot replace {}: {}", final_.string(), error.message());
  }
  fs::rename(staging_, final_, error);
  if (error) fail("cannot create {}: {}", final_.string(), error.message());
  committed_ = true;
  sync_directory(final_.parent_path());
  fs::remove_all(old, error);
}

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail_system("cannot open", path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) fail_system("cannot read", path);
  if (!S_ISREG(info.st_mode)) fail("cannot read {}: not a regular file", path.string());
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.fd, 0);
  if (address == MAP_FAILED) fail_system("cannot map", path);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (fs::temp_directory_path() / "deri-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail_system("cannot create", pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("cannot create folder {}: {}", path.string(), error.message());
}

}  // namespace deri
