#pragma once
// Clinical efficacy as published: of all classes a judge gives the true report one and the generated report one (the
// class prompt nearest to the report's embedding), and the two are compared as a prediction with its label. Figures are
// those of scikit-learn's precision_recall_fscore_support(truth, generated, average="macro", zero_division=0): the mean
// over the classes that any true or generated report was given. A class that only generated reports were given so
// counts as one with F1 0, and two systems need not be averaged over the same classes.
//
// Intervals are percentile bootstraps over records. A class whose true reports a resample loses keeps its value on all
// records, so every resample is the mean of the same classes (as in finding_scores.hpp).

#include <cstddef>
#include <vector>

#include "deri/eval/bootstrap.hpp"
#include "deri/eval/finding_scores.hpp"

namespace deri {

struct ClassAgreement {
  PrecisionRecall macro;
  Estimate accuracy{};      // of the records, those whose two classes are one
  std::size_t classes = 0;  // that the mean is over
  std::size_t reports = 0;
};

// generated[i] is for the record of truth[i]; both are in [0, classes). Throws Error if they differ in number, if there
// are none, for a class outside, and for options that make no sense.
ClassAgreement class_agreement(const std::vector<int>& truth, const std::vector<int>& generated, int classes,
                               const BootstrapOptions& options = {});

struct ClassAgreementDifference {
  PrecisionRecall macro;
  Estimate accuracy{};
};

// Figures of `a` minus those of `b` for the same truth and the same resamples: an interval above 0 says that `a` is
// better. Throws Error as above.
ClassAgreementDifference class_agreement_difference(const std::vector<int>& truth, const std::vector<int>& a,
                                                    const std::vector<int>& b, int classes,
                                                    const BootstrapOptions& options = {});

}  // namespace deri
