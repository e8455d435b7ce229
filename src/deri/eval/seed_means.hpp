#pragma once
// A model's mean over several trainings, that differ by their seed, and over several label sets; and two models' means
// against each other. The statistic is the mean over trainings of the mean over label sets of the macro AUROC, every
// training, every label set of a training, and every label of a label set counting the same.
//
// The trainings and the label sets are measured on the same test records, so their AUROCs vary together: a mean over
// three trainings is not known as well as three times the records would make it. Records are therefore resampled (and
// in the paired test, swapped) as wholes: a resample draws from the union of the label sets' records, and a record that
// is drawn twice counts twice in every label set that has it, in every label and every training. What is drawn are
// records, not seeds: an interval speaks of these trainings on other records, not of other trainings.
//
// As in bootstrap.hpp, a label that loses a class in a resample keeps its value on all records; as in paired_test.hpp,
// scores are first replaced by their ranks among all records of the label. With one training and one label set both
// give what bootstrap_intervals() and compare_aurocs() give for the macro AUROC, from the same draws.

#include <span>
#include <vector>

#include "deri/eval/bootstrap.hpp"
#include "deri/eval/paired_test.hpp"
#include "deri/eval/score_table.hpp"

namespace deri {

struct SeedMeans {
  Estimate macro;     // over labels with both classes
  Estimate frequent;  // of these, over labels with kFrequentPositives positives or more
};

// Each training is one score table per label set, in the same order of label sets. Tables of one label set have the
// same ids, labels and truth, in any order; the order in the first training decides the draws. Label sets may share
// records, known by their ids, or not. A label set without a label that counts is in no mean; without any, the estimate
// is NaN. Throws Error if there is no training or no label set, if tables of a label set differ, on NaN scores, and for
// options that make no sense. 3 trainings x 4,620 records x 38 labels: some seconds on one core.
SeedMeans mean_auroc(std::span<const std::vector<ScoreTable>> trainings, const BootstrapOptions& options = {});

struct SeedMeansDifference {
  Estimate difference;  // of macro AUROC, a minus b
  double p_value;       // two-sided; NaN where the difference is
  bool exact;           // every permutation was taken
};

// Training i of `a` is paired with training i of `b`: a permutation swaps the scores of a record between the two of
// every pair at once. Throws Error as above, and if the numbers of trainings differ.
SeedMeansDifference compare_mean_aurocs(std::span<const std::vector<ScoreTable>> a,
                                        std::span<const std::vector<ScoreTable>> b, const PairedOptions& options = {});

}  // namespace deri
