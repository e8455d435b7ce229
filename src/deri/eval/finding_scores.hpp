#pragma once
// Does a generated report name the findings of the true one? Precision, recall and F1 over the findings of
// text/findings.hpp, a report being a set of them.
//
//   micro   true and false positives of all findings added up: common findings decide;
//   macro   the mean over findings that a true report names, so rare ones count as much. A finding that no true report
//           names has no recall; what is generated of it counts against micro precision alone.
//
// Precision is 0 where nothing was generated of a finding that there is, as in scikit-learn's default; without any
// positive at all the figures are NaN. A finding that a resample loses keeps its value on all records, so every
// resample is the mean of the same findings (as in bootstrap.hpp).

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "deri/eval/bootstrap.hpp"
#include "deri/text/findings.hpp"

namespace deri {

struct FindingScoreOptions {
  bool present_only = false;  // what a report calls uncertain is no positive, on both sides
  BootstrapOptions bootstrap;
};

struct PrecisionRecall {
  Estimate f1{}, precision{}, recall{};
};

struct FindingScore {
  ReportFinding finding{};
  std::size_t true_reports = 0, generated_reports = 0, both = 0;  // that name it
  PrecisionRecall score;                                          // NaN where no true report names it
};

struct FindingScores {
  std::vector<FindingScore> findings;  // that any report names, in the order of the enumeration
  PrecisionRecall micro, macro;
  std::size_t reports = 0;
};

// generated[i] is for the record of truth[i]. Throws Error if they differ in number, if there are none, and for options
// that make no sense.
FindingScores score_findings(const std::vector<ReportFindings>& truth, const std::vector<ReportFindings>& generated,
                             const FindingScoreOptions& options = {});

// The micro F1 alone, without an interval.
double micro_f1(const std::vector<ReportFindings>& truth, const std::vector<ReportFindings>& generated);

struct FindingDifference {
  PrecisionRecall micro, macro;
};

// Scores of `a` minus those of `b` for the same truth and the same resamples: an interval above 0 says that `a` is
// better. Throws Error as above.
FindingDifference finding_score_difference(const std::vector<ReportFindings>& truth,
                                           const std::vector<ReportFindings>& a, const std::vector<ReportFindings>& b,
                                           const FindingScoreOptions& options = {});

// Of reports in English, on several threads (0: as many as the machine has).
std::vector<ReportFindings> extract_findings(const FindingExtractor& extractor, const std::vector<std::string>& reports,
                                             int threads = 0);

}  // namespace deri
