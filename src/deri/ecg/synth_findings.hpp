#pragma once
// What the synthetic generator can show: findings under their PTB-XL (SCP-ECG) codes, and which of them go together.

#include <array>
#include <bitset>
#include <cstddef>
#include <string_view>
#include <vector>

namespace deri {

// In the order in which a record's codes are listed: diagnoses, form, rhythm.
enum class Finding {
  kNorm,
  kAmi,
  kAsmi,
  kImi,
  kLmi,
  kLvh,
  kRvh,
  kClbbb,
  kCrbbb,
  kIrbbb,
  kLafb,
  kLpfb,
  kWpw,
  kAvb1,
  kNdt,
  kLngqt,
  kStd,
  kInvt,
  kLvolt,
  kPac,
  kPvc,
  kSr,
  kStach,
  kSbrad,
  kSarrh,
  kAfib,
  kAflt,
  kPace,
};
inline constexpr std::size_t kFindings = 28;

// A row of scp_statements.csv: flags and classes as in PTB-XL, descriptions in our words.
struct FindingInfo {
  Finding finding;
  std::string_view code;
  std::string_view description;
  bool diagnostic = false;
  bool form = false;
  bool rhythm = false;
  std::string_view diagnostic_class;     // empty unless diagnostic
  std::string_view diagnostic_subclass;  // empty unless diagnostic
};

// All findings, in the order of the enumeration.
const std::array<FindingInfo, kFindings>& finding_table();
inline const FindingInfo& info(Finding finding) {
  return finding_table()[static_cast<std::size_t>(finding)];
}

class FindingSet {
 public:
  FindingSet() = default;
  FindingSet(std::initializer_list<Finding> findings) {
    for (const Finding finding : findings) add(finding);
  }

  bool has(Finding finding) const { return bits_[static_cast<std::size_t>(finding)]; }
  bool has_any(const FindingSet& other) const { return (bits_ & other.bits_).any(); }
  void add(Finding finding) { bits_.set(static_cast<std::size_t>(finding)); }
  void remove(Finding finding) { bits_.reset(static_cast<std::size_t>(finding)); }
  std::size_t size() const { return bits_.count(); }
  bool empty() const { return bits_.none(); }
  // In the order of the enumeration.
  std::vector<Finding> list() const;
  bool operator==(const FindingSet&) const = default;

 private:
  std::bitset<kFindings> bits_;
};

// Whether a record may carry both. A finding is left out where another would hide it or imitate it (infarct signs under
// left bundle branch block, P waves in atrial fibrillation), so that a code always has its sign in the signal. NORM
// goes with the four sinus rhythms only.
bool compatible(Finding a, Finding b);
// Whether `finding` may join all of `present`.
bool compatible(Finding finding, const FindingSet& present);

}  // namespace deri
