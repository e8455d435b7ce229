#pragma once
// Units of voltage as files write them.

#include <optional>
#include <string_view>

namespace deri {

// The unit of every lead that is a voltage (Lead::unit).
inline constexpr const char* kMillivolt = "mV";

// mV per V, mV, uV or nV (the micro sign as U+00B5, Greek mu, Latin-1 or 'u'); nothing for any other unit.
std::optional<double> millivolts_per(std::string_view unit);

}  // namespace deri
