#pragma once
// The last steps before a store: one length for all, and integers.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "deri/ecg/recording.hpp"

namespace deri {

// The middle `samples` of every lead; a shorter signal is set in the middle of zeros (0 mV). Where
// the halves cannot be equal, the end loses, or gains, one sample more than the beginning.
SignalMatrix fit_length(const SignalMatrix& signal, std::size_t samples);

// [leads, samples] rounded to whole microvolts. Throws Error, naming the lead, for a sample that is
// not finite or lies beyond +-32.767 mV.
std::vector<std::int16_t> to_microvolts(const SignalMatrix& signal);

}  // namespace deri
