#pragma once
// The four label sets of PTB-XL, from its scp_codes and scp_statements.csv:
//   super    diagnostic_class of the diagnostic codes
//   sub      diagnostic_subclass of the diagnostic codes
//   form     the form codes themselves
//   rhythm   the rhythm codes themselves
// A code counts whatever its likelihood, 0 included (in PTB-XL 0 means "unknown"). Underscores at the ends of a name
// are padding and are stripped: _AVB is AVB, STD_ is STD. The published benchmark follows the same rule.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace deri {

struct ScpCode {
  std::string code;
  double likelihood = 0;  // percent
};

// Parses a cell of the column scp_codes, a Python dictionary such as "{'NORM': 100.0, 'SR': 0.0}": quotes of either
// kind, any blanks, a comma at the end allowed, "{}" empty. Throws Error for anything else, with the place.
std::vector<ScpCode> parse_scp_codes(std::string_view text);

class PtbxlLabeller {
 public:
  // Reads scp_statements.csv: its first column names the code; diagnostic, form and rhythm are flags (empty or 0: no),
  // and diagnostic_class and diagnostic_subclass name the labels of a diagnostic code. Throws Error for a missing
  // column, a flag that is not a number, a code that appears twice, and a diagnostic code without class or subclass.
  explicit PtbxlLabeller(const std::filesystem::path& scp_statements_csv);

  // Every label of each set that the statements can give, in alphabetical (byte) order, whether a record has it or not.
  // The official file gives 5, 23, 19 and 12.
  const std::map<std::string, std::vector<std::string>>& label_sets() const { return sets_; }

  // The labels of a record, alphabetically, each once. A set of which it has no label has no entry. Codes that the
  // statements do not list give no label: see knows().
  std::map<std::string, std::vector<std::string>> labels(const std::vector<ScpCode>& codes) const;
  // The same for a cell of scp_codes. Throws Error as parse_scp_codes does.
  std::map<std::string, std::vector<std::string>> labels(std::string_view scp_codes) const;

  bool knows(const std::string& code) const { return codes_.contains(code); }

 private:
  std::map<std::string, std::vector<std::string>> sets_;
  std::unordered_map<std::string, std::vector<std::pair<std::string, std::string>>> codes_;  // code -> (set, label)
};

}  // namespace deri
