#include "deri/ecg/synth_findings.hpp"

namespace deri {
namespace {

using enum Finding;

using ExclusionTable = std::array<FindingSet, kFindings>;

// Every two members exclude each other.
void exclude_within(ExclusionTable& table, const FindingSet& group) {
  for (const Finding a : group.list())
    for (const Finding b : group.list())
      if (a != b) table[static_cast<std::size_t>(a)].add(b);
}

// Every member of `left` excludes every member of `right`.
void exclude_between(ExclusionTable& table, const FindingSet& left, const FindingSet& right) {
  for (const Finding a : left.list())
    for (const Finding b : right.list()) {
      if (a == b) continue;
      table[static_cast<std::size_t>(a)].add(b);
      table[static_cast<std::size_t>(b)].add(a);
    }
}

ExclusionTable make_exclusions() {
  ExclusionTable table{};
  const FindingSet infarcts{kAmi, kAsmi, kImi, kLmi};
  FindingSet everything;
  for (const FindingInfo& row : finding_table()) everything.add(row.finding);

  FindingSet not_normal = everything;
  for (const Finding sinus : {kSr, kStach, kSbrad, kSarrh}) not_normal.remove(sinus);
  exclude_between(table, {kNorm}, not_normal);

  // One rhythm; only fibrillation goes on under a ventricular pacemaker.
  exclude_within(table, {kSr, kStach, kSbrad, kSarrh, kAfib, kAflt});
  exclude_between(table, {kPace}, {kStach, kSbrad, kSarrh, kAflt, kSr});
  // Without regular P waves there is neither a PR interval nor an atrial beat that comes early.
  exclude_between(table, {kAfib, kAflt, kPace}, {kAvb1, kPac, kWpw});
  exclude_between(table, {kSarrh}, {kPac, kPvc});
  exclude_within(table, {kPac, kPvc});
  exclude_between(table, {kPace}, {kPvc});
  exclude_between(table, {kStach}, {kAvb1, kLngqt});
  exclude_between(table, {kAfib, kAflt}, {kLngqt});
  exclude_between(table, {kAflt}, {kStd, kInvt, kNdt});

  // One way of ventricular activation.
  exclude_within(table, {kClbbb, kCrbbb, kIrbbb, kWpw, kPace});
  exclude_within(table, {kClbbb, kLafb, kLpfb, kWpw, kPace});
  exclude_between(table, {kWpw}, {kAvb1});
  const FindingSet repolarisation{kStd, kInvt, kNdt, kLngqt};
  for (const Finding wide : {kPace, kWpw, kClbbb}) {
    exclude_between(table, {wide}, infarcts);
    exclude_between(table, {wide}, repolarisation);
    exclude_between(table, {wide}, {kLvh, kRvh, kLvolt});
  }
  exclude_between(table, {kCrbbb}, {kRvh, kLngqt, kInvt, kStd, kLvolt});

  exclude_within(table, {kLvh, kRvh, kLvolt});
  exclude_between(table, {kRvh}, infarcts);
  exclude_between(table, {kRvh}, {kLafb, kLpfb, kStd, kNdt});
  // Initial forces of the fascicular blocks and of these infarcts point the same way, or cancel.
  exclude_between(table, {kLafb}, {kImi, kLvolt});
  exclude_between(table, {kLpfb}, {kImi, kLmi, kLvh, kLvolt});
  exclude_within(table, {kAmi, kAsmi, kLmi});
  exclude_within(table, {kNdt, kStd});
  exclude_within(table, {kNdt, kInvt});
  return table;
}

}  // namespace

const std::array<FindingInfo, kFindings>& finding_table() {
  static const std::array<FindingInfo, kFindings> table{{
      {kNorm, "NORM", "normal ECG", true, false, false, "NORM", "NORM"},
      {kAmi, "AMI", "infarction of the anterior wall", true, false, false, "MI", "AMI"},
      {kAsmi, "ASMI", "infarction of the anterior wall and septum", true, false, false, "MI", "AMI"},
      {kImi, "IMI", "infarction of the inferior wall", true, false, false, "MI", "IMI"},
      {kLmi, "LMI", "infarction of the lateral wall", true, false, false, "MI", "LMI"},
      {kLvh, "LVH", "hypertrophy of the left ventricle", true, false, false, "HYP", "LVH"},
      {kRvh, "RVH", "hypertrophy of the right ventricle", true, false, false, "HYP", "RVH"},
      {kClbbb, "CLBBB", "left bundle branch block, complete", true, false, false, "CD", "CLBBB"},
      {kCrbbb, "CRBBB", "right bundle branch block, complete", true, false, false, "CD", "CRBBB"},
      {kIrbbb, "IRBBB", "right bundle branch block, incomplete", true, false, false, "CD", "IRBBB"},
      {kLafb, "LAFB", "block of the left anterior fascicle", true, false, false, "CD", "LAFB/LPFB"},
      {kLpfb, "LPFB", "block of the left posterior fascicle", true, false, false, "CD", "LAFB/LPFB"},
      {kWpw, "WPW", "pre-excitation, Wolff-Parkinson-White", true, false, false, "CD", "WPW"},
      {kAvb1, "1AVB", "AV block of the first degree", true, false, false, "CD", "_AVB"},
      {kNdt, "NDT", "T wave changes, non-diagnostic", true, true, false, "STTC", "STTC"},
      {kLngqt, "LNGQT", "QT interval prolonged", true, true, false, "STTC", "STTC"},
      {kStd, "STD_", "ST depression, non-specific", false, true, false, "", ""},
      {kInvt, "INVT", "T waves inverted", false, true, false, "", ""},
      {kLvolt, "LVOLT", "QRS voltage low", false, true, false, "", ""},
      {kPac, "PAC", "premature atrial beat", false, true, false, "", ""},
      {kPvc, "PVC", "premature ventricular beat", false, true, false, "", ""},
      {kSr, "SR", "sinus rhythm", false, false, true, "", ""},
      {kStach, "STACH", "sinus tachycardia", false, false, true, "", ""},
      {kSbrad, "SBRAD", "sinus bradycardia", false, false, true, "", ""},
      {kSarrh, "SARRH", "sinus arrhythmia", false, false, true, "", ""},
      {kAfib, "AFIB", "atrial fibrillation", false, false, true, "", ""},
      {kAflt, "AFLT", "atrial flutter", false, false, true, "", ""},
      {kPace, "PACE", "rhythm of an artificial pacemaker", false, false, true, "", ""},
  }};
  return table;
}

std::vector<Finding> FindingSet::list() const {
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < kFindings; ++i)
    if (bits_[i]) findings.push_back(static_cast<Finding>(i));
  return findings;
}

bool compatible(Finding a, Finding b) {
  static const ExclusionTable exclusions = make_exclusions();
  return !exclusions[static_cast<std::size_t>(a)].has(b);
}

bool compatible(Finding finding, const FindingSet& present) {
  for (const Finding other : present.list())
    if (!compatible(finding, other)) return false;
  return true;
}

}  // namespace deri
