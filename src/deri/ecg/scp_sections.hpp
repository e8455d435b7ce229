#pragma once
// What of an SCP-ECG file (EN 1064) libbiosig does not give, or gives wrongly.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

struct ScpFacts {
  bool whole = true;                    // the file is as large as it says
  std::optional<std::size_t> length;    // samples per lead, from section 3; nothing when its leads differ
  std::optional<double> age;            // years, from section 1
  std::vector<std::string> statements;  // section 8, the device's interpretation
  bool checksum_right = true;           // of the whole file
};

// `bytes` is the whole file. What is absent or reaches beyond the file is left out; throws nothing.
ScpFacts read_scp_facts(std::string_view bytes);

}  // namespace deri
