#include "deri/base/npy.hpp"

#include <bit>
#include <charconv>
#include <cstring>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/half.hpp"

namespace deri {
namespace {

static_assert(std::endian::native == std::endian::little, "the stores on disk are little endian");

constexpr std::size_t kPrefixBytes = 10;  // magic, version, 2-byte header length

// The text after 'key': in the header's dictionary, up to the end.
std::string_view after_key(std::string_view dictionary, std::string_view key, const std::string& name) {
  const std::size_t at = dictionary.find(key);
  const std::size_t colon = at == std::string_view::npos ? at : dictionary.find(':', at);
  if (colon == std::string_view::npos) fail("{}: the .npy header lacks {}", name, key);
  std::string_view rest = dictionary.substr(colon + 1);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return rest;
}

std::string parse_dtype(std::string_view dictionary, const std::string& name) {
  const std::string_view text = after_key(dictionary, "'descr'", name);
  const std::size_t close = text.size() > 1 && text[0] == '\'' ? text.find('\'', 1) : std::string_view::npos;
  if (close == std::string_view::npos) fail("{}: .npy files of structured types are not read", name);
  return std::string(text.substr(1, close - 1));
}

std::vector<std::int64_t> parse_shape(std::string_view dictionary, const std::string& name) {
  std::string_view text = after_key(dictionary, "'shape'", name);
  if (text.empty() || text[0] != '(') fail("{}: the .npy header's shape is not a tuple", name);
  text.remove_prefix(1);
  std::vector<std::int64_t> shape;
  for (;;) {
    while (!text.empty() && (text[0] == ' ' || text[0] == ',')) text.remove_prefix(1);
    if (!text.empty() && text[0] == ')') return shape;
    std::int64_t size = -1;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), size);
    if (result.ec != std::errc() || size < 0 || shape.size() >= 16)
      fail("{}: the .npy header's shape cannot be read", name);
    shape.push_back(size);
    text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  }
}

std::size_t item_bytes_of(const std::string& dtype, const std::string& name) {
  static constexpr std::string_view kKnown[] = {"|b1", "|u1", "|i1", "<u2", "<i2", "<f2",
                                                "<u4", "<i4", "<f4", "<u8", "<i8", "<f8"};
  for (const std::string_view known : kKnown)
    if (dtype == known) return static_cast<std::size_t>(dtype[2] - '0');
  fail("{}: .npy type '{}' is not read (little-endian numbers are)", name, dtype);
}

}  // namespace

std::int64_t NpyHeader::items() const {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) product *= size;
  return product;
}

NpyHeader parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() < kPrefixBytes || !text.starts_with("\x93NUMPY")) fail("{}: not a .npy file", name);
  const int major = static_cast<unsigned char>(text[6]);
  if (major != 1 && major != 2) fail("{}: .npy version {} is not read", name, major);
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  const std::size_t prefix = 8 + length_bytes;
  if (text.size() < prefix) fail("{}: the .npy header is cut short", name);
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(text[8 + i])) << (8 * i);
  if (length > text.size() - prefix) fail("{}: the .npy header is cut short", name);
  const std::string_view dictionary = text.substr(prefix, length);

  NpyHeader header;
  header.dtype = parse_dtype(dictionary, name);
  header.item_bytes = item_bytes_of(header.dtype, name);
  if (!after_key(dictionary, "'fortran_order'", name).starts_with("False"))
    fail("{}: .npy files in Fortran order are not read", name);
  header.shape = parse_shape(dictionary, name);
  header.data_offset = prefix + length;
  std::uint64_t needed = header.item_bytes;
  for (const std::int64_t size : header.shape)
    if (__builtin_mul_overflow(needed, static_cast<std::uint64_t>(size), &needed))
      fail("{}: the .npy header promises an impossible size", name);
  if (needed > bytes.size() - header.data_offset)
    fail("{}: the .npy header promises {} bytes of data, the file holds {}", name, needed,
         bytes.size() - header.data_offset);
  return header;
}

std::string npy_header(const std::string& dtype, const std::vector<std::int64_t>& shape) {
  std::string dictionary = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", dtype,
                                       fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  const std::size_t room = 19 + dictionary.size() - (shape.empty() ? 0 : fmt::format("{}", shape[0]).size());
  const std::size_t total = (kPrefixBytes + room + 1 + 63) / 64 * 64;
  dictionary.append(total - kPrefixBytes - dictionary.size() - 1, ' ');
  dictionary += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

template <>
std::string npy_dtype<float>() {
  return "<f4";
}
template <>
std::string npy_dtype<double>() {
  return "<f8";
}
template <>
std::string npy_dtype<Half>() {
  return "<f2";
}
template <>
std::string npy_dtype<std::int16_t>() {
  return "<i2";
}
template <>
std::string npy_dtype<std::int32_t>() {
  return "<i4";
}
template <>
std::string npy_dtype<std::int64_t>() {
  return "<i8";
}

template <typename T>
NpyArray<T>::NpyArray(const std::filesystem::path& path)
    : file_(path), header_(parse_npy(file_.bytes(), path.string())) {
  if (header_.dtype != npy_dtype<T>())
    fail("{}: holds '{}' where '{}' is expected", path.string(), header_.dtype, npy_dtype<T>());
  if (header_.data_offset % alignof(T) != 0) fail("{}: the .npy data is not aligned", path.string());
}

template <typename T>
std::span<const T> NpyArray<T>::values() const {
  return {reinterpret_cast<const T*>(file_.bytes().data() + header_.data_offset),
          static_cast<std::size_t>(header_.items())};
}

template <typename T>
void write_npy(const std::filesystem::path& path, const std::vector<std::int64_t>& shape, std::span<const T> values) {
  AtomicFile file(path);
  file.write(npy_header(npy_dtype<T>(), shape));
  file.write(std::as_bytes(values));
  file.commit();
}

#define DERI_NPY_TYPE(T)      \
  template class NpyArray<T>; \
  template void write_npy<T>(const std::filesystem::path&, const std::vector<std::int64_t>&, std::span<const T>);
DERI_NPY_TYPE(float)
DERI_NPY_TYPE(double)
DERI_NPY_TYPE(Half)
DERI_NPY_TYPE(std::int16_t)
DERI_NPY_TYPE(std::int32_t)
DERI_NPY_TYPE(std::int64_t)
#undef DERI_NPY_TYPE

}  // namespace deri
