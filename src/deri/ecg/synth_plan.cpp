#include "deri/ecg/synth_plan.hpp"

#include <algorithm>

#include "deri/base/error.hpp"

namespace deri {
namespace {

using enum Finding;

constexpr double kHealthy = 0.40;  // share of patients
constexpr int kFolds = 10;

struct Weighted {
  Finding finding;
  double weight;
};

// The finding for which a patient who is not healthy was recorded: shares, in any unit.
constexpr Weighted kPrimary[] = {
    {kAfib, 8},    {kAflt, 7}, {kPace, 6},  {kClbbb, 6.5}, {kCrbbb, 6}, {kIrbbb, 7}, {kLafb, 5}, {kLpfb, 5},
    {kWpw, 6},     {kLvh, 7},  {kRvh, 7},   {kAmi, 7},     {kAsmi, 5},  {kImi, 6},   {kLmi, 6},  {kLvolt, 5},
    {kLngqt, 6.5}, {kNdt, 5},  {kStd, 2.5}, {kInvt, 2},    {kAvb1, 2},  {kStach, 3}, {kPac, 3},  {kPvc, 3},
};

// `finding` joins a patient or recording that shows `when` with this probability. Several rows add up to independent
// chances.
struct Companion {
  Finding when;
  Finding finding;
  double probability;
};
// Chronic ones, drawn once per patient.
constexpr Companion kChronicCompanions[] = {
    {kCrbbb, kLafb, 0.2},  {kCrbbb, kLpfb, 0.08}, {kCrbbb, kAvb1, 0.15}, {kCrbbb, kAsmi, 0.08}, {kCrbbb, kImi, 0.06},
    {kClbbb, kAvb1, 0.2},  {kLafb, kAvb1, 0.12},  {kLafb, kLvh, 0.15},   {kLafb, kAsmi, 0.15},  {kRvh, kIrbbb, 0.2},
    {kIrbbb, kLafb, 0.06}, {kLvh, kAvb1, 0.08},   {kLvh, kImi, 0.06},    {kLvh, kAsmi, 0.06},   {kImi, kAvb1, 0.12},
    {kImi, kLmi, 0.08},    {kImi, kAsmi, 0.08},   {kAmi, kImi, 0.06},    {kAmi, kLafb, 0.08},   {kAsmi, kLafb, 0.1},
    {kLmi, kLafb, 0.06},   {kPace, kAfib, 0.35},  {kImi, kLvolt, 0.05},  {kAmi, kLvolt, 0.06},  {kStach, kLvolt, 0.1},
    {kNdt, kAvb1, 0.06},   {kLngqt, kAvb1, 0.05}, {kAfib, kLvh, 0.12},   {kAfib, kImi, 0.05},   {kAfib, kCrbbb, 0.06},
    {kAfib, kLvolt, 0.06}, {kAflt, kLvh, 0.1},
};
// What comes and goes, drawn for each recording.
constexpr Companion kTransientCompanions[] = {
    {kLvh, kStd, 0.3},    {kLvh, kInvt, 0.25},  {kRvh, kInvt, 0.35}, {kAmi, kInvt, 0.25},  {kAmi, kStd, 0.1},
    {kAmi, kNdt, 0.1},    {kAsmi, kInvt, 0.2},  {kAsmi, kNdt, 0.15}, {kAsmi, kStd, 0.1},   {kImi, kStd, 0.12},
    {kImi, kInvt, 0.15},  {kImi, kNdt, 0.15},   {kLmi, kInvt, 0.2},  {kLmi, kNdt, 0.12},   {kLvolt, kNdt, 0.25},
    {kAfib, kStd, 0.15},  {kAfib, kNdt, 0.12},  {kLafb, kNdt, 0.1},  {kStd, kInvt, 0.25},  {kLngqt, kNdt, 0.12},
    {kIrbbb, kNdt, 0.06}, {kAvb1, kNdt, 0.1},   {kStach, kStd, 0.1}, {kPvc, kNdt, 0.1},    {kPac, kNdt, 0.08},
    {kLvh, kPvc, 0.06},   {kAmi, kPvc, 0.12},   {kAsmi, kPvc, 0.12}, {kImi, kPvc, 0.12},   {kLmi, kPvc, 0.1},
    {kAfib, kPvc, 0.12},  {kClbbb, kPvc, 0.08}, {kLvh, kPac, 0.08},  {kCrbbb, kPac, 0.06}, {kImi, kPac, 0.05},
    {kAvb1, kPac, 0.06},  {kLngqt, kPvc, 0.1},  {kLafb, kPac, 0.06}, {kNdt, kPac, 0.06},   {kClbbb, kPac, 0.05},
};

// Findings that are not in all of a patient's recordings.
const FindingSet& transient() {
  static const FindingSet set{kAfib, kAflt, kNdt, kStd, kInvt, kStach, kPac, kPvc};
  return set;
}

const FindingSet& rhythms() {
  static const FindingSet set{kSr, kStach, kSbrad, kSarrh, kAfib, kAflt, kPace};
  return set;
}

Finding draw_primary(Rng& rng) {
  double total = 0;
  for (const Weighted& row : kPrimary) total += row.weight;
  double left = rng.uniform(0, total);
  for (const Weighted& row : kPrimary) {
    left -= row.weight;
    if (left < 0) return row.finding;
  }
  return kAfib;
}

// One pass over the table: companions of findings that joined earlier in the pass may join too.
template <std::size_t N>
void add_companions(const Companion (&table)[N], FindingSet& findings, Rng& rng) {
  for (const Companion& row : table) {
    const bool drawn = rng.chance(row.probability);
    if (drawn && findings.has(row.when) && compatible(row.finding, findings)) findings.add(row.finding);
  }
}

void draw_sinus_rhythm(FindingSet& findings, bool healthy, double age, Rng& rng) {
  const double u = rng.uniform();
  const double arrhythmia = age < 50 ? 0.12 : 0.06;
  Finding rhythm = kSr;
  if (u < arrhythmia)
    rhythm = kSarrh;
  else if (u < arrhythmia + 0.09)
    rhythm = kSbrad;
  else if (u > (healthy ? 0.96 : 0.92))
    rhythm = kStach;
  findings.add(compatible(rhythm, findings) ? rhythm : kSr);
}

struct PatientHistory {
  SyntheticPatient patient;
  bool healthy = false;
  Finding primary = kNorm;
};

void draw_anatomy(SyntheticPatient& patient, bool healthy, Rng& rng) {
  patient.female = rng.chance(0.48);
  const double age = healthy ? rng.normal(46, 17) : rng.normal(66, 13);
  patient.age = std::clamp(std::floor(age), 18.0, 88.0);
  patient.height = std::nearbyint(rng.normal(patient.female ? 165 : 178, 7));
  const double body_mass_index = std::clamp(rng.normal(25.5, 4), 17.0, 40.0);
  patient.weight = std::nearbyint(body_mass_index * patient.height * patient.height / 1e4);

  // A heavy or old patient's heart lies flatter.
  const double lie = -0.012 * (body_mass_index - 25.5) - 0.003 * (patient.age - 50);
  patient.frontal_rotation = std::clamp(rng.normal(-0.08, 0.2) + lie, -0.48, 0.27);
  patient.horizontal_rotation = std::clamp(rng.normal(0, 0.14), -0.3, 0.3);
  patient.voltage = std::clamp(rng.normal(patient.female ? 0.95 : 1.05, 0.17), 0.65, 1.5);
  patient.p_voltage = std::clamp(rng.normal(1, 0.2), 0.6, 1.6);
  patient.t_voltage = std::clamp(rng.normal(patient.female ? 0.95 : 1.05, 0.2), 0.65, 1.6);
  patient.qrs_width = std::clamp(rng.normal(1, 0.05), 0.88, 1.12);
  patient.pr = std::clamp(rng.normal(0.157, 0.018), 0.122, 0.198);
  patient.qtc = std::clamp(rng.normal(patient.female ? 0.413 : 0.405, 0.016), 0.365, 0.45);
  patient.chest_shift = std::clamp(rng.normal(0, 0.15), -0.35, 0.35);
  for (double& shift : patient.chest_shifts) shift = std::clamp(rng.normal(0, 0.08), -0.2, 0.2);
}

// Axis deviation without a fascicular block, in patients whose conduction does not set the axis.
void draw_axis_deviation(SyntheticPatient& patient, Finding primary, Rng& rng) {
  static const FindingSet own_axis{kLafb, kLpfb, kRvh, kClbbb, kCrbbb, kWpw, kPace, kLmi};
  const bool left = rng.chance(primary == kLvh ? 0.3 : 0.18);
  const bool right = !left && rng.chance(0.06);
  const double left_rotation = rng.uniform(-1.05, -0.85);
  const double right_rotation = rng.uniform(0.6, 0.8);
  if (patient.chronic.has_any(own_axis) || transient().has(primary)) return;
  if (left) patient.frontal_rotation = left_rotation;
  if (right && primary != kLvh && !patient.chronic.has(kImi)) patient.frontal_rotation = right_rotation;
}

PatientHistory draw_patient(std::int64_t id, std::uint64_t seed) {
  PatientHistory history;
  SyntheticPatient& patient = history.patient;
  patient.id = id;
  patient.seed = mix_seed(seed, {fnv1a("patient"), static_cast<std::uint64_t>(id)});
  Rng rng(patient.seed);
  history.healthy = rng.chance(kHealthy);
  draw_anatomy(patient, history.healthy, rng);
  if (history.healthy) return history;
  history.primary = draw_primary(rng);
  FindingSet findings{history.primary};
  add_companions(kChronicCompanions, findings, rng);
  for (const Finding finding : findings.list())
    if (!transient().has(finding) || (finding == kAfib && findings.has(kPace))) patient.chronic.add(finding);
  draw_axis_deviation(patient, history.primary, rng);
  return history;
}

FindingSet draw_healthy_recording(double age, Rng& rng) {
  FindingSet findings;
  const double u = rng.uniform();
  if (u < 0.02)
    findings.add(kPac);
  else if (u < 0.035)
    findings.add(kPvc);
  else if (u < 0.05)
    findings.add(kNdt);
  else
    findings.add(kNorm);
  draw_sinus_rhythm(findings, true, age, rng);
  return findings;
}

FindingSet draw_recording(const PatientHistory& history, bool first, double age, Rng& rng) {
  if (history.healthy) return draw_healthy_recording(age, rng);
  FindingSet findings = history.patient.chronic;
  const bool comes_again = rng.chance(0.75);
  const bool transient_primary = transient().has(history.primary);
  if ((first || comes_again || findings.empty()) && transient_primary && compatible(history.primary, findings))
    findings.add(history.primary);
  add_companions(kTransientCompanions, findings, rng);
  const bool fibrillates = rng.chance(0.03);
  if (fibrillates && compatible(kAfib, findings)) findings.add(kAfib);
  if (!findings.has_any(rhythms())) draw_sinus_rhythm(findings, false, age, rng);
  return findings;
}

std::size_t draw_recordings_per_patient(Rng& rng) {
  const double u = rng.uniform();
  return u < 0.62 ? 1 : u < 0.86 ? 2 : u < 0.95 ? 3 : 4;
}

// 1990-01-01 .. 1997-12-31 for the first visit; later ones follow within months.
std::chrono::sys_seconds draw_first_date(Rng& rng) {
  using namespace std::chrono;
  const sys_days begin = year{1990} / January / 1;
  const auto day = static_cast<std::int64_t>(rng.below(2922));
  const auto second = static_cast<std::int64_t>(rng.below(11 * 3600));
  return begin + days{day} + hours{7} + seconds{second};
}

std::vector<SyntheticPlan> plan_patient(const PatientHistory& history) {
  Rng rng(mix_seed(history.patient.seed, {fnv1a("visits")}));
  std::vector<SyntheticPlan> plans(draw_recordings_per_patient(rng));
  const std::chrono::sys_seconds first = draw_first_date(rng);
  std::chrono::sys_seconds date = first;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    SyntheticPlan& plan = plans[i];
    plan.patient = history.patient;
    plan.seed = mix_seed(history.patient.seed, {fnv1a("recording"), i});
    plan.date = date;
    const auto since = std::chrono::duration_cast<std::chrono::days>(date - first).count();
    plan.age = std::floor(history.patient.age + static_cast<double>(since) / 365.25);
    Rng findings_rng(mix_seed(plan.seed, {fnv1a("findings")}));
    plan.findings = draw_recording(history, i == 0, plan.age, findings_rng);
    const auto gap = static_cast<std::int64_t>(rng.below(240)) + 1;
    const auto shift = static_cast<std::int64_t>(rng.below(7200));
    date += std::chrono::days{gap} + std::chrono::seconds{shift - 3600};
  }
  return plans;
}

// A patient's recordings as positions in the list of plans, and the union of their findings' counts.
struct FoldUnit {
  std::vector<std::size_t> plans;
  std::array<double, kFindings> counts{};
  double rarest = 0;  // recordings, in all, of its rarest finding
};

std::vector<FoldUnit> fold_units(const std::vector<SyntheticPlan>& plans, const std::array<double, kFindings>& totals) {
  std::vector<FoldUnit> units;
  std::vector<std::size_t> unit_of_patient;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const auto patient = static_cast<std::size_t>(plans[i].patient.id);
    if (unit_of_patient.size() <= patient) unit_of_patient.resize(patient + 1, SIZE_MAX);
    if (unit_of_patient[patient] == SIZE_MAX) {
      unit_of_patient[patient] = units.size();
      units.emplace_back();
    }
    FoldUnit& unit = units[unit_of_patient[patient]];
    unit.plans.push_back(i);
    for (const Finding finding : plans[i].findings.list()) ++unit.counts[static_cast<std::size_t>(finding)];
  }
  for (FoldUnit& unit : units) {
    unit.rarest = static_cast<double>(plans.size());
    for (std::size_t f = 0; f < kFindings; ++f)
      if (unit.counts[f] > 0) unit.rarest = std::min(unit.rarest, totals[f]);
  }
  return units;
}

