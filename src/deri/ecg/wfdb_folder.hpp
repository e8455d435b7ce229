#pragma once
// The files of a WFDB record, by plain name: those of a folder, or of whatever else a caller has.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace deri {

class WfdbFolder {
 public:
  virtual ~WfdbFolder() = default;
  // The whole text of a header. Throws Error when there is none or it is too large to be one.
  virtual std::string header(const std::string& file) const = 0;
  // Bytes of a signal file; nothing when there is no such file.
  virtual std::optional<std::uint64_t> size(const std::string& file) const = 0;
  // Fills `bytes` from `offset` on, which lies within the size given. Throws Error.
  virtual void read(const std::string& file, std::uint64_t offset, std::span<std::byte> bytes) const = 0;
  // For messages.
  virtual std::string path_of(const std::string& file) const = 0;
};

class WfdbDiskFolder : public WfdbFolder {
 public:
  explicit WfdbDiskFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::string header(const std::string& file) const override;
  std::optional<std::uint64_t> size(const std::string& file) const override;
  void read(const std::string& file, std::uint64_t offset, std::span<std::byte> bytes) const override;
  std::string path_of(const std::string& file) const override { return (folder_ / file).string(); }

 private:
  std::filesystem::path folder_;
};

}  // namespace deri
