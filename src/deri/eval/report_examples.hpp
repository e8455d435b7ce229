#pragma once
// Generated reports beside the true ones, for people to read: phrases that name findings (text/findings.hpp) are marked
// as right, wrong or missed. What counts is as in finding_scores.hpp: a report is a set of findings, and those that it
// calls uncertain are in it.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "deri/eval/html_page.hpp"
#include "deri/text/findings.hpp"

namespace deri {

struct ReportExample {
  std::string record = {};
  std::string truth = {}, generated = {};
  // What findings are read from and marked in: the reports in English. Empty: they are English as they stand.
  std::string english_truth = {}, english_generated = {};
  std::string ecg_svg = {};                                           // markup of svg.hpp; may be empty
  double log_probability = std::numeric_limits<double>::quiet_NaN();  // natural, mean per token; NaN: not known
  std::size_t tokens = 0;                                             // of the generated report; 0: not known
};

// Two reports on one ECG. Findings in the order of the enumeration.
struct FindingComparison {
  std::vector<ReportFinding> right;     // in both reports
  std::vector<ReportFinding> invented;  // in the generated report only: precision suffers
  std::vector<ReportFinding> missed;    // in the true report only: recall suffers
  std::vector<ReportFinding> denied;    // those missed that the generated report says are absent

  // By position, not overlapping; phrases that overlap become one span, whose mark is the weightiest of theirs.
  //
  //   generated report   right     a finding of the true report
  //                      wrong     a finding that the true report has not, or the denial of one that it has
  //                      neutral   another denial
  //   true report        right     a finding of the generated report
  //                      missed    a finding that the generated report has not
  //                      neutral   a denial
  //
  // Titles: "left_bundle_branch_block, present: wrong", several joined by "; ".
  std::vector<MarkedSpan> truth_spans, generated_spans;
};

// Of reports in English; the spans are bytes of them.
FindingComparison compare_findings(const FindingExtractor& extractor, std::string_view truth,
                                   std::string_view generated);

// "3 of 4 true findings, 1 wrong": the wrong ones are those invented and those denied.
std::string comparison_summary(const FindingComparison& comparison);

// What the marks mean; once on a page, before its examples.
void add_report_example_legend(HtmlPage& page);

// The record's name as a heading, its ECG, both reports with their marks, the summary.
void add_report_example(HtmlPage& page, const ReportExample& example, const FindingExtractor& extractor);

// A table in GitHub's Markdown, a row per example: record, both reports, findings right, wrong ("no ..." for those
// denied) and missed. Texts show as they are, in one line; bytes that are not valid UTF-8 become U+FFFD.
std::string report_examples_markdown(const std::vector<ReportExample>& examples, const FindingExtractor& extractor);

// `count` of the records 0 .. records-1, all if there are fewer: at random and without replacement, in the order drawn.
// More are drawn after the same first ones.
std::vector<std::size_t> random_examples(std::size_t records, std::size_t count, std::uint64_t seed);

}  // namespace deri
