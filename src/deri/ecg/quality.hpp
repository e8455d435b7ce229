#pragma once
// What is wrong with a recording as a signal, in numbers: holes, flat and clipped leads, mains hum, baseline wander,
// leads that contradict each other, electrodes that seem exchanged. Findings, not verdicts: nothing is changed or
// refused.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

// The thresholds are public so that a report can name them.
struct QualityLimits {
  // A lead is flat when its peak-to-peak amplitude stays within flat_millivolts for flat_seconds: an electrode that is
  // off. 5 uV is one step of common recorders; between beats no skin is that quiet for 2 s.
  double flat_millivolts = 0.005, flat_seconds = 2;
  // A plateau at a lead's largest or smallest value is clipping when it lasts clip_seconds (and 3 samples) and is
  // entered or left by a step of clip_step_millivolts: a signal cut while it moved. Waves have round tops.
  double clip_seconds = 0.012, clip_step_millivolts = 0.05;
  // Hum is a line at 50 or 60 Hz (+-0.3) of that amplitude at least, hum_ratio times as high as all within 6 Hz of it.
  // IEC 60601-2-25 lets a recorder add noise of 30 uV; 10 uV is the least that shows on paper.
  double hum_millivolts = 0.01, hum_ratio = 3;
  // Wander: the range of the medians of all seconds; 1 mV are two large squares of paper, enough
  // for neighbouring leads to run into each other.
  double wander_millivolts = 1;
  // The limb leads contradict each other when a residual exceeds both (root mean square; without its mean).
  double limb_millivolts = 0.02, limb_share = 0.1;
};

struct LeadQuality {
  std::string lead;
  std::size_t missing = 0;       // samples that are not finite
  double missing_share = 0;      // of all samples
  double peak_to_peak = 0;       // mV
  double flat_seconds = 0;       // the longest flat stretch
  std::size_t clipped = 0;       // samples on plateaus
  double wander = 0;             // mV
  std::optional<double> hum_hz;  // 50 or 60, the stronger; nothing where the rate is too low or the recording too short
  double hum = 0;                // its amplitude, mV
  double hum_ratio = 0;          // to the highest amplitude around it

  bool is_flat = false, is_clipped = false, has_hum = false, has_wander = false;
};

// Root mean square in mV of what Einthoven's and Goldberger's relations leave over.
struct LimbResidual {
  std::string relation;  // "I + III - II", "aVR + (I + II) / 2" …
  double millivolts = 0;
  double share = 0;  // of the root mean square of I, II and III together
  bool too_large = false;
};

// Electrodes that may have been exchanged. Einthoven's relation holds whatever electrode is where, so this is told from
// the form of the averaged beat.
enum class LeadSwap {
  kArms,         // left and right arm: QRS negative in I and not in V6, and P negative in I or I the mirror image of V6
  kRightArmLeg,  // right arm and left leg: P, QRS and T negative in II, aVR upright
  kRightLegInII,   // right leg and right arm: II nearly flat
  kRightLegInIII,  // right leg and left arm: III nearly flat
  kLegsOnArms,     // both arms and both legs: I nearly flat
  kAvrInverted     // no electrode: the file holds -aVR (Cabrera's order) under the name of aVR
};

struct QualityReport {
  std::vector<LeadQuality> leads;  // those that are voltages
  std::vector<LimbResidual> limb;  // of the relations whose leads are present
  std::vector<LeadSwap> swaps;
  std::size_t beats = 0;
  std::optional<double> heart_rate;  // per minute

  // No flag anywhere and no sample missing.
  bool good() const;
  // A line for each flag, with its numbers.
  std::vector<std::string> flags() const;
};

// In words.
std::string describe(LeadSwap swap);

// Looks at no more than the first 60 s for hum and the averaged beat. Throws nothing; a recording without leads has an
// empty report.
//
// Swap rules after Batchvarov, Malik and Camm, "Incorrect electrode cable connection during electrocardiographic
// recording", Europace 9 (2007) 1081, and Rosen et al., "Common ECG Lead Placement Errors, Part I", Int. J. Med.
// Students 2 (2014) 92: waves upside down in I (arms) or II (right arm, left leg) with V6 as it should be, which tells
// them from dextrocardia; one limb lead below 0.1 mV alone (right leg). Left arm and left leg exchanged look like a
// normal ECG: not told. Right axis deviation, lateral infarction and ectopic atrial rhythm can look like a swap: a
// suspicion it stays.
QualityReport assess_quality(const Recording& recording, const QualityLimits& limits = {});

Json to_json(const QualityReport& report);

}  // namespace deri
