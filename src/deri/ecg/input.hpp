#pragma once
// The last steps before a store (one length for all, and integers) and before a network (a rate, a length and a
// scaling).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "deri/ecg/recording.hpp"
#include "deri/ecg/scaling.hpp"

namespace deri {

// The middle `samples` of every lead; a shorter signal is set in the middle of zeros (0 mV). Where
// the halves cannot be equal, the end loses, or gains, one sample more than the beginning.
SignalMatrix fit_length(const SignalMatrix& signal, std::size_t samples);

// [leads, samples] rounded to whole microvolts. Throws Error, naming the lead, for a sample that is
// not finite or lies beyond +-32.767 mV.
std::vector<std::int16_t> to_microvolts(const SignalMatrix& signal);

// A change made in place to [leads, n] in mV, before scaling.
using SignalChange = std::function<void(std::span<float> millivolts)>;

// What a network takes of a signal: [leads, samples] at `rate` Hz, scaled, into `out` of that size. A longer signal is
// cut to its middle, then scaled; a shorter one is scaled, then set amid zeros, so that the padding has no part in the
// scaling. `before_scaling`, if given, sees n = min(samples, the signal's length). The signal must be finite. Throws
// Error as resample() does.
void write_input(SignalMatrix signal, double rate, std::size_t samples, Scaling scaling, std::span<float> out,
                 const SignalChange& before_scaling = {});

}  // namespace deri
