#pragma once
// The binary encodings of WFDB signal files: how many samples some bytes hold, and which. A further
// format is one more decoder and one more row of the table in wfdb_format.cpp.

#include <cstdint>
#include <span>

namespace deri {

struct WfdbFormat {
  int code;
  std::int32_t missing;  // the sample value that says "no sample"
  std::uint64_t (*samples_in)(std::uint64_t bytes);
  std::uint64_t (*bytes_of)(std::uint64_t samples);
  // Fills `samples` from at least bytes_of(samples.size()) bytes.
  void (*decode)(std::span<const std::uint8_t> bytes, std::span<std::int32_t> samples);
};

inline constexpr std::int32_t kMissing16 = -32768;
inline constexpr std::int32_t kMissing212 = -2048;

// The format of that code, or null if it is not read yet.
const WfdbFormat* find_wfdb_format(int code);

}  // namespace deri
