#include "deri/ecg/resample.hpp"

#include <algorithm>
#include <cmath>

#include <soxr.h>

#include "deri/base/error.hpp"

namespace deri {
namespace {

constexpr double kLargestRatio = 100;  // a file with a wrong rate must not cost all memory

// Half the length of soxr's high-quality filter, in samples of the lower rate, rounded up
// generously: what lies further from an end than this does not feel it.
constexpr double kFilterReach = 128;

void check_rates(double from_hz, double to_hz) {
  if (!(from_hz > 0 && to_hz > 0 && std::isfinite(from_hz) && std::isfinite(to_hz)))
    fail("cannot resample from {} Hz to {} Hz: rates must be positive", from_hz, to_hz);
  if (std::max(from_hz / to_hz, to_hz / from_hz) > kLargestRatio)
    fail("cannot resample from {} Hz to {} Hz: the rates are more than {} times apart", from_hz, to_hz, kLargestRatio);
}

std::size_t resampled_length(std::size_t length, double ratio) {
  if (length == 0) return 0;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(static_cast<double>(length) * ratio)));
}

// How many samples to put before and after the signal: at least the filter's reach, and such that
// their number at the new rate is whole (or as nearly as 4096 candidates allow), for they are cut
// off there again.
std::size_t padding(double ratio) {
  constexpr std::size_t kCandidates = 4096;
  const auto least = static_cast<std::size_t>(std::ceil(kFilterReach * std::max(1.0, 1 / ratio)));
  std::size_t best = least;
  double best_error = 1;
  for (std::size_t count = least; count < least + kCandidates; ++count) {
    const double resampled = static_cast<double>(count) * ratio;
    const double error = std::abs(resampled - std::round(resampled));
    if (error < best_error - 1e-9) {
      best = count;
      best_error = error;
    }
  }
  return best;
}

std::vector<float> run_soxr(const std::vector<float>& in, double from_hz, double to_hz) {
  // soxr returns round(n * ratio) samples, but given room for no more than that it may hold back its last block.
  constexpr std::size_t kSpare = 16;
  std::vector<float> out(resampled_length(in.size(), to_hz / from_hz) + kSpare);
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  // Double precision inside: soxr's single-precision engine depends on the machine's vector unit.
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ | SOXR_LINEAR_PHASE, SOXR_DOUBLE_PRECISION);
  std::size_t used = 0;
  std::size_t made = 0;
  const soxr_error_t error = soxr_oneshot(from_hz, to_hz, 1, in.data(), in.size(), &used, out.data(), out.size(), &made,
                                          &io, &quality, nullptr);
  if (error != nullptr) fail("cannot resample from {} Hz to {} Hz: {}", from_hz, to_hz, error);
  out.resize(made);
  return out;
}

}  // namespace

std::vector<float> resample(std::span<const float> samples, double from_hz, double to_hz) {
  check_rates(from_hz, to_hz);
  if (samples.empty() || from_hz == to_hz) return {samples.begin(), samples.end()};
  const double ratio = to_hz / from_hz;
  const std::size_t pad = padding(ratio);
  std::vector<float> padded(pad, samples.front());
  padded.reserve(samples.size() + 2 * pad);
  padded.insert(padded.end(), samples.begin(), samples.end());
  padded.insert(padded.end(), pad, samples.back());

  const auto skip = static_cast<std::size_t>(std::llround(static_cast<double>(pad) * ratio));
  const std::size_t length = resampled_length(samples.size(), ratio);
  const std::vector<float> whole = run_soxr(padded, from_hz, to_hz);
  DERI_CHECK(whole.size() >= skip + length);
  const auto first = whole.begin() + static_cast<std::ptrdiff_t>(skip);
  return {first, first + static_cast<std::ptrdiff_t>(length)};
}

SignalMatrix resample(const SignalMatrix& signal, double to_hz) {
  SignalMatrix result;
  result.leads = signal.leads;
  result.rate = to_hz;
  for (std::size_t lead = 0; lead < signal.leads.size(); ++lead) {
    const std::vector<float> row = resample(signal.lead(lead), signal.rate, to_hz);
    result.length = row.size();
    result.values.insert(result.values.end(), row.begin(), row.end());
  }
  return result;
}

}  // namespace deri
