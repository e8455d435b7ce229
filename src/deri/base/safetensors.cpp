#include "deri/base/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/json.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kLengthBytes = 8;

std::size_t item_bytes_of(const std::string& dtype) {
  static const std::map<std::string, std::size_t> kSizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"U16", 2}, {"I16", 2}, {"F16", 2}, {"BF16", 2},
      {"U32", 4},  {"I32", 4}, {"F32", 4}, {"U64", 8}, {"I64", 8}, {"F64", 8}};
  const auto found = kSizes.find(dtype);
  return found == kSizes.end() ? 0 : found->second;
}

// Bytes a tensor needs, or nothing if its dtype is unknown or the product overflows.
bool tensor_bytes(const TensorView& tensor, std::uint64_t& bytes) {
  bytes = item_bytes_of(tensor.dtype);
  if (bytes == 0) return false;
  return std::none_of(tensor.shape.begin(), tensor.shape.end(), [&](std::int64_t size) {
    return size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes);
  });
}

TensorView parse_tensor(const Json& entry, std::span<const std::byte> data, const std::string& name,
                        const std::string& file) {
  TensorView tensor;
  std::uint64_t begin = 0, end = 0, bytes = 0;
  // A number beyond 64 bits is a floating-point one to the parser, and its conversion undefined: only whole ones pass.
  const auto whole = [&](const Json& value) -> const Json& {
    if (!value.is_number_integer())
      fail("{}: tensor '{}' has '{}' where a whole number belongs", file, name, shown(value.dump()));
    return value;
  };
  try {
    tensor.dtype = entry.at("dtype").get<std::string>();
    for (const Json& size : entry.at("shape")) tensor.shape.push_back(whole(size).get<std::int64_t>());
    begin = whole(entry.at("data_offsets").at(0)).get<std::uint64_t>();
    end = whole(entry.at("data_offsets").at(1)).get<std::uint64_t>();
  } catch (const nlohmann::json::exception&) {
    fail("{}: the entry of tensor '{}' is malformed", file, name);
  }
  if (!tensor_bytes(tensor, bytes)) fail("{}: tensor '{}' has an impossible type or shape", file, name);
  if (begin > end || end > data.size() || end - begin != bytes)
    fail("{}: tensor '{}' needs {} bytes at {}..{} of {}: the file is damaged", file, name, bytes, begin, end,
         data.size());
  tensor.bytes = data.subspan(begin, bytes);
  return tensor;
}

}  // namespace

Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  Safetensors content;
  std::uint64_t header_bytes = 0;
  if (bytes.size() < kLengthBytes) fail("{}: not a safetensors file", name);
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - kLengthBytes)
    fail("{}: not a safetensors file, or cut short", name);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, header_bytes);
  const Json tree = parse_json(header, name);
  if (!tree.is_object()) fail("{}: the safetensors header is not an object", name);
  const auto data = bytes.subspan(kLengthBytes + header_bytes);
  for (const auto& [key, entry] : tree.items()) {
    if (key != "__metadata__") {
      content.tensors.emplace(key, parse_tensor(entry, data, key, name));
      continue;
    }
    if (!entry.is_object()) fail("{}: the safetensors metadata is not an object", name);
    for (const auto& [meta_key, value] : entry.items())
      content.metadata[meta_key] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return content;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    std::uint64_t bytes = 0;
    DERI_CHECK(tensor_bytes(tensor, bytes) && bytes == tensor.bytes.size() && !header.contains(name));
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the data begins aligned
  const std::uint64_t length = text.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const auto& entry : tensors) file.write(entry.second.bytes);
  file.commit();
}

}  // namespace deri
