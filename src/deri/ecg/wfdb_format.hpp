#pragma once
// The binary encodings of WFDB signal files, signal(5) of the WFDB Applications Guide: how many samples some bytes
// hold, and which. A further encoding of fixed size is one more decoder and one more row of the table in
// wfdb_format.cpp.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace deri {

struct WfdbFormat {
  int code;
  // The sample value that says "no sample"; format 8 has none.
  std::optional<std::int32_t> missing;
  // Null for the compressed formats, of which only the decoder knows: see decode_flac().
  std::uint64_t (*samples_in)(std::uint64_t bytes);
  std::uint64_t (*bytes_of)(std::uint64_t samples);
  // Fills `samples` from at least bytes_of(samples.size()) bytes. Format 8 comes out as the differences it stores.
  void (*decode)(std::span<const std::uint8_t> bytes, std::span<std::int32_t> samples);

  bool compressed() const { return decode == nullptr; }
};

inline constexpr std::int32_t kMissing16 = -32768;
inline constexpr std::int32_t kMissing212 = -2048;

// The format of that code, or null if there is none.
const WfdbFormat* find_wfdb_format(int code);

// The codes there are, for messages.
std::string wfdb_format_codes();

// Formats 508, 516 and 524: a FLAC stream of 8, 16 or 24 bits per sample, one channel per signal. Returns the samples
// interleaved, at most `most_samples` of each channel. Throws Error beginning with `source` for what is no such stream,
// has another number of channels or bits, is damaged (FLAC's own checksums), or expands to more than can be read at
// once.
std::vector<std::int32_t> decode_flac(const WfdbFormat& format, std::span<const std::uint8_t> bytes,
                                      std::size_t channels, std::optional<std::uint64_t> most_samples,
                                      const std::string& source);

}  // namespace deri
