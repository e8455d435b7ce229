#pragma once
// The body as a volume conductor: how the heart's sources appear in the leads.
//
// The sources are a dipole, the heart vector (x left, y down, z backwards; mV), and two currents close under the chest
// electrodes that no distant dipole describes, over the septum and over the anterior wall. Leads I, II, V1..V6 follow
// from a lead-field matrix [8, 5] whose dipole columns are the coefficients of Dower et al. (1980), moved for the
// position of each patient's chest electrodes. III, aVR, aVL, aVF follow from I and II by Einthoven's and Goldberger's
// relations.

#include <array>
#include <cstdint>
#include <vector>

#include "deri/ecg/synth_plan.hpp"

namespace deri {

struct Source {
  double x = 0, y = 0, z = 0;  // mV
  double septum = 0;           // mV in V2
  double apex = 0;             // mV in V4: the anterior wall

  Source& operator+=(const Source& other);
  friend Source operator+(Source a, const Source& b) { return a += b; }
  friend Source operator*(double factor, const Source& source);
};

// The heart turned in the frontal plane (positive: clockwise for the reader, axis to the right), then in the horizontal
// plane (positive: leftward forces turn backwards). Radians.
Source rotate(const Source& source, double frontal, double horizontal);

// The leads that are recorded; the other four follow.
enum RecordedLead { kLeadI, kLeadII, kLeadV1, kLeadV2, kLeadV3, kLeadV4, kLeadV5, kLeadV6 };
inline constexpr std::size_t kRecordedLeads = 8;
inline constexpr std::size_t kStandardLeads = 12;
using RecordedValues = std::array<double, kRecordedLeads>;

class LeadField {
 public:
  explicit LeadField(const SyntheticPatient& patient);

  // I, II, V1..V6 in mV.
  RecordedValues operator()(const Source& source) const;
  // All twelve, in the order of standard_leads(), in mV.
  std::array<double, kStandardLeads> all(const Source& source) const;

 private:
  std::array<std::array<double, 5>, kRecordedLeads> rows_;
};

// Potentials that the electrodes RA, LA, LL, V1..V6 pick up beside the heart's, as they appear in the recorded leads:
// breathing and slow drift, mains hum, muscle noise, now and then an electrode that moves. Because they arise at the
// electrodes, they obey Einthoven and Goldberger as the heart's do. Adds to `leads` [8][n], mV, sampled at `rate` Hz.
using RecordedSignal = std::array<std::vector<double>, kRecordedLeads>;
void add_electrode_noise(RecordedSignal& leads, double rate, double level, Rng& rng);

// Low-passed (Hann-windowed sinc at 0.45 of the new rate) and thinned by `factor`; the first and the last
// decimation_margin(factor) samples serve the filter only.
std::size_t decimation_margin(std::size_t factor);
std::vector<double> decimate(const std::vector<double>& signal, std::size_t factor);

// [12, n] microvolts in the order of standard_leads(), row-major. I and II are rounded to even microvolts, so that
// their halves are whole and the relations hold exactly for the integers:
//   III = II - I,  aVR = -(I + II) / 2,  aVL = I - II / 2,  aVF = II - I / 2
std::vector<std::int16_t> to_standard_leads(const RecordedSignal& leads);

}  // namespace deri
