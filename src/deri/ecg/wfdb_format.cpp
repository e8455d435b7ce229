#include "deri/ecg/wfdb_format.hpp"

#include <algorithm>
#include <array>

namespace deri {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::int32_t sign_extend(unsigned value, unsigned bits) {
  const auto sign = 1U << (bits - 1);
  return static_cast<std::int32_t>(value ^ sign) - static_cast<std::int32_t>(sign);
}

// Format 16: two's complement, low byte first.
std::uint64_t samples_in_16(std::uint64_t bytes) {
  return bytes / 2;
}
std::uint64_t bytes_of_16(std::uint64_t samples) {
  return 2 * samples;
}
void decode_16(Bytes bytes, std::span<std::int32_t> samples) {
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = sign_extend(bytes[2 * i] | unsigned{bytes[2 * i + 1]} << 8, 16);
}

// Format 212: two 12-bit samples in three bytes; the middle byte holds the high bits of the first
// (low half) and of the second (high half). An odd last sample takes two bytes.
std::uint64_t samples_in_212(std::uint64_t bytes) {
  return bytes / 3 * 2 + bytes % 3 / 2;
}
std::uint64_t bytes_of_212(std::uint64_t samples) {
  return samples / 2 * 3 + samples % 2 * 2;
}
void decode_212(Bytes bytes, std::span<std::int32_t> samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Bytes pair = bytes.subspan(i / 2 * 3);
    const unsigned value = i % 2 == 0 ? pair[0] | (pair[1] & 0x0FU) << 8 : pair[2] | (pair[1] & 0xF0U) << 4;
    samples[i] = sign_extend(value, 12);
  }
}

constexpr std::array kFormats{
    WfdbFormat{16, kMissing16, samples_in_16, bytes_of_16, decode_16},
    WfdbFormat{212, kMissing212, samples_in_212, bytes_of_212, decode_212},
};

}  // namespace

const WfdbFormat* find_wfdb_format(int code) {
  const auto* const found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const WfdbFormat& format) { return format.code == code; });
  return found == kFormats.end() ? nullptr : found;
}

}  // namespace deri