// Patients with the rarest findings first; each goes where its findings, and recordings, are missed most.
void assign_folds(std::vector<SyntheticPlan>& plans) {
  std::array<double, kFindings> totals{};
  for (const SyntheticPlan& plan : plans)
    for (const Finding finding : plan.findings.list()) ++totals[static_cast<std::size_t>(finding)];
  std::vector<FoldUnit> units = fold_units(plans, totals);
  std::stable_sort(units.begin(), units.end(), [](const FoldUnit& a, const FoldUnit& b) {
    return a.rarest != b.rarest ? a.rarest < b.rarest : a.plans.size() > b.plans.size();
  });

  std::array<std::array<double, kFindings>, kFolds> filled{};
  std::array<double, kFolds> sizes{};
  const double fold_size = static_cast<double>(plans.size()) / kFolds;
  for (const FoldUnit& unit : units) {
    std::size_t best = 0;
    double best_cost = 0;
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      double cost = 2 * sizes[fold] / fold_size;
      for (std::size_t f = 0; f < kFindings; ++f)
        if (unit.counts[f] > 0) cost += filled[fold][f] / totals[f] * kFolds;
      if (fold == 0 || cost < best_cost) {
        best = fold;
        best_cost = cost;
      }
    }
    sizes[best] += static_cast<double>(unit.plans.size());
    for (std::size_t f = 0; f < kFindings; ++f) filled[best][f] += unit.counts[f];
    for (const std::size_t plan : unit.plans) plans[plan].fold = static_cast<int>(best) + 1;
  }
}

}  // namespace

