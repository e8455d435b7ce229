#include "deri/ecg/input.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deri/base/error.hpp"

namespace deri {

SignalMatrix fit_length(const SignalMatrix& signal, std::size_t samples) {
  SignalMatrix result;
  result.leads = signal.leads;
  result.rate = signal.rate;
  result.length = samples;
  result.values.assign(signal.leads.size() * samples, 0.0F);
  const std::size_t kept = std::min(samples, signal.length);
  const std::size_t from = (signal.length - kept) / 2;
  const std::size_t to = (samples - kept) / 2;
  for (std::size_t i = 0; i < signal.leads.size(); ++i)
    std::ranges::copy(signal.lead(i).subspan(from, kept), result.lead(i).subspan(to).begin());
  return result;
}

std::vector<std::int16_t> to_microvolts(const SignalMatrix& signal) {
  // -32768 is left out: WFDB's mark for a missing sample.
  constexpr double kLimit = std::numeric_limits<std::int16_t>::max();
  std::vector<std::int16_t> microvolts;
  microvolts.reserve(signal.values.size());
  for (std::size_t i = 0; i < signal.leads.size(); ++i) {
    for (const float millivolts : signal.lead(i)) {
      const double rounded = std::round(1000.0 * static_cast<double>(millivolts));
      if (!(std::abs(rounded) <= kLimit))
        fail("lead {} holds {} mV, which does not fit the {} mV that a store can keep", signal.leads[i], millivolts,
             kLimit / 1000);
      microvolts.push_back(static_cast<std::int16_t>(rounded));
    }
  }
  return microvolts;
}

}  // namespace deri
