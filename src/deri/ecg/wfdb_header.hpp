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
  std::string file;  // a plain name: the file lies beside the header
  const WfdbFormat* format = nullptr;
  std::uint64_t offset = 0;  // bytes of the file before the first sample
  double gain = 200;         // steps per unit; WFDB's default
  double millivolts_per_unit = 1;
  std::int64_t baseline = 0;             // the sample value of 0 units
  std::optional<std::int64_t> checksum;  // 16 bits, as signed or as unsigned number
  std::string name;                      // canonical_lead() spelling
};

struct WfdbHeader {
  double rate = 250;                    // Hz; WFDB's default
  std::optional<std::uint64_t> length;  // samples per signal, as promised and not yet believed
  std::vector<WfdbSignalSpec> signals;  // at least one
  std::vector<std::string> comments;    // without '#'
};

// Throws Error beginning with `source`, as read_wfdb() says.
WfdbHeader parse_wfdb_header(std::string_view text, const std::string& source);

// Age and sex out of comments such as "Age: 63", "<sex>: F".
Patient patient_from_comments(const std::vector<std::string>& comments);

}  // namespace deri