Rng finding_rng(const SyntheticPatient& patient, Finding finding) {
  return Rng(mix_seed(patient.seed, {fnv1a("finding"), static_cast<std::uint64_t>(finding)}));
}

double severity(const SyntheticPatient& patient, Finding finding) {
  return finding_rng(patient, finding).uniform(0.6, 1);
}

double likelihood(const SyntheticPatient& patient, Finding finding) {
  const double marked = severity(patient, finding);
  return marked > 0.72 ? 100 : marked > 0.65 ? 80 : 50;
}

std::vector<SyntheticPlan> plan_synthetic(std::size_t records, std::uint64_t seed) {
  if (records == 0) fail("a synthetic data set needs at least one record");
  std::vector<SyntheticPlan> plans;
  for (std::int64_t id = 1; plans.size() < records; ++id)
    for (SyntheticPlan& plan : plan_patient(draw_patient(id, seed)))
      if (plans.size() < records) plans.push_back(std::move(plan));
  assign_folds(plans);
  std::stable_sort(plans.begin(), plans.end(),
                   [](const SyntheticPlan& a, const SyntheticPlan& b) { return a.date < b.date; });
  for (std::size_t i = 0; i < plans.size(); ++i) plans[i].ecg_id = static_cast<std::int64_t>(i) + 1;
  return plans;
}

}  // namespace deri
