#include "deri/ecg/units.hpp"

#include <array>
#include <utility>

namespace deri {

std::optional<double> millivolts_per(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, double>, 9> kUnits{{{"mV", 1},
                                                                       {"mv", 1},
                                                                       {"uV", 1e-3},
                                                                       {"uv", 1e-3},
                                                                       {"\xC2\xB5V", 1e-3},
                                                                       {"\xCE\xBCV", 1e-3},
                                                                       {"\xB5V", 1e-3},
                                                                       {"nV", 1e-6},
                                                                       {"V", 1e3}}};
  for (const auto& [name, factor] : kUnits)
    if (unit == name) return factor;
  return std::nullopt;
}

}  // namespace deri
