#pragma once
// Results of evaluations as JSON, under the same keys whatever was evaluated: zero-shot, a probe, two models against
// each other; and their estimates as text. A number that is not defined is null.

#include <string>

#include "deri/base/json.hpp"
#include "deri/eval/bootstrap.hpp"
#include "deri/eval/logistic.hpp"
#include "deri/eval/metrics.hpp"
#include "deri/eval/paired_test.hpp"
#include "deri/eval/published_probe.hpp"

namespace deri {

// null for NaN and infinities, which JSON does not have.
Json json_number(double value);

// "0.812 [0.790, 0.834]", or "undefined".
std::string estimate_text(const Estimate& estimate);
// With signs: "+0.012 [-0.004, +0.028]".
std::string difference_text(const Estimate& difference);

// {"value", "low", "high"}.
Json estimate_json(const Estimate& estimate);

// One model on one label set: macro_auroc, macro_auprc, macro_auroc_frequent, macro_auprc_frequent (estimates),
// macro_f1, macro_accuracy, labels_defined, labels_frequent, labels_undefined; "macro" and "macro_frequent" with every
// metric as an estimate; "labels": per label its name, counts, metrics and threshold, and under "intervals" the
// estimates of what is a plain number beside it.
Json evaluation_json(const MultiLabelMetrics& metrics, const MultiLabelIntervals& intervals);

// Whether probabilities mean what they say: "macro_brier" and "macro_ece", means over the labels with both classes, and
// "labels": per label its name, brier, ece, and reliability curves over bins of equal width and of equal count, each
// point {low, high, records, probability, observed}. Throws Error unless the scores are probabilities.
Json calibration_json(const ScoredLabels& scored);

// How the regularisation was chosen: the path with its validation figures, the chosen strength, and each label's
// gradient norm and iterations there.
Json logistic_json(const LogisticPath& path, const PathOptions& options);

// The epochs and the maxima that published tables report, marked as chosen on the scored records.
Json published_json(const PublishedProbe& probe, const PublishedProbeOptions& options);

// Differences of AUROC, a minus b, per label and in the mean.
Json comparison_json(const PairedComparison& comparison, const PairedOptions& options);

}  // namespace deri
