#pragma once
// MATLAB's MAT-files of level 4 and level 5 (what `save -v4`, `-v6` and `-v7` write), as described in "MAT-File Format"
// by The MathWorks; both byte orders. A parser of our own: libmatio is not made for files that cannot be trusted.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

// A variable, or a field of one.
struct MatValue {
  enum class Kind {
    kNumeric,  // any numeric class, logical included: dims, values
    kText,     // char: dims, text
    kStruct,   // dims; of a 1 x 1 struct also fields
    kOther,    // cells, sparse matrices, objects, functions: the name alone
  };

  std::string name;
  Kind kind = Kind::kOther;
  std::vector<std::size_t> dims;  // at least two
  std::vector<double> values;     // column by column; integers of 64 bits are rounded
  std::string text;               // UTF-8
  std::vector<MatValue> fields;

  // The field of that name, or null.
  const MatValue* field(std::string_view field_name) const;
};

// Limits of what is read, whatever a file promises. An ECG of an hour fits.
inline constexpr std::uint64_t kMaxMatBytes = std::uint64_t{512} << 20;
inline constexpr std::uint64_t kMaxMatInflated = std::uint64_t{256} << 20;  // of all compressed variables together
inline constexpr std::uint64_t kMaxMatValues = std::uint64_t{1} << 26;      // of all variables together

// The variables in the file's order. Throws Error beginning with `source` for a file that is cut short, contradicts
// itself or goes beyond the limits, complex numbers, and level 7.3 (HDF5), which `save -v7` avoids.
std::vector<MatValue> parse_mat_variables(std::string_view content, const std::string& source);

}  // namespace deri
