#pragma once
// Where the heart beats are, and the beat they have in common. Enough for a heart rate and for the polarity of waves;
// not a delineator.

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "deri/ecg/recording.hpp"

namespace deri {

// The QRS complexes of a recording, as sample numbers: peaks of the summed squared slope of all voltage leads, smoothed
// over 0.1 s, that reach a third of the usual height and stand 0.25 s apart. Empty when the recording is shorter than 2
// s or has no voltage that moves. Linear in the number of samples.
std::vector<std::size_t> find_beats(const Recording& recording);

// Beats per minute: 60 s over the mean distance. Nothing with fewer than three beats.
std::optional<double> heart_rate(const std::vector<std::size_t>& beats, double rate);

// The median over (at most 100 of) the beats of one lead, from 0.32 s before QRS to 0.42 s behind it.
struct AverageBeat {
  double rate = 0;         // Hz
  std::size_t center = 0;  // the sample of QRS
  std::vector<float> samples;

  // mV at `seconds` after QRS; the nearest sample, within the beat.
  double at(double seconds) const;
  std::size_t index(double seconds) const;
};

// Nothing when no beat lies wholly within the recording.
std::optional<AverageBeat> average_beat(const Lead& lead, double rate, const std::vector<std::size_t>& beats);

}  // namespace deri
