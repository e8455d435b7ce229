#pragma once
// MAT-files made by hand, element by element, for tests.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <zlib.h>

namespace deri::testing {

// Writes numbers in one byte order.
struct MatWriter {
  bool big = false;

  template <typename T>
  std::string number(T value) const {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    if (big) std::reverse(bytes.begin(), bytes.end());
    return bytes;
  }

  template <typename T>
  std::string numbers(const std::vector<T>& values) const {
    std::string bytes;
    for (const T value : values) bytes += number(value);
    return bytes;
  }

  // ---- Level 4

  std::string level4(std::uint32_t type, std::uint32_t rows, std::uint32_t columns, const std::string& name,
                     const std::string& data, std::uint32_t imaginary = 0) const {
    std::string bytes =
        numbers<std::uint32_t>({type, rows, columns, imaginary, static_cast<std::uint32_t>(name.size() + 1)});
    bytes += name;
    bytes += '\0';
    return bytes + data;
  }

  // ---- Level 5

  std::string header() const {
    std::string bytes = "MATLAB 5.0 MAT-file, made by a test";
    bytes.resize(124, ' ');
    return bytes + number<std::uint16_t>(0x0100) + number<std::uint16_t>(0x4D49);
  }

  std::string element(std::uint32_t type, std::string data) const {
    const std::string tag = numbers<std::uint32_t>({type, static_cast<std::uint32_t>(data.size())});
    data.resize((data.size() + 7) / 8 * 8, '\0');
    return tag + data;
  }

  // Up to 4 bytes.
  std::string small_element(std::uint32_t type, std::string data) const {
    const std::string tag = number<std::uint32_t>(static_cast<std::uint32_t>(data.size()) << 16 | type);
    data.resize(4, '\0');
    return tag + data;
  }

  // The subelements every array begins with.
  std::string array_start(std::uint32_t flags, const std::vector<std::int32_t>& dims, const std::string& name) const {
    const std::string start = element(6, numbers<std::uint32_t>({flags, 0})) + element(5, numbers(dims));
    return start + (name.size() <= 4 && !name.empty() ? small_element(1, name) : element(1, name));
  }

  // A numeric array: its class, and the element that holds the numbers.
  std::string array(std::uint32_t flags, const std::vector<std::int32_t>& dims, const std::string& name,
                    const std::string& data) const {
    return element(14, array_start(flags, dims, name) + data);
  }

  std::string structure(const std::string& name, const std::vector<std::string>& names,
                        const std::string& values) const {
    constexpr std::size_t kSlot = 8;
    std::string slots;
    for (std::string field : names) {
      field.resize(kSlot, '\0');
      slots += field;
    }
    return element(
        14, array_start(2, {1, 1}, name) + small_element(5, number<std::int32_t>(kSlot)) + element(1, slots) + values);
  }

  static std::string deflated(const std::string& bytes) {
    uLongf size = compressBound(bytes.size());
    std::string out(size, '\0');
    compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    out.resize(size);
    return out;
  }

  std::string compressed(const std::string& bytes) const {
    const std::string data = deflated(bytes);
    return numbers<std::uint32_t>({15, static_cast<std::uint32_t>(data.size())}) + data;
  }
};

}  // namespace deri::testing
