#include "deri/ecg/input.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"
#include "deri/ecg/resample.hpp"

namespace deri {
namespace {

// -32768 is left out: WFDB's mark for a missing sample.
constexpr double kLimit = std::numeric_limits<std::int16_t>::max();
constexpr float kTooMuch = 32.7675F;  // mV: the least float that would be rounded beyond the limit
static_assert(1000.0 * kTooMuch >= kLimit + 0.5 && 1000.0 * 32.767498F < kLimit + 0.5);

inline bool fits(float millivolts) {
  return std::abs(millivolts) < kTooMuch;
}

DERI_VECTOR_CLONES bool all_fit(std::span<const float> millivolts) {
  int misfits = 0;
  for (const float value : millivolts) misfits |= fits(value) ? 0 : 1;
  return misfits == 0;
}

DERI_VECTOR_CLONES void round_microvolts(std::span<const float> millivolts, std::span<std::int16_t> microvolts) {
  for (std::size_t i = 0; i < millivolts.size(); ++i) {
    // A float times 1000 is exact in double, and so is the half added: cutting off then rounds as std::round does, but
    // as a vector instruction.
    const double value = 1000.0 * static_cast<double>(millivolts[i]);
    microvolts[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(value + std::copysign(0.5, value)));
  }
}

}  // namespace

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
  for (std::size_t i = 0; i < signal.leads.size() && !all_fit(signal.values); ++i)
    for (const float millivolts : signal.lead(i))
      if (!fits(millivolts))
        fail("lead {} holds {} mV, which does not fit the {} mV that a store can keep", signal.leads[i], millivolts,
             kLimit / 1000);
  std::vector<std::int16_t> microvolts(signal.values.size());
  round_microvolts(signal.values, microvolts);
  return microvolts;
}

void write_input(SignalMatrix signal, double rate, std::size_t samples, Scaling scaling, std::span<float> out,
                 const SignalChange& before_scaling) {
  const std::size_t leads = signal.leads.size();
  DERI_CHECK(out.size() == leads * samples);
  if (signal.rate != rate) signal = resample(signal, rate);
  if (signal.length > samples) signal = fit_length(signal, samples);
  if (before_scaling) before_scaling(signal.values);
  scale(scaling, signal.values, leads);
  if (signal.length < samples) signal = fit_length(signal, samples);
  std::ranges::copy(signal.values, out.begin());
}

}  // namespace deri
