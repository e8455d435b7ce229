#pragma once
// Files that appear whole or not at all, and files read without trusting them.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace deri {

// The whole file. Throws Error if it cannot be read or is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);

// What a committed file survives: the process being killed, or also the machine going down, which costs a disk sync. Of
// the many small files of a folder that appears at the end (StagedDirectory), kKill is enough.
enum class Survives { kKill, kPowerCut };

// A file written under a temporary name beside `path` and renamed to it by commit(); without commit() nothing is
// left. Throws Error (naming `path` and the system's reason) when the directory is missing or the disk is full.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path, Survives survives = Survives::kPowerCut);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  // Overwrites bytes already written, at `offset` from the start (for headers known only at the end).
  void overwrite(std::uint64_t offset, std::span<const std::byte> bytes);
  void commit();

 private:
  void flush();

  std::filesystem::path path_, temporary_;
  Survives survives_;
  int fd_ = -1;
  std::string buffer_;
};

// write + commit in one call.
void write_file_atomic(const std::filesystem::path& path, std::string_view text,
                       Survives survives = Survives::kPowerCut);

// A file that grows at its end and outlives the process that writes it, so that another can go on: what resumable work
// stages. Written bytes are buffered; what was flushed survives the process being killed. Throws Error naming the file.
class AppendFile {
 public:
  // Opens or creates the file. Throws Error if another process has it open for this.
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // With what is buffered.
  std::uint64_t size() const { return size_ + buffer_.size(); }
  // Drops what lies beyond `size`. Throws Error if the file is shorter.
  void cut(std::uint64_t size);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  // Overwrites bytes already written, at `offset` from the start.
  void overwrite(std::uint64_t offset, std::span<const std::byte> bytes);
  void flush();
  // Flushes, and waits until the disk has it.
  void sync();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;  // in the file
  std::string buffer_;
};

// A folder filled under `<path>.partial` and renamed to `path` by commit(); without commit() nothing is left, unless
// keep() was called. Throws Error if `path` exists and `replace` is false. With `replace` the old folder goes when the
// new one is whole.
class StagedDirectory {
 public:
  // What an unfinished run left under `<path>.partial`.
  enum class Leftover { kRemove, kKeep };

  explicit StagedDirectory(std::filesystem::path path, bool replace = false, Leftover leftover = Leftover::kRemove);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  // Where to write until commit().
  const std::filesystem::path& path() const { return staging_; }
  void commit();
  // Without commit() the staged folder stays, for a later run to go on from, or (false) goes.
  void keep(bool kept) { kept_ = kept; }

 private:
  std::filesystem::path final_, staging_;
  bool replace_, committed_ = false, kept_ = false;
};

// A read-only memory map of a whole file. Throws Error if it cannot be opened. An empty file maps to no bytes.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// A fresh folder under the system's temporary folder, removed with all it holds at the end of its life.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Creates `path` and its parents. Throws Error.
void make_directories(const std::filesystem::path& path);

}  // namespace deri
