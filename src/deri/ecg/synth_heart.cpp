#include "deri/ecg/synth_heart.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "deri/base/portable_math.hpp"

namespace deri {
namespace {

using enum Finding;

// ---- QRS: directions and times of the textbook loops; seconds, mV ----

std::vector<Wave> normal_qrs() {
  return {{0.014, 0.0070, {-0.13, -0.04, -0.19}},  // septum, towards the right and the front
          {0.028, 0.0080, {0.22, 0.12, -0.28}},    // apex
          {0.044, 0.0100, {1.05, 0.70, 0.32}},     // free wall of the left ventricle
          {0.066, 0.0105, {-0.22, -0.15, 0.55}}};  // base
}

std::vector<Wave> left_anterior_fascicular_qrs() {
  return {{0.015, 0.0080, {-0.15, 0.28, -0.15}},
          {0.030, 0.0080, {0.35, 0.25, -0.22}},
          {0.052, 0.0120, {0.95, -0.72, 0.25}},
          {0.076, 0.0120, {0.22, -0.64, 0.50}}};
}

std::vector<Wave> left_posterior_fascicular_qrs() {
  return {{0.015, 0.0080, {0.14, -0.30, -0.14}},
          {0.030, 0.0080, {0.25, 0.12, -0.28}},
          {0.050, 0.0110, {0.30, 1.15, 0.25}},
          {0.072, 0.0110, {-0.62, 0.55, 0.40}}};
}

std::vector<Wave> left_bundle_branch_block_qrs() {
  return {{0.018, 0.0120, {0.30, 0.12, 0.15}},
          {0.050, 0.0190, {0.84, 0.22, 0.82}},
          {0.101, 0.0205, {0.80, 0.12, 0.98}},
          {0.130, 0.0140, {0.22, -0.05, 0.35}}};
}

// Spread from the apex of the right ventricle, where the lead lies.
std::vector<Wave> paced_qrs() {
  return {{0.022, 0.0130, {0.08, -0.35, 0.15}},
          {0.058, 0.0200, {0.30, -0.85, 0.70}},
          {0.104, 0.0210, {0.42, -0.75, 0.85}},
          {0.138, 0.0150, {0.10, -0.30, 0.30}}};
}

std::vector<Wave> pre_excited_qrs(Rng rng) {
  const bool left_pathway = rng.chance(0.5);  // type A: upright in V1
  const double strength = rng.uniform(0.7, 1.25);
  const double z = left_pathway ? -0.42 : 0.30;
  const double y = rng.uniform(-0.12, 0.30);
  std::vector<Wave> qrs{{0.024, 0.0130, strength * Source{0.32, y, z}},
                        {0.044, 0.0120, strength * Source{0.48, y + 0.08, z}}};
  std::vector<Wave> rest =
      left_pathway ? std::vector<Wave>{{0.071, 0.0105, {0.85, 0.55, -0.20}}, {0.094, 0.0110, {-0.15, -0.10, 0.20}}}
                   : std::vector<Wave>{{0.071, 0.0105, {1.05, 0.45, 0.50}}, {0.094, 0.0110, {-0.10, -0.12, 0.55}}};
  qrs.insert(qrs.end(), rest.begin(), rest.end());
  return qrs;
}

// The right ventricle follows late, towards the right and the front.
void add_right_bundle_branch_block(std::vector<Wave>& qrs, bool complete, double strength) {
  qrs.back().peak = (complete ? 0.5 : 0.85) * qrs.back().peak;
  if (complete) {
    qrs.push_back({0.096, 0.0165, strength * Source{-0.62, 0.06, -0.74}});
    qrs.push_back({0.124, 0.0130, strength * Source{-0.25, 0.04, -0.22}});
  } else {
    qrs.push_back({0.086, 0.0100, strength * Source{-0.32, 0.02, -0.50}});
  }
}

constexpr std::size_t kSeptal = 0, kEarly = 1, kMain = 2, kBasal = 3;  // of a QRS without a wide block

void add_left_ventricular_hypertrophy(std::vector<Wave>& qrs, double strength) {
  Source& main = qrs[kMain].peak;
  main.x *= 1 + 0.75 * strength;
  main.y *= 1 + 0.25 * strength;
  main.z *= 1 + 0.70 * strength;
  Source& basal = qrs[kBasal].peak;
  basal.z *= 1 + 0.70 * strength;
  basal.x *= 0.4;
  for (Wave& wave : qrs) wave.width *= 1.05;
}

void add_right_ventricular_hypertrophy(std::vector<Wave>& qrs, double strength) {
  qrs[kSeptal].peak = {0.03, -0.02, -0.12};
  qrs[kMain].peak = Source{0.15, 0.72, -0.35} + strength * Source{0, 0, -0.30};
  qrs[kBasal].peak = Source{-0.60, 0.30, -0.15} + strength * Source{-0.20, 0.05, -0.20};
}

// A scar has no forces of its own: the wall across from it wins the first 40 ms, and what follows is smaller.
void add_infarct(std::vector<Wave>& qrs, Finding infarct, double strength) {
  Source& septal = qrs[kSeptal].peak;
  Source& early = qrs[kEarly].peak;
  Source& main = qrs[kMain].peak;
  switch (infarct) {
    case kImi:
      septal.y = early.y = 0;
      main.y *= 1 - 0.25 * strength;
      qrs.push_back({0.024, 0.0110, strength * Source{0, -0.72, 0.05}});
      break;
    case kLmi:
      septal.x = std::min(septal.x, 0.0);
      early.x *= 0.2;
      main.x *= 1 - 0.35 * strength;
      qrs.push_back({0.025, 0.0110, strength * Source{-0.72, 0.12, -0.05}});
      break;
    case kAsmi:
      septal.z = 0.10;
      early.z = 0.10;
      qrs.push_back({0.024, 0.0110, strength * Source{0.05, 0.05, 0.25, -0.40, 0}});
      qrs.push_back({0.042, 0.0140, strength * Source{0, 0, 0, -0.45, -0.10}});
      break;
    case kAmi:
      early.x *= 0.4;
      early.z *= 0.4;
      qrs.push_back({0.028, 0.0120, strength * Source{0, 0, 0, 0, -0.85}});
      qrs.push_back({0.045, 0.0150, strength * Source{0, 0, 0, -0.10, -1.10}});
      break;
    default:
      break;
  }
}

void scale(std::vector<Wave>& waves, double factor) {
  for (Wave& wave : waves) wave.peak = factor * wave.peak;
}

void stretch(std::vector<Wave>& waves, double factor) {
  for (Wave& wave : waves) {
    wave.at *= factor;
    wave.width *= factor;
  }
}

void turn(std::vector<Wave>& waves, double frontal, double horizontal) {
  for (Wave& wave : waves) wave.peak = rotate(wave.peak, frontal, horizontal);
}

// No two hearts are built alike: every wave's size, direction and width differ a little between patients.
void individualise(std::vector<Wave>& waves, const SyntheticPatient& patient) {
  const auto draw = [](Rng& rng) { return std::clamp(rng.normal(), -2.0, 2.0); };
  for (std::size_t i = 0; i < waves.size(); ++i) {
    Rng rng(mix_seed(patient.seed, {fnv1a("wave"), i}));
    Wave& wave = waves[i];
    const Source& peak = wave.peak;
    const double size = std::fabs(peak.x) + std::fabs(peak.y) + std::fabs(peak.z);
    const double spread = 0.012 + 0.03 * size;  // mV
    wave.peak = (1 + 0.1 * draw(rng)) * wave.peak;
    wave.peak += spread * Source{draw(rng), draw(rng), draw(rng)};
    wave.width *= 1 + 0.05 * draw(rng);
  }
}

double end_of(const std::vector<Wave>& waves) {
  double end = 0;
  for (const Wave& wave : waves) end = std::max(end, wave.at + 2.2 * wave.width);
  return end;
}

// How far the patient's own rotation shows: conduction that sets the axis leaves little room.
double rotation_share(const FindingSet& findings) {
  return findings.has_any({kLafb, kLpfb, kRvh, kClbbb, kPace, kWpw}) ? 0.25 : 1;
}

std::vector<Wave> make_qrs(const SyntheticPatient& patient, const FindingSet& findings) {
  std::vector<Wave> qrs = findings.has(kPace)    ? paced_qrs()
                          : findings.has(kClbbb) ? left_bundle_branch_block_qrs()
                          : findings.has(kWpw)   ? pre_excited_qrs(finding_rng(patient, kWpw))
                          : findings.has(kLafb)  ? left_anterior_fascicular_qrs()
                          : findings.has(kLpfb)  ? left_posterior_fascicular_qrs()
                                                 : normal_qrs();
  if (findings.has(kLvh)) add_left_ventricular_hypertrophy(qrs, severity(patient, kLvh));
  if (findings.has(kRvh)) add_right_ventricular_hypertrophy(qrs, severity(patient, kRvh));
  for (const bool complete : {true, false}) {
    const Finding block = complete ? kCrbbb : kIrbbb;
    if (!findings.has(block)) continue;
    add_right_bundle_branch_block(qrs, complete, finding_rng(patient, block).uniform(0.65, 1.25));
  }
  turn(qrs, patient.frontal_rotation * rotation_share(findings), patient.horizontal_rotation);
  // Infarcts come after the turn: they are named by the leads that see them.
  for (const Finding infarct : {kImi, kLmi, kAsmi, kAmi})
    if (findings.has(infarct)) add_infarct(qrs, infarct, severity(patient, infarct));
  individualise(qrs, patient);
  scale(qrs, patient.voltage);
  stretch(qrs, patient.qrs_width);
  return qrs;
}

// ---- voltage criteria ----

struct QrsExtent {
  std::array<double, kStandardLeads> lowest{}, highest{};  // mV
  double area_one = 0, area_avf = 0;                       // mV s, of the first 80 ms
};

Source source_at(const std::vector<Wave>& waves, double t) {
  Source source;
  for (const Wave& wave : waves) {
    const double u = (t - wave.at) / wave.width;
    if (u * u < 40) source += portable_exp(-u * u / 2) * wave.peak;
  }
  return source;
}

QrsExtent extent(const std::vector<Wave>& qrs, double duration, const LeadField& field) {
  constexpr double kStep = 0.002;
  constexpr double kAxisWindow = 0.08;  // the late forces of right bundle branch block set no axis
  QrsExtent result;
  for (double t = -0.01; t < duration + 0.01; t += kStep) {
    const auto leads = field.all(source_at(qrs, t));
    for (std::size_t lead = 0; lead < kStandardLeads; ++lead) {
      result.lowest[lead] = std::min(result.lowest[lead], leads[lead]);
      result.highest[lead] = std::max(result.highest[lead], leads[lead]);
    }
    if (t > kAxisWindow) continue;
    result.area_one += leads[0] * kStep;
    result.area_avf += leads[5] * kStep;
  }
  return result;
}

double limb_voltage(const QrsExtent& qrs) {
  double largest = 0;
  for (std::size_t lead = 0; lead < 6; ++lead) largest = std::max(largest, qrs.highest[lead] - qrs.lowest[lead]);
  return largest;
}

double sokolow_lyon(const QrsExtent& qrs) {
  return std::max(qrs.highest[10], qrs.highest[11]) - qrs.lowest[6];
}

void meet_voltage_criteria(std::vector<Wave>& qrs, const SyntheticPatient& patient, const FindingSet& findings,
                           const LeadField& field) {
  const QrsExtent now = extent(qrs, end_of(qrs), field);
  const double limb = limb_voltage(now), sokolow = sokolow_lyon(now);
  Rng rng = finding_rng(patient, findings.has(kLvh) ? kLvh : findings.has(kLvolt) ? kLvolt : kNorm);
  const double u = rng.uniform();
  if (findings.has(kLvolt)) {
    scale(qrs, (0.3 + 0.18 * u) / limb);
    return;
  }
  if (findings.has(kLvh)) {
    if (sokolow < 3.5) scale(qrs, (3.5 + 0.9 * u) / sokolow);
    return;
  }
  // Deep S waves are no sign of hypertrophy where the left ventricle is activated from the right.
  double factor = 1;
  if (sokolow > 3.3 && !findings.has_any({kClbbb, kPace})) factor = (2.6 + 0.7 * u) / sokolow;
  if (factor * limb < 0.6) factor = (0.6 + 0.2 * u) / limb;
  scale(qrs, factor);
}

// ---- repolarisation ----

enum class Region { kLateral, kAnterior, kInferior };

Region region_of_change(const SyntheticPlan& plan, Rng& rng) {
  const double u = rng.uniform();
  const FindingSet& findings = plan.findings;
  if (findings.has_any({kAmi, kAsmi, kRvh})) return Region::kAnterior;
  if (findings.has_any({kLmi, kLvh})) return Region::kLateral;
  if (findings.has(kImi)) return Region::kInferior;
  return u < 0.5 ? Region::kLateral : u < 0.75 ? Region::kAnterior : Region::kInferior;
}

Source inverted_t(Region region) {
  switch (region) {
    case Region::kAnterior:
      return {0.10, 0.16, 0.30, -0.10, -0.12};
    case Region::kInferior:
      return {0.20, -0.24, -0.12};
    case Region::kLateral:
      break;
  }
  return {-0.30, 0.02, -0.06};
}

Source depressed_st(Region region) {
  switch (region) {
    case Region::kAnterior:
      return {-0.03, 0, 0.10, 0, -0.05};
    case Region::kInferior:
      return {-0.08, -0.14, 0.02};
    case Region::kLateral:
      break;
  }
  return {-0.16, -0.06, 0.03};
}

// ST and T after an abnormal sequence of activation point away from its main forces.
void set_secondary_repolarisation(VentricularBeat& beat, const FindingSet& findings) {
  if (findings.has(kClbbb)) {
    beat.st = {-0.08, -0.02, -0.15};
    beat.t = {-0.30, -0.06, -0.42};
  } else if (findings.has(kPace)) {
    beat.st = {-0.05, 0.10, -0.12};
    beat.t = {-0.10, 0.42, -0.40};
  } else if (findings.has(kCrbbb)) {
    beat.t = {0.34, 0.18, 0.16};
  } else if (findings.has(kWpw)) {
    beat.t = 0.45 * beat.t;
    beat.st = {-0.05, -0.02, 0.03};
  } else if (findings.has(kRvh)) {
    beat.t = {0.20, 0.22, 0.02};
  }
}

void set_st_t(VentricularBeat& beat, const SyntheticPlan& plan, Rng& rng) {
  const SyntheticPatient& patient = plan.patient;
  const FindingSet& findings = plan.findings;
  beat.st = {0.035, 0.03, -0.03};
  beat.t = {0.32, 0.22, -0.13};
  set_secondary_repolarisation(beat, findings);
  // The T wave follows the QRS axis half-way.
  const double frontal = std::clamp(patient.frontal_rotation, -0.3, 0.3) * 0.4;
  beat.t = patient.t_voltage * rng.uniform(0.82, 1.18) * rotate(beat.t, frontal, 0.3 * patient.horizontal_rotation);
  if (findings.has(kLvolt)) {
    beat.t = 0.65 * beat.t;
    beat.st = 0.5 * beat.st;
  }

  const Region region = region_of_change(plan, rng);
  // Across from an infarct the ST segment sinks by reciprocity.
  const Region st_region = findings.has_any({kAmi, kAsmi, kImi}) ? Region::kLateral : region;
  const double st_strength = rng.uniform(0.6, 1.3);
  const double t_strength = rng.uniform(0.55, 1.3);
  const double flat = rng.uniform(0.05, 0.32);
  const Source unrest{rng.normal(0, 0.03), rng.normal(0, 0.02), rng.normal(0, 0.02)};
  if (findings.has(kStd)) {
    beat.st = st_strength * depressed_st(st_region);
    beat.t = 0.55 * beat.t;
  }
  if (findings.has(kInvt)) beat.t = t_strength * inverted_t(region);
  if (findings.has(kNdt)) beat.t = flat * beat.t + unrest;
  if (findings.has(kLngqt)) beat.t_width = rng.uniform(1.05, 1.4);
}

// ---- atria and ectopic beats ----

void set_atria(Heart& heart, const SyntheticPatient& patient, Rng& rng) {
  const double voltage = patient.p_voltage;
  heart.p = {{0.038, 0.015, voltage * Source{0.040, 0.080, -0.045}},  // right atrium
             {0.066, 0.016, voltage * Source{0.070, 0.065, 0.045}}};  // left atrium
  // A low or left focus: the atria are activated the other way round, in part.
  const double y = rng.uniform(-0.12, 0.06);
  const double x = rng.uniform(-0.06, 0.09);
  heart.early_p = {{0.034, 0.014, voltage * Source{x, y, 0.04}}, {0.060, 0.015, voltage * Source{x, y, -0.05}}};
}

void set_ectopic_beat(VentricularBeat& ectopic, Rng& rng) {
  const bool from_left = rng.chance(0.45);       // right bundle branch block pattern
  const double side = rng.chance(0.5) ? 1 : -1;  // from above or from below
  const double y = side * rng.uniform(0.35, 1.0);
  const double x = from_left ? rng.uniform(-0.7, 0.1) : rng.uniform(0.2, 0.9);
  const double z = from_left ? rng.uniform(-1.1, -0.7) : rng.uniform(0.8, 1.2);
  const double strength = rng.uniform(0.9, 1.35);
  const double notch = rng.uniform(0.6, 1.0);
  ectopic.qrs = {{0.040, 0.020, notch * strength * Source{x, y, z}}, {0.090, 0.023, strength * Source{x, 0.9 * y, z}}};
  stretch(ectopic.qrs, rng.uniform(0.95, 1.15));
  ectopic.qrs_duration = end_of(ectopic.qrs);
  ectopic.st = -0.12 * strength * Source{x, y, z};
  ectopic.t = -0.42 * strength * Source{x, y, z};
}

double resting_pr(const SyntheticPatient& patient, const FindingSet& findings) {
  if (findings.has(kWpw)) return finding_rng(patient, kWpw).uniform(0.082, 0.112);
  if (findings.has(kAvb1)) return finding_rng(patient, kAvb1).uniform(0.208, 0.30);
  return patient.pr;
}

double corrected_qt(const SyntheticPatient& patient, const FindingSet& findings, double qrs_duration) {
  const double qtc = findings.has(kLngqt) ? finding_rng(patient, kLngqt).uniform(0.47, 0.56) : patient.qtc;
  return qtc + 0.8 * std::max(0.0, qrs_duration - 0.11);  // late activation, late recovery
}

std::string axis_code(double axis) {
  if (axis <= -60) return "ALAD";
  if (axis <= -30) return "LAD";
  if (axis < -15) return "AXL";
  if (axis <= 75) return "MID";
  if (axis <= 90) return "AXR";
  if (axis <= 120) return "RAD";
  return "ARAD";
}

// Degrees in -180 .. 180 by bisection on the direction: there is no portable arc tangent, and a hundredth will do.
double direction(double x, double y) {
  constexpr double kDegree = std::numbers::pi / 180;
  double low = 0, high = 180;  // of |y|
  const double up = std::fabs(y);
  while (high - low > 0.005) {
    const double middle = (low + high) / 2;
    // Positive while the vector lies beyond `middle`.
    if (up * portable_cos(middle * kDegree) - x * portable_sin(middle * kDegree) > 0)
      low = middle;
    else
      high = middle;
  }
  return y < 0 ? -low : low;
}

constexpr std::size_t kAvr = 3;

}  // namespace

Heart make_heart(const SyntheticPlan& plan, const LeadField& field) {
  const SyntheticPatient& patient = plan.patient;
  Rng rng(mix_seed(plan.seed, {fnv1a("heart")}));
  Heart heart;
  heart.beat.qrs = make_qrs(patient, plan.findings);
  meet_voltage_criteria(heart.beat.qrs, patient, plan.findings, field);
  heart.beat.qrs_duration = end_of(heart.beat.qrs);
  set_st_t(heart.beat, plan, rng);
  set_atria(heart, patient, rng);
  set_ectopic_beat(heart.ectopic, rng);
  // The pacemaker's pulse, just before the QRS it starts; last, so that it counts for nothing above.
  if (plan.findings.has(kPace)) {
    const double pulse = finding_rng(patient, kPace).uniform(0.9, 2.2);
    heart.beat.qrs.push_back({-0.006, 0.0016, pulse * Source{-0.35, -1.0, 0.40}});
  }
  const double u = rng.chance(0.3) ? rng.uniform(0.5, 1.2) : 0;
  heart.u = u * Source{0.03, 0.02, -0.035};
  heart.pr = resting_pr(patient, plan.findings);
  heart.qtc = corrected_qt(patient, plan.findings, heart.beat.qrs_duration);
  return heart;
}

double pr_interval(double pr, double rate) {
  return pr * (1 - 0.0025 * std::clamp(rate - 70, 0.0, 80.0));
}

double qt_interval(double qtc, double rate) {
  return qtc - 0.00175 * (rate - 60);
}

std::vector<Wave> ventricular_waves(const VentricularBeat& beat, const Source& u, double qt) {
  std::vector<Wave> waves = beat.qrs;
  const double recovery = std::max(qt - beat.qrs_duration, 0.12);  // s between the ends of QRS and T
  // T climbs slower than it falls: a wide foot before a narrower peak. Its end lies two widths behind the peak.
  const double width = std::min(0.036 * beat.t_width, recovery / 5);
  const double peak = beat.qrs_duration + recovery - 2 * width;
  waves.push_back({peak - 1.25 * width, 1.5 * width, 0.35 * beat.t});
  waves.push_back({peak, width, 0.85 * beat.t});
  const double st_width = std::min(0.04, (peak - beat.qrs_duration) / 2.5);
  waves.push_back({beat.qrs_duration + st_width, st_width, beat.st});
  waves.push_back({beat.qrs_duration + 2.4 * st_width, st_width, 0.6 * beat.st});
  waves.push_back({qt + 0.06, 0.025, u});
  return waves;
}

BeatMeasurements measure(const VentricularBeat& beat, const LeadField& field) {
  const QrsExtent qrs = extent(beat.qrs, beat.qrs_duration, field);
  BeatMeasurements result;
  // aVF is the potential at 90 degrees through a terminal that makes it smaller by sqrt(3) / 2.
  result.axis = direction(qrs.area_one, qrs.area_avf * 2 / std::numbers::sqrt3);
  result.heart_axis = axis_code(result.axis);
  result.limb_voltage = limb_voltage(qrs);
  result.sokolow_lyon = sokolow_lyon(qrs);
  const auto st = field.all(beat.st), t = field.all(beat.t);
  for (std::size_t lead = 0; lead < kStandardLeads; ++lead) {
    if (lead == kAvr) continue;
    if (st[lead] < -0.05) result.st_depressed.push_back(lead);
    if (t[lead] < -0.08) result.t_inverted.push_back(lead);
  }
  return result;
}

}  // namespace deri
