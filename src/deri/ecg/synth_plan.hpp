#pragma once
// Who is recorded, how often, and with which findings: patients drawn from a table of prevalences and of companions.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "deri/base/random.hpp"
#include "deri/ecg/synth_findings.hpp"

namespace deri {

// What stays the same in all of a patient's recordings.
struct SyntheticPatient {
  std::int64_t id = 0;
  std::uint64_t seed = 0;
  double age = 0;  // years, at the first recording
  bool female = false;
  double height = 0;  // cm
  double weight = 0;  // kg

  double frontal_rotation = 0;     // of the heart, radians; positive turns the axis clockwise (to the right)
  double horizontal_rotation = 0;  // radians; positive turns the forces backwards
  double voltage = 1;              // factors on the amplitudes
  double p_voltage = 1;
  double t_voltage = 1;
  double qrs_width = 1;                  // factor on the QRS duration
  double pr = 0.16;                      // s, with normal AV conduction
  double qtc = 0.41;                     // s, with normal repolarisation
  double chest_shift = 0;                // of all chest electrodes towards V6, in electrode distances
  std::array<double, 6> chest_shifts{};  // and of each

  FindingSet chronic;  // in every recording
};

// How marked a patient's finding is: 0.6 (borderline) .. 1, the same in all recordings.
double severity(const SyntheticPatient& patient, Finding finding);
// The likelihood, in percent, that a reader gives a diagnosis of that severity: 50, 80 or 100.
double likelihood(const SyntheticPatient& patient, Finding finding);
// A stream of random numbers for one finding of one patient.
Rng finding_rng(const SyntheticPatient& patient, Finding finding);

// One recording to be made.
struct SyntheticPlan {
  std::int64_t ecg_id = 0;  // 1, 2, … by date
  SyntheticPatient patient;
  double age = 0;                 // years, at this recording
  std::chrono::sys_seconds date;  // 1990 .. 2000
  std::uint64_t seed = 0;         // of all that differs between recordings
  FindingSet findings;
  int fold = 0;  // 1..10; all recordings of a patient lie in one
};

// `records` recordings of about 0.63 times as many patients. The folds are balanced in size and in every finding
// (iterative stratification, Sechidis et al. 2011, by patient). The same on every machine for the same arguments.
std::vector<SyntheticPlan> plan_synthetic(std::size_t records, std::uint64_t seed);

}  // namespace deri
