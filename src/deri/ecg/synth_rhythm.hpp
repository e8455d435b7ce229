#pragma once
// When the heart beats: the times and kinds of beats, and what the atria do in between.

#include <cstddef>
#include <vector>

#include "deri/base/random.hpp"
#include "deri/ecg/synth_body.hpp"
#include "deri/ecg/synth_plan.hpp"

namespace deri {

enum class BeatKind {
  kRegular,            // as the rhythm has it
  kAtrialEctopic,      // premature, with a P wave of its own
  kVentricularEctopic  // premature and wide, without a P wave
};

struct Beat {
  double time = 0;      // s, onset of QRS
  double interval = 0;  // s, since the beat before
  BeatKind kind = BeatKind::kRegular;
};

struct Rhythm {
  std::vector<Beat> beats;  // from some seconds before 0 to some seconds after the end, so that the window has no edges
  double heart_rate = 0;    // per minute, over the window
  double mean_interval = 0;  // s
  bool p_waves = true;       // before every beat but the ventricular ectopic ones
  double flutter_rate = 0;   // per second; 0 without flutter
  double flutter_phase = 0;  // turns at time 0
  int flutter_ratio = 0;     // flutter waves per beat; 0: it varies
};

// Sinus rhythms breathe: respiratory and slower modulation plus jitter, strong in SARRH. AFIB: intervals independent of
// each other with a coefficient of variation of 0.17 to 0.26. AFLT: 270 to 330 waves a minute conducted 2:1, 3:1, 4:1
// or in turns. PAC and PVC: one to three beats inside the window come early; after an atrial one the sinus node starts
// anew, after a ventricular one the pause is fully compensatory.
Rhythm make_rhythm(const SyntheticPlan& plan, double seconds);

// Fibrillation or flutter waves, added to sources sampled at `rate` Hz from `begin` seconds on. Nothing for other
// rhythms.
void add_atrial_waves(const SyntheticPlan& plan, const Rhythm& rhythm, double begin, double rate,
                      std::vector<Source>& sources);

}  // namespace deri
