#pragma once
// NumPy's .npy format, version 1.0 and 2.0, C order, little endian.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "deri/base/files.hpp"

namespace deri {

struct NpyHeader {
  std::string dtype;  // NumPy's descr: "<i2", "<f4", "<f8", "|u1" …
  std::vector<std::int64_t> shape;
  std::size_t item_bytes = 0;
  std::size_t data_offset = 0;  // where the first item lies in the file

  std::int64_t items() const;  // product of the shape
};

// Parses and validates the header at the start of `bytes` (a whole .npy file): throws Error naming `name` if it is not
// one, is in Fortran order, big endian or of objects, or promises more data than `bytes` holds.
NpyHeader parse_npy(std::span<const std::byte> bytes, const std::string& name);

// The header's bytes, padded to a multiple of 64. The length depends on dtype and rank, not on the numbers, as long as
// the first dimension stays below 10^19: a writer may overwrite it when the count is known.
std::string npy_header(const std::string& dtype, const std::vector<std::int64_t>& shape);

// A memory-mapped .npy file of one type.
template <typename T>
class NpyArray {
 public:
  // Throws Error if the file is not valid or holds another dtype.
  explicit NpyArray(const std::filesystem::path& path);

  const std::vector<std::int64_t>& shape() const { return header_.shape; }
  std::span<const T> values() const;

 private:
  MappedFile file_;
  NpyHeader header_;
};

// Writes a whole array; float, double, Half, int16, int32, int64.
template <typename T>
void write_npy(const std::filesystem::path& path, const std::vector<std::int64_t>& shape, std::span<const T> values);

// NumPy's descr of a C++ type.
template <typename T>
std::string npy_dtype();

}  // namespace deri
