#pragma once
// Report texts, cleaned as the published work cleans them (method.md section 1;
// tests/parity/metrics_parity.json, mimic_report_cleaning). Texts are UTF-8; invalid bytes become
// U+FFFD, so what comes out can always be written as JSON.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

// What the published cleaning writes for a report of which nothing is left.
inline constexpr std::string_view kEmptyReport = "empty";

// Shorter reports are left out of pre-training.
inline constexpr std::size_t kMinReportWords = 4;

// A MIMIC report from its machine lines (report_0 … report_17). Empty lines are left out, the rest
// joined by ". "; "EKG" becomes "ECG"; from both ends of the whole, first spaces and "*", then "="
// and "-" are cut; lower case; each line break or tab becomes a space (runs of spaces stay); a "."
// is added even after another. Nothing but white space left: kEmptyReport.
std::string clean_machine_report(const std::vector<std::string>& lines);

// A free-text report of one cell (PTB-XL): white space folded to single spaces and cut at the ends,
// lower case, a "." added unless the text ends in one. White space only: "".
std::string clean_report(std::string_view text);

// Words (at white space) of a cleaned report, as the published filter counts them: before the final
// "." is added and before an empty report gets its placeholder. So a last word that is nothing but
// "." is not counted, and kEmptyReport has 0 words. Other punctuation standing alone is a word.
std::size_t count_words(std::string_view text);

}  // namespace deri
