#pragma once
// Work that several processes share, each piece done by one.

#include <filesystem>
#include <optional>

namespace deri {

// Held until the end of its life or of the process, however that ends (flock(2); on a network file system as far as
// that supports it). The file stays.
class FileLock {
 public:
  // Nothing if another process holds it. Throws Error if the file cannot be made.
  static std::optional<FileLock> try_take(const std::filesystem::path& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace deri
