#include "deri/ecg/wfdb_format.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/ranges.h>

namespace deri {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Samples = std::span<std::int32_t>;

constexpr std::int32_t sign_extend(std::uint32_t value, unsigned bits) {
  const std::uint32_t sign = 1U << (bits - 1);
  return static_cast<std::int32_t>((value ^ sign) - sign);
}

std::uint32_t little_endian_pair(Bytes bytes, std::size_t at) {
  return bytes[at] | std::uint32_t{bytes[at + 1]} << 8;
}

template <std::uint64_t bytes_per_sample>
std::uint64_t samples_in_whole(std::uint64_t bytes) {
  return bytes / bytes_per_sample;
}
template <std::uint64_t bytes_per_sample>
std::uint64_t bytes_of_whole(std::uint64_t samples) {
  return samples * bytes_per_sample;
}

// 8: differences from the sample before. 80: 8 bits, offset binary.
void decode_8(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = sign_extend(bytes[i], 8);
}
void decode_80(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = bytes[i] - 128;
}

// 16 bits: two's complement with the low byte first (16) or last (61), or offset binary (160).
void decode_16(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = sign_extend(little_endian_pair(bytes, 2 * i), 16);
}
void decode_61(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = sign_extend(std::uint32_t{bytes[2 * i]} << 8 | bytes[2 * i + 1], 16);
}
void decode_160(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int32_t>(little_endian_pair(bytes, 2 * i)) - 32768;
}

// 24 and 32 bits: two's complement, low byte first.
void decode_24(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = sign_extend(little_endian_pair(bytes, 3 * i) | std::uint32_t{bytes[3 * i + 2]} << 16, 24);
}
void decode_32(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] =
        static_cast<std::int32_t>(little_endian_pair(bytes, 4 * i) | little_endian_pair(bytes, 4 * i + 2) << 16);
}

// 212: two 12-bit samples in three bytes; the middle byte holds the high bits of the first (low half) and of the second
// (high half). An odd last sample takes two bytes.
std::uint64_t samples_in_212(std::uint64_t bytes) {
  return bytes / 3 * 2 + bytes % 3 / 2;
}
std::uint64_t bytes_of_212(std::uint64_t samples) {
  return samples / 2 * 3 + samples % 2 * 2;
}
void decode_212(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Bytes pair = bytes.subspan(i / 2 * 3);
    const std::uint32_t value = i % 2 == 0 ? pair[0] | (pair[1] & 0x0FU) << 8 : pair[2] | (pair[1] & 0xF0U) << 4;
    samples[i] = sign_extend(value, 12);
  }
}

// 310: three 10-bit samples in two byte pairs, low byte first. The first two are bits 1-10 of a pair each; the third is
// what remains: bits 11-15 of the first pair are its low half, those of the second its high half.
std::uint64_t samples_in_310(std::uint64_t bytes) {
  return bytes / 4 * 3 + bytes % 4 / 2;
}
std::uint64_t bytes_of_310(std::uint64_t samples) {
  return samples / 3 * 4 + std::min<std::uint64_t>(2 * (samples % 3), 4);
}
void decode_310(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::size_t block = i / 3 * 4;
    std::uint32_t value = 0;
    if (i % 3 == 2)
      value = little_endian_pair(bytes, block) >> 11 | little_endian_pair(bytes, block + 2) >> 11 << 5;
    else
      value = little_endian_pair(bytes, block + 2 * (i % 3)) >> 1 & 0x3FF;
    samples[i] = sign_extend(value, 10);
  }
}

// 311: three 10-bit samples in the low 30 bits of four bytes, low byte first. Of an incomplete last block only the
// bytes that hold the samples are there.
std::uint64_t samples_in_311(std::uint64_t bytes) {
  return bytes / 4 * 3 + std::max<std::uint64_t>(bytes % 4, 1) - 1;
}
std::uint64_t bytes_of_311(std::uint64_t samples) {
  return samples / 3 * 4 + (samples % 3 == 0 ? 0 : samples % 3 + 1);
}
void decode_311(Bytes bytes, Samples samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    // A sample straddles two bytes: the k-th of a block begins in byte k, at bit 2 k.
    const std::size_t k = i % 3;
    const std::uint32_t value = little_endian_pair(bytes, i / 3 * 4 + k) >> (2 * k) & 0x3FF;
    samples[i] = sign_extend(value, 10);
  }
}

constexpr std::int32_t kMissing24 = -(1 << 23);
constexpr std::int32_t kMissing32 = std::numeric_limits<std::int32_t>::min();

constexpr std::array kFormats{
    WfdbFormat{8, std::nullopt, samples_in_whole<1>, bytes_of_whole<1>, decode_8},
    WfdbFormat{16, kMissing16, samples_in_whole<2>, bytes_of_whole<2>, decode_16},
    WfdbFormat{24, kMissing24, samples_in_whole<3>, bytes_of_whole<3>, decode_24},
    WfdbFormat{32, kMissing32, samples_in_whole<4>, bytes_of_whole<4>, decode_32},
    WfdbFormat{61, kMissing16, samples_in_whole<2>, bytes_of_whole<2>, decode_61},
    WfdbFormat{80, -128, samples_in_whole<1>, bytes_of_whole<1>, decode_80},
    WfdbFormat{160, kMissing16, samples_in_whole<2>, bytes_of_whole<2>, decode_160},
    WfdbFormat{212, kMissing212, samples_in_212, bytes_of_212, decode_212},
    WfdbFormat{310, -512, samples_in_310, bytes_of_310, decode_310},
    WfdbFormat{311, -512, samples_in_311, bytes_of_311, decode_311},
    WfdbFormat{508, -128, nullptr, nullptr, nullptr},
    WfdbFormat{516, kMissing16, nullptr, nullptr, nullptr},
    WfdbFormat{524, kMissing24, nullptr, nullptr, nullptr},
};

}  // namespace

const WfdbFormat* find_wfdb_format(int code) {
  const auto* const found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const WfdbFormat& format) { return format.code == code; });
  return found == kFormats.end() ? nullptr : found;
}

std::string wfdb_format_codes() {
  std::vector<int> codes;
  for (const WfdbFormat& format : kFormats) codes.push_back(format.code);
  return fmt::format("{}", fmt::join(codes, ", "));
}

}  // namespace deri
