#pragma once
// The heart: one beat as a sum of Gaussian waves.
//
// McSharry et al. (2003) let a point turn on a circle and pull the ECG by a Gaussian event at each phase; Sameni et al.
// (2007) and Clifford et al. (2010) do the same for the three components of the heart vector. We use the integrated
// form: within a beat, at time t after the onset of QRS,
//
//   source(t) = sum_i peak_i * exp(-(t - at_i)^2 / (2 width_i^2))
//
// where peak_i is a Source: a heart vector in mV with its regional currents. The vector's tip so turns through the
// loops P, QRS and T. A finding changes waves: the order and direction of ventricular activation (bundle branch and
// fascicular blocks, pre-excitation, pacing), their size (hypertrophy, low voltage), the first forces (infarction), or
// repolarisation.

#include <cstddef>
#include <string>
#include <vector>

#include "deri/base/random.hpp"
#include "deri/ecg/synth_body.hpp"
#include "deri/ecg/synth_plan.hpp"

namespace deri {

struct Wave {
  double at = 0;     // s after the onset of QRS, or of P for atrial waves
  double width = 0;  // s, standard deviation
  Source peak;
};

// Depolarisation and repolarisation of the ventricles in one kind of beat.
struct VentricularBeat {
  std::vector<Wave> qrs;
  double qrs_duration = 0;  // s
  Source st;                // level of the ST segment
  Source t;                 // peak of the T wave
  double t_width = 1;       // factor
};

struct Heart {
  std::vector<Wave> p;        // after the onset of P
  std::vector<Wave> early_p;  // from another place in the atria
  VentricularBeat beat;
  VentricularBeat ectopic;  // a ventricular premature beat
  Source u;                 // peak of the U wave
  double pr = 0;            // s, onset of P to onset of QRS, at rest
  double qtc = 0;           // s, at 60 beats per minute
};

// The heart of this recording's patient with this recording's findings. `field` is the patient's: the voltage criteria
// of LVH (Sokolow-Lyon >= 3.5 mV, without it <= 3.3 mV) and LVOLT (limb leads below 0.48 mV peak to peak, without it
// above 0.6 mV) are made to hold.
Heart make_heart(const SyntheticPlan& plan, const LeadField& field);

// PR in s at `rate` beats per minute: above 70 it shortens by 0.25 % per beat.
double pr_interval(double pr, double rate);

// QT in s at `rate` beats per minute: Hodges et al. (1983), QT = QTc - 1.75 ms * (rate - 60).
double qt_interval(double qtc, double rate);

// The waves of one ventricular beat, in s after the onset of its QRS, with a QT interval of `qt` seconds.
std::vector<Wave> ventricular_waves(const VentricularBeat& beat, const Source& u, double qt);

// What a reader would measure on the noise-free beat.
struct BeatMeasurements {
  double axis = 0;  // degrees, of the area of QRS in I and aVF over its first 80 ms
  // PTB-XL's code: ALAD up to -60, LAD up to -30, AXL below -15, MID up to 75, AXR up to 90, RAD up to 120, ARAD
  // beyond.
  std::string heart_axis;
  double limb_voltage = 0;                // mV, largest QRS peak to peak of the six limb leads
  double sokolow_lyon = 0;                // mV, S in V1 plus the larger R of V5 and V6
  std::vector<std::size_t> st_depressed;  // by more than 0.05 mV: positions in standard_leads(), aVR left out
  std::vector<std::size_t> t_inverted;    // by more than 0.08 mV: likewise
};
BeatMeasurements measure(const VentricularBeat& beat, const LeadField& field);

}  // namespace deri
