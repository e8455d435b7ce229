#pragma once
// Systems that write reports, side by side on the same records: the writer that is judged comes first, then what it has
// to beat. A report is good if it says what the true one says, so the findings named come first, then the class that a
// judge gives the report, then overlap of words; with the length and the number of different texts, which show a system
// that has learnt one sentence.
//
// The judged system is also subtracted from: every other system, on the same resamples of records, so that an interval
// without 0 says the two differ.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/eval/class_agreement.hpp"
#include "deri/eval/finding_scores.hpp"
#include "deri/eval/html_page.hpp"
#include "deri/eval/report_metrics.hpp"

namespace deri {

// How well a text tower, reading the report, tells the labels of the record.
struct LabelSetScores {
  std::string label_set;
  Estimate macro_auroc{}, macro_f1{};
};

struct ReportSystem {
  std::string name;
  std::vector<std::string> texts;               // one per record, as they are to be compared: letter case folded
  std::vector<std::string> english_texts = {};  // what findings are read from; empty: the texts
  std::vector<int> classes = {};                // that the judge gives; empty: no judge
  std::vector<LabelSetScores> label_sets = {};
};

struct ReportSystemScores {
  std::string name;
  ReportScores overlap;
  FindingScores findings;
  std::optional<ClassAgreement> agreement;
  std::vector<LabelSetScores> label_sets;
  double mean_words = 0;     // per report, between white space
  std::size_t distinct = 0;  // different texts
};

// The first system minus another.
struct ReportSystemDifference {
  std::string name;  // of the other
  ReportScores overlap;
  FindingDifference findings;
  std::optional<ClassAgreementDifference> agreement;  // where both were judged
};

struct ReportComparison {
  std::vector<ReportSystemScores> systems;
  std::vector<ReportSystemDifference> differences;  // one for each system but the first
  std::size_t records = 0;
  double true_mean_words = 0;
  std::size_t true_distinct = 0;
  FindingScoreOptions options;
};

// `english_truth` may be empty (the truth is English), and so may `truth_classes` if no system has classes; `classes`
// is how many there are. Throws Error where sizes differ, naming the system, without systems or records, for two
// systems of one name, and as the metrics do.
ReportComparison compare_report_systems(const std::vector<std::string>& truth,
                                        const std::vector<std::string>& english_truth,
                                        const std::vector<int>& truth_classes, int classes,
                                        const std::vector<ReportSystem>& systems,
                                        const FindingScoreOptions& options = {});

// What is written most often, of equally frequent texts the first by bytes: the best report that does not look at the
// ECG. Empty texts are records without a report and do not count. Throws Error if no other is left.
std::string most_frequent_text(const std::vector<std::string>& training);

// Each record's text given to another record, no record keeping its own: what is left of a score then is not read from
// the ECG. (A cyclic shift of a random order; equal texts may meet again.) Throws Error for fewer than two.
std::vector<std::string> shuffled_texts(const std::vector<std::string>& texts, std::uint64_t seed);

// The same tables in every format. The text is for a terminal, the Markdown without headings; the page gets tables
// without headings, the one per finding folded away. JSON has every number with its interval: "systems" with "scores",
// "label_sets" and "findings", "differences" with "first", "other" and "scores".
std::string to_text(const ReportComparison& comparison);
std::string to_markdown(const ReportComparison& comparison);
void add_to_page(HtmlPage& page, const ReportComparison& comparison);
Json to_json(const ReportComparison& comparison);

}  // namespace deri
