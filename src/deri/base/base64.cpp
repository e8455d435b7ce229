#include "deri/base/base64.hpp"

#include <array>
#include <cstddef>

#include "deri/base/error.hpp"

namespace deri {
namespace {

constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> make_digits() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> digits{};
  for (std::uint8_t& digit : digits) digit = kNoDigit;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}

constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

std::vector<std::uint8_t> decode_base64(std::string_view text, const std::string& source) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t group = 0;  // the digits read of the present group of four, first digit highest
  int digits = 0, padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_blank(c)) continue;
    if (c == '=') {
      if (digits + ++padding > 4 || digits < 2) fail("{}: base64 padding out of place at character {}", source, i);
      continue;
    }
    const std::uint8_t digit = kDigits[static_cast<unsigned char>(c)];
    if (digit == kNoDigit)
      fail("{}: byte {:#04x} at character {} is not base64", source, static_cast<unsigned char>(c), i);
    if (padding > 0) fail("{}: base64 data goes on after its padding, at character {}", source, i);
    group = group << 6 | digit;
    if (++digits < 4) continue;
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(group >> shift));
    group = 0;
    digits = 0;
  }
  if (digits == 0) return bytes;
  if (digits + padding != 4) fail("{}: the base64 data ends within a group of four: it is cut short", source);
  group <<= 6 * padding;
  const std::uint32_t unused = padding == 1 ? 0xFF : 0xFFFF;
  if ((group & unused) != 0) fail("{}: the last base64 digit has bits that belong to no byte: it is damaged", source);
  bytes.push_back(static_cast<std::uint8_t>(group >> 16));
  if (padding == 1) bytes.push_back(static_cast<std::uint8_t>(group >> 8));
  return bytes;
}

}  // namespace deri
