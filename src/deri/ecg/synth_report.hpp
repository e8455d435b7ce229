#pragma once
// The report an ECG machine might print: every finding of a recording, and nothing else, in varying words.

#include <string>

#include "deri/ecg/synth_heart.hpp"
#include "deri/ecg/synth_plan.hpp"
#include "deri/ecg/synth_rhythm.hpp"

namespace deri {

struct ReportFacts {
  const SyntheticPlan& plan;
  const Rhythm& rhythm;
  const Heart& heart;
  const BeatMeasurements& measurements;
};

// Lower-case English sentences: rhythm, ectopic beats, axis, conduction, hypertrophy, infarction, ST and T, a summary.
// Each finding has several wordings, with qualifiers that agree with its likelihood, and the leads and rates that the
// signal really shows. One vocabulary per device keeps the words recurring.
std::string make_report(const ReportFacts& facts);

}  // namespace deri
