#include "deri/ecg/scp_sections.hpp"

#include <cstdint>
#include <functional>
#include <utility>

#include "deri/ecg/device_fields.hpp"

namespace deri {
namespace {

constexpr std::size_t kFileHead = 6;      // checksum, size
constexpr std::size_t kSectionHead = 16;  // checksum, number, size, versions, reserved
constexpr std::size_t kPointer = 10;      // number, size, position

// A little-endian number of `size` bytes at `at`, if it lies within `bytes`.
std::optional<std::uint32_t> number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The content of a section, after its head; empty when there is none.
std::string_view section(std::string_view bytes, std::uint32_t wanted) {
  const auto directory = number_at(bytes, kFileHead + 4, 4);
  if (!directory || *directory > bytes.size()) return {};
  for (std::size_t at = kFileHead + kSectionHead; at + kPointer <= kFileHead + *directory; at += kPointer) {
    const auto id = number_at(bytes, at, 2);
    const auto size = number_at(bytes, at + 2, 4);
    const auto position = number_at(bytes, at + 6, 4);  // of the file's bytes counted from 1
    if (!id || !size || !position) return {};
    if (*id != wanted) continue;
    if (*size <= kSectionHead || *position == 0 || *position > bytes.size() || bytes.size() - *position + 1 < *size)
      return {};
    return bytes.substr(*position - 1 + kSectionHead, *size - kSectionHead);
  }
  return {};
}

// Section 3: two bytes, then first sample (4), last sample (4) and code (1) of each lead.
std::optional<std::size_t> common_length(std::string_view leads) {
  std::optional<std::size_t> common;
  const std::size_t count = number_at(leads, 0, 1).value_or(0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = number_at(leads, 2 + 9 * i, 4);
    const auto last = number_at(leads, 2 + 9 * i + 4, 4);
    if (!first || !last || *last < *first) return std::nullopt;
    // Samples count from 1. Files that begin at 0 mean the end as "one behind": their section 6 holds last - first.
    const std::size_t length = *first == 0 ? *last : *last - *first + 1;
    if (common && *common != length) return std::nullopt;
    common = length;
  }
  return common;
}

// The fields of section 1, each tag (1), size (2), bytes.
void for_each_field(std::string_view fields, const std::function<void(std::uint32_t, std::string_view)>& visit) {
  constexpr std::uint32_t kEnd = 255;
  std::size_t at = 0;
  while (true) {
    const auto tag = number_at(fields, at, 1);
    const auto size = number_at(fields, at + 1, 2);
    if (!tag || !size || *tag == kEnd || fields.size() - at - 3 < *size) return;
    visit(*tag, fields.substr(at + 3, *size));
    at += 3 + *size;
  }
}

// Tag 4: a number (2) and its unit (1).
std::optional<double> age_in_years(std::string_view field) {
  const auto value = number_at(field, 0, 2);
  const auto unit = number_at(field, 2, 1);
  if (!value || !unit || *value == 0) return std::nullopt;
  switch (*unit) {
    case 1:
      return *value;
    case 2:
      return *value / 12.0;
    case 3:
      return *value / 52.18;
    case 4:
      return *value / 365.25;
    case 5:
      return *value / 8766.0;
    default:
      return std::nullopt;
  }
}

// Section 8: confirmation (1), date and time (7), a number of statements (1); each: number (1), size (2), text.
std::vector<std::string> statements(std::string_view interpretation) {
  std::vector<std::string> lines;
  const std::size_t count = number_at(interpretation, 8, 1).value_or(0);
  std::size_t at = 9;
  for (std::size_t i = 0; i < count; ++i) {
    const auto size = number_at(interpretation, at + 1, 2);
    if (!size || interpretation.size() - at - 3 < *size) return lines;
    if (std::string line = device_text(interpretation.substr(at + 3, *size)); !line.empty())
      lines.push_back(std::move(line));
    at += 3 + *size;
  }
  return lines;
}

// CRC-CCITT from 0xFFFF over all bytes behind the checksum.
bool checksum_right(std::string_view bytes) {
  const auto given = number_at(bytes, 0, 2);
  const auto size = number_at(bytes, 2, 4);
  if (!given || !size || *size > bytes.size() || *size < 2) return false;
  std::uint32_t crc = 0xFFFF;
  for (const char c : bytes.substr(2, *size - 2)) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1 ^ 0x1021U) : crc << 1;
    crc &= 0xFFFFU;
  }
  return crc == *given;
}

}  // namespace

ScpFacts read_scp_facts(std::string_view bytes) {
  ScpFacts facts;
  facts.whole = number_at(bytes, 2, 4).value_or(0) <= bytes.size();
  facts.length = common_length(section(bytes, 3));
  for_each_field(section(bytes, 1), [&](std::uint32_t tag, std::string_view field) {
    constexpr std::uint32_t kAge = 4;
    if (tag == kAge) facts.age = age_in_years(field);
  });
  facts.statements = statements(section(bytes, 8));
  facts.checksum_right = checksum_right(bytes);
  return facts;
}

}  // namespace deri
