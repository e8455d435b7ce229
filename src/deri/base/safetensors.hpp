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

struct Safetensors {
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

// The content of a file; the tensors point into `bytes`. Checks the header whole: sizes, offsets, types. Throws Error
// beginning with `name`.
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

// A memory-mapped safetensors file.
class SafetensorsFile {
 public:
  // Throws Error as parse_safetensors does, and if the file cannot be read.
  explicit SafetensorsFile(const std::filesystem::path& path)
      : file_(path), content_(parse_safetensors(file_.bytes(), path.string())) {}

  const std::map<std::string, TensorView>& tensors() const { return content_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return content_.metadata; }

 private:
  MappedFile file_;
  Safetensors content_;
};

// Writes tensors in the order given; the file appears whole. Throws Error if it cannot.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace deri
