#pragma once
// Band-limited change of the sampling rate (libsoxr, high quality, linear phase).

#include <span>
#include <vector>

#include "deri/ecg/recording.hpp"

namespace deri {

// The signal at another rate: sample k of the result lies at time k / to_hz, as sample k of
// `samples` lies at k / from_hz; round(n * to_hz / from_hz) samples come out, at least one.
// Frequencies above half the lower rate are removed, those below 0.91 of it pass unchanged. Beyond
// its ends the signal is taken to stay at its first and last value, so a constant stays constant.
// Equal rates: a copy. `samples` must be finite (repair() first). Throws Error if a rate is not
// positive or one is more than 100 times the other.
std::vector<float> resample(std::span<const float> samples, double from_hz, double to_hz);

// Every lead, from signal.rate to `to_hz`.
SignalMatrix resample(const SignalMatrix& signal, double to_hz);

}  // namespace deri
