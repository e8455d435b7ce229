#pragma once
// The text half of a WFDB record: header(5) of the WFDB Applications Guide.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deri/ecg/recording.hpp"
#include "deri/ecg/wfdb_format.hpp"

namespace deri {

struct WfdbSignalSpec {
  std::string file;                    // a plain name: the file lies beside the header
  const WfdbFormat* format = nullptr;  // null: the signal of a layout header, which has no samples
  std::uint64_t samples_per_frame = 1;
  std::uint64_t skew = 0;    // frames by which this signal's samples come late in the file
  std::uint64_t offset = 0;  // bytes of the file before the first sample
  double gain = 200;         // steps per unit of the file; WFDB's default
  bool gain_given = false;
  double scale = 1;                      // of Lead::unit per unit of the file
  std::string unit = kMillivolt;         // Lead::unit
  std::int64_t baseline = 0;             // the sample value of 0 units
  std::int32_t initial = 0;              // where format 8 begins to count
  std::optional<std::int64_t> checksum;  // 16 bits, as signed or as unsigned number
  std::string name;                      // canonical_lead() spelling
};

struct WfdbSegmentSpec {
  std::string name;          // of a record beside the header; empty: a gap without signals
  std::uint64_t length = 0;  // frames; 0 for the layout that may come first
};

struct WfdbHeader {
  double rate = 250;                      // frames per second; WFDB's default
  std::optional<std::uint64_t> length;    // frames, as promised and not yet believed
  std::string recorded_at;                // Recording::recorded_at
  std::vector<WfdbSignalSpec> signals;    // of a record in one segment: at least one
  std::vector<WfdbSegmentSpec> segments;  // of a record in several: at least one
  std::vector<std::string> comments;      // without '#'
};

// Throws Error beginning with `source`, as read_wfdb() says.
WfdbHeader parse_wfdb_header(std::string_view text, const std::string& source);

// Age and sex out of comments such as "Age: 63", "<sex>: F".
Patient patient_from_comments(const std::vector<std::string>& comments);

}  // namespace deri
