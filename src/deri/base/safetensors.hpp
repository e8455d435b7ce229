#pragma once
// The safetensors format: named tensors in one file, a JSON header before the bytes. No code runs when one is read.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "deri/base/files.hpp"

namespace deri {

struct TensorView {
  std::string dtype;  // "F32", "F16", "BF16", "I64" …
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // little endian, C order
};

// A memory-mapped safetensors file.
class SafetensorsFile {
 public:
  // Checks the header whole: sizes, offsets, overlaps. Throws Error.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes tensors in the order given; the file appears whole. Throws Error if it cannot.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace deri
