#pragma once
// Synthetic 12-lead ECGs with known findings: patient and findings (synth_plan), rhythm (synth_rhythm), beats
// (synth_heart), body and electrodes (synth_body), words (synth_report).

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "deri/ecg/synth_heart.hpp"
#include "deri/ecg/synth_plan.hpp"
#include "deri/ecg/synth_rhythm.hpp"

namespace deri {

struct SyntheticOptions {
  double rate = 100;    // Hz: 500, or 500 divided by a whole number up to 5
  double seconds = 10;  // 6 .. 60
  double noise = 1;     // factor on all electrode noise; 0: none
};

struct SyntheticEcg {
  double rate = 0;                                    // Hz
  std::size_t length = 0;                             // samples per lead
  std::vector<std::int16_t> microvolts;               // [12, length], row-major, in the order of standard_leads()
  std::vector<std::pair<std::string, double>> codes;  // PTB-XL code, likelihood in percent (0 for form and rhythm)
  std::string heart_axis;                             // PTB-XL's code
  std::string report;
  double heart_rate = 0;  // per minute
  // What was made, before noise, for whoever wants to measure.
  Rhythm rhythm;
  Heart heart;
  BeatMeasurements measurements;
};

// The recording that `plan` describes: the same bytes on every machine. Recordings of one plan at two rates show the
// same seconds. Throws Error for options out of range.
SyntheticEcg synthesise(const SyntheticPlan& plan, const SyntheticOptions& options = {});

}  // namespace deri
