#pragma once
// What an English ECG report says is there, is not there, or may be there: findings by rules that a person can read
// (finding_phrases.hpp). Reports in other languages go through ReportTranslator first.
//
// A report is cut into sentences, phrases of the table are found in them, and words such as "no", "possible" or "cannot
// be excluded" change the status of the phrases in their scope:
//
//   * the scope ends with the clause: at a full stop, a semicolon, a spaced dash, a bracket, a comma (unless an "or"
//     after it shows that a list goes on), at "but", "otherwise", "except", ..., and at an "and" that begins a clause
//     with a verb or another such word of its own;
//   * "possible" and other adjectives reach the next phrase, and those joined to it by "and" or "or";
//   * what is negated is absent, whatever else is said of it ("no changes to suggest pericarditis").
//
// A longer phrase hides those within it: "incomplete right bundle branch block" is not also a complete one, and what
// "no definite pathology" denies does not reach further.

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

enum class ReportFinding {
  // Rhythm.
  kSinusRhythm,
  kSinusBradycardia,
  kSinusTachycardia,
  kSinusArrhythmia,
  kAtrialFibrillation,
  kAtrialFlutter,
  kSupraventricularTachycardia,
  kVentricularTachycardia,
  kJunctionalRhythm,
  kPacedRhythm,
  // Extra beats.
  kVentricularEctopy,
  kAtrialEctopy,
  kBigeminy,
  kTrigeminy,
  // Conduction.
  kAvBlock1,
  kAvBlock2,
  kAvBlock3,
  kRightBundleBranchBlock,
  kIncompleteRightBundleBranchBlock,
  kLeftBundleBranchBlock,
  kIncompleteLeftBundleBranchBlock,
  kLeftAnteriorFascicularBlock,
  kLeftPosteriorFascicularBlock,
  kIntraventricularDelay,
  kPreexcitation,
  // Chambers, axis, voltage.
  kLeftVentricularHypertrophy,
  kRightVentricularHypertrophy,
  kLeftAtrialEnlargement,
  kRightAtrialEnlargement,
  kLeftAxisDeviation,
  kRightAxisDeviation,
  kLowVoltage,
  kHighVoltage,
  // Infarction, of any age.
  kAnteriorInfarct,
  kAnteroseptalInfarct,
  kSeptalInfarct,
  kInferiorInfarct,
  kLateralInfarct,
  kPosteriorInfarct,
  kInfarct,  // site not said
  // Repolarisation.
  kStElevation,
  kStDepression,
  kTInversion,
  kTChange,
  kStTChange,
  kIschaemia,
  kStrain,
  kLongQt,
  kDigitalisEffect,
  kEarlyRepolarisation,
  kPoorRProgression,
  kPericarditis,
  // The verdict.
  kNormalEcg,
};
inline constexpr std::size_t kReportFindings = static_cast<std::size_t>(ReportFinding::kNormalEcg) + 1;

struct ReportFindingInfo {
  ReportFinding finding;
  std::string_view name;         // as in the table of phrases: "sinus_rhythm"
  std::string_view description;  // what counts as it
};

// All findings, in the order of the enumeration.
const std::array<ReportFindingInfo, kReportFindings>& report_finding_table();
inline const ReportFindingInfo& info(ReportFinding finding) {
  return report_finding_table()[static_cast<std::size_t>(finding)];
}

// By rising weight: of a finding that a report names several times, the greatest counts.
enum class FindingStatus { kNotMentioned, kAbsent, kUncertain, kPresent };
const char* finding_status_name(FindingStatus status);  // "not mentioned", "absent", "uncertain", "present"

class ReportFindings {
 public:
  FindingStatus status(ReportFinding finding) const { return of_[static_cast<std::size_t>(finding)]; }
  // Keeps the greater of the two.
  void note(ReportFinding finding, FindingStatus status);
  // Present or uncertain; with `present_only`, present. In the order of the enumeration.
  std::vector<ReportFinding> positive(bool present_only = false) const;
  bool operator==(const ReportFindings&) const = default;

 private:
  std::array<FindingStatus, kReportFindings> of_{};
};

// "sinus_rhythm, inferior_infarct?, no st_elevation": every finding mentioned, "?" for uncertain.
std::string describe(const ReportFindings& findings);

// A phrase of the report: bytes [begin, end) of it, from its first word to its last.
struct FindingMention {
  ReportFinding finding;
  FindingStatus status;
  std::size_t begin, end;
  bool operator==(const FindingMention&) const = default;
};

class FindingExtractor {
 public:
  // Reads the tables; costs some milliseconds.
  FindingExtractor();
  ~FindingExtractor();
  FindingExtractor(FindingExtractor&&) noexcept;
  FindingExtractor& operator=(FindingExtractor&&) noexcept;

  // Any bytes; the time grows with the length. May be called from several threads at once.
  ReportFindings extract(std::string_view report) const;
  // By position; one per finding, so a phrase that stands for two gives two.
  std::vector<FindingMention> mentions(std::string_view report) const;

 private:
  class Tables;
  std::unique_ptr<const Tables> tables_;
};

}  // namespace deri
