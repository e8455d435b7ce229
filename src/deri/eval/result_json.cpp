#include "deri/eval/result_json.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/eval/calibration.hpp"

namespace deri {
namespace {

Json intervals_json(const MetricIntervals& of) {
  return {{"auroc", estimate_json(of.auroc)},
          {"auprc", estimate_json(of.auprc)},
          {"f1", estimate_json(of.f1)},
          {"accuracy", estimate_json(of.accuracy)},
          {"sensitivity", estimate_json(of.sensitivity)},
          {"specificity", estimate_json(of.specificity)},
          {"brier", estimate_json(of.brier)},
          {"ece", estimate_json(of.ece)}};
}

Json label_json(const LabelMetrics& label, const MetricIntervals& intervals) {
  return {{"label", label.name},
          {"positives", label.positives},
          {"negatives", label.negatives},
          {"prevalence", json_number(label.prevalence())},
          {"frequent", label.frequent()},
          {"auroc", estimate_json(intervals.auroc)},
          {"auprc", estimate_json(intervals.auprc)},
          {"threshold", json_number(label.threshold)},
          {"f1", json_number(label.f1)},
          {"accuracy", json_number(label.accuracy)},
          {"sensitivity", json_number(label.sensitivity)},
          {"specificity", json_number(label.specificity)},
          {"brier", json_number(label.brier)},
          {"ece", json_number(label.ece)},
          {"intervals",
           {{"f1", estimate_json(intervals.f1)},
            {"accuracy", estimate_json(intervals.accuracy)},
            {"sensitivity", estimate_json(intervals.sensitivity)},
            {"specificity", estimate_json(intervals.specificity)},
            {"brier", estimate_json(intervals.brier)},
            {"ece", estimate_json(intervals.ece)}}}};
}

Json curve_json(const std::vector<ReliabilityPoint>& curve) {
  Json points = Json::array();
  for (const ReliabilityPoint& point : curve)
    points.push_back({{"low", point.low},
                      {"high", point.high},
                      {"records", point.records},
                      {"probability", point.probability},
                      {"observed", point.observed}});
  return points;
}

Json compared_json(const AurocComparison& compared) {
  return {{"auroc_a", json_number(compared.a)},
          {"auroc_b", json_number(compared.b)},
          {"difference", estimate_json(compared.difference)},
          {"p_value", json_number(compared.p_value)},
          {"holm_p_value", json_number(compared.holm_p_value)}};
}

}  // namespace

Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string estimate_text(const Estimate& estimate) {
  if (!std::isfinite(estimate.value)) return "undefined";
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", estimate.value, estimate.low, estimate.high);
}

std::string difference_text(const Estimate& difference) {
  return fmt::format("{:+.3f} [{:+.3f}, {:+.3f}]", difference.value, difference.low, difference.high);
}

Json estimate_json(const Estimate& estimate) {
  return {
      {"value", json_number(estimate.value)}, {"low", json_number(estimate.low)}, {"high", json_number(estimate.high)}};
}

Json evaluation_json(const MultiLabelMetrics& metrics, const MultiLabelIntervals& intervals) {
  DERI_CHECK(metrics.labels.size() == intervals.labels.size());
  Json labels = Json::array();
  for (std::size_t i = 0; i < metrics.labels.size(); ++i)
    labels.push_back(label_json(metrics.labels[i], intervals.labels[i]));
  return {{"macro_auroc", estimate_json(intervals.macro.auroc)},
          {"macro_auprc", estimate_json(intervals.macro.auprc)},
          {"macro_auroc_frequent", estimate_json(intervals.macro_frequent.auroc)},
          {"macro_auprc_frequent", estimate_json(intervals.macro_frequent.auprc)},
          {"macro_f1", json_number(metrics.macro.f1)},
          {"macro_accuracy", json_number(metrics.macro.accuracy)},
          {"labels_defined", metrics.macro.labels},
          {"labels_frequent", metrics.macro_frequent.labels},
          {"labels_undefined", metrics.undefined},
          {"macro", intervals_json(intervals.macro)},
          {"macro_frequent", intervals_json(intervals.macro_frequent)},
          {"labels", labels}};
}

Json calibration_json(const ScoredLabels& scored) {
  if (!scored.probabilities) fail("these scores are not probabilities: there is no calibration to measure");
  Json labels = Json::array();
  double brier_sum = 0, ece_sum = 0;
  int defined = 0;
  for (std::size_t k = 0; k < scored.labels.size(); ++k) {
    const std::vector<double> probabilities = scored.label_scores(k);
    const std::vector<std::uint8_t> targets = scored.label_targets(k);
    const double brier = brier_score(probabilities, targets);
    const double ece = expected_calibration_error(probabilities, targets);
    labels.push_back({{"label", scored.labels[k]},
                      {"brier", json_number(brier)},
                      {"ece", json_number(ece)},
                      {"equal_width", curve_json(reliability_curve(probabilities, targets))},
                      {"equal_count", curve_json(reliability_curve_by_count(probabilities, targets))}});
    if (std::adjacent_find(targets.begin(), targets.end(), std::not_equal_to<>()) == targets.end()) continue;
    brier_sum += brier;
    ece_sum += ece;
    ++defined;
  }
  return {{"macro_brier", json_number(brier_sum / defined)},
          {"macro_ece", json_number(ece_sum / defined)},
          {"labels", labels}};
}

Json logistic_json(const LogisticPath& path, const PathOptions& options) {
  Json points = Json::array(), labels = Json::array();
  for (const PathPoint& point : path.points)
    points.push_back({{"strength", point.strength},
                      {"train_log_loss", json_number(point.train_log_loss)},
                      {"validation_log_loss", json_number(point.validation_log_loss)},
                      {"validation_macro_auroc", json_number(point.validation_auroc)},
                      {"iterations", point.iterations},
                      {"labels_unconverged", point.unconverged}});
  for (std::size_t k = 0; k < path.fit.labels.size(); ++k) {
    const LabelFit& label = path.fit.labels[k];
    labels.push_back({{"label", path.fit.model.labels[k]},
                      {"train_positives", label.positives},
                      {"constant", label.constant},
                      {"gradient_norm", json_number(label.gradient_norm)},
                      {"iterations", label.iterations},
                      {"converged", label.converged}});
  }
  return {
      {"solver", "logistic regression, L-BFGS to convergence"},
      {"tolerance", options.solver.tolerance},
      {"chosen_by", options.criterion == PathCriterion::kLogLoss ? "validation log-loss" : "validation macro AUROC"},
      {"strength", path.fit.strength},
      {"path", points},
      {"labels", labels}};
}

Json published_json(const PublishedProbe& probe, const PublishedProbeOptions& options) {
  Json epochs = Json::array();
  for (const PublishedEpoch& epoch : probe.epochs)
    epochs.push_back({{"learning_rate", epoch.learning_rate},
                      {"train_loss", json_number(epoch.train_loss)},
                      {"macro_auroc", json_number(epoch.auroc)},
                      {"macro_f1", json_number(epoch.f1)},
                      {"macro_accuracy", json_number(epoch.accuracy)}});
  return {{"solver", "Adam, as published"},
          {"caveat", "the best epoch, and each metric's own maximum, are chosen on the scored records: optimistic"},
          {"learning_rate", options.learning_rate},
          {"weight_decay", options.weight_decay},
          {"batch_size", options.batch_size},
          {"schedule_stepped", options.step_per_batch ? "per batch and again per epoch" : "per epoch"},
          {"seed", options.seed},
          {"best_epoch", probe.best_epoch},
          {"max_macro_auroc", json_number(probe.max_auroc)},
          {"max_macro_f1", json_number(probe.max_f1)},
          {"max_macro_accuracy", json_number(probe.max_accuracy)},
          {"epochs", epochs}};
}

Json comparison_json(const PairedComparison& comparison, const PairedOptions& options) {
  Json labels = Json::array();
  for (const AurocComparison& compared : comparison.labels) {
    Json label = {{"label", compared.name}};
    label.update(compared_json(compared));
    labels.push_back(label);
  }
  Json macro = compared_json(comparison.macro), frequent = compared_json(comparison.macro_frequent);
  macro.erase("holm_p_value");
  frequent.erase("holm_p_value");
  return {{"task", "comparison"},
          {"records", comparison.records},
          {"test", fmt::format("paired permutation of ranks, two-sided, {} {} permutations",
                               comparison.exact ? "all" : "random", comparison.permutations)},
          {"interval", fmt::format("{} % percentile bootstrap, paired, {} resamples, seed {}", 100 * options.confidence,
                                   options.resamples, options.seed)},
          {"macro", macro},
          {"macro_frequent", frequent},
          {"labels", labels}};
}

}  // namespace deri
