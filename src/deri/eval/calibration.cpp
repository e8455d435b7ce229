#include "deri/eval/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "deri/base/error.hpp"
#include "deri/eval/metrics.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void check_probabilities(std::span<const double> probabilities, std::span<const std::uint8_t> targets) {
  DERI_CHECK(probabilities.size() == targets.size());
  const auto outside =
      std::count_if(probabilities.begin(), probabilities.end(), [](double p) { return !(p >= 0 && p <= 1); });
  if (outside > 0)
    fail("{} of {} scores are no probabilities (outside 0 to 1): calibration needs probabilities", outside,
         probabilities.size());
}

// Sums of a bin's records.
struct BinSums {
  std::size_t records = 0, positives = 0;
  double probability = 0;

  void add(double p, std::uint8_t target) {
    ++records;
    positives += target;
    probability += p;
  }
  ReliabilityPoint point(double low, double high) const {
    const auto count = static_cast<double>(records);
    return {low, high, records, probability / count, static_cast<double>(positives) / count};
  }
};

std::vector<double> label_column(const ScoredLabels& data, std::size_t label) {
  std::vector<double> scores = data.label_scores(label);
  const auto bad = std::count_if(scores.begin(), scores.end(), [](double s) { return !std::isfinite(s); });
  if (bad > 0) fail("label {}: {} of {} scores are infinite or NaN", data.labels[label], bad, scores.size());
  return scores;
}

struct Line {
  double slope = 0, intercept = 0;
};

double mean_loss(const Line& line, const std::vector<double>& scores, const std::vector<double>& targets) {
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double z = line.slope * scores[i] + line.intercept;
    sum += std::log1p(std::exp(-std::abs(z))) + std::max(z, 0.0) - targets[i] * z;
  }
  return sum / static_cast<double>(scores.size());
}

// Newton's method, halving steps that do not descend, for scores of mean 0 and deviation 1.
Line fit_line(const std::vector<double>& scores, const std::vector<double>& targets, double intercept) {
  Line line{0, intercept};
  double loss = mean_loss(line, scores, targets);
  for (int iteration = 0; iteration < 100; ++iteration) {
    double slope_gradient = 0, intercept_gradient = 0, ss = 0, s1 = 0, one = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double p = 1 / (1 + std::exp(-(line.slope * scores[i] + line.intercept)));
      const double weight = p * (1 - p);
      slope_gradient += (p - targets[i]) * scores[i];
      intercept_gradient += p - targets[i];
      ss += weight * scores[i] * scores[i];
      s1 += weight * scores[i];
      one += weight;
    }
    const double count = static_cast<double>(scores.size());
    if (std::hypot(slope_gradient, intercept_gradient) <= 1e-10 * count) break;
    const double determinant = ss * one - s1 * s1;
    if (!(determinant > 0)) break;
    Line step{(slope_gradient * one - intercept_gradient * s1) / determinant,
              (intercept_gradient * ss - slope_gradient * s1) / determinant};
    double next_loss = kNaN;
    Line next;
    for (int halving = 0; halving < 40 && !(next_loss <= loss); ++halving) {
      next = {line.slope - step.slope, line.intercept - step.intercept};
      next_loss = mean_loss(next, scores, targets);
      step = {step.slope / 2, step.intercept / 2};
    }
    if (!(next_loss <= loss)) break;
    line = next;
    loss = next_loss;
  }
  return line;
}

// a and b for one label.
Line platt_line(const std::vector<double>& scores, const std::vector<std::uint8_t>& targets) {
  const double count = static_cast<double>(scores.size());
  const double positives = static_cast<double>(std::accumulate(targets.begin(), targets.end(), std::size_t{0}));
  const double constant = std::log((positives + 0.5) / (count - positives + 0.5));
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / count;
  double variance = 0;
  for (const double score : scores) variance += (score - mean) * (score - mean) / count;
  const double deviation = std::sqrt(variance);
  if (!(deviation > 1e-12 * std::abs(mean)) || positives == 0 || positives == count) return {0, constant};

  std::vector<double> standard, soft;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    standard.push_back((scores[i] - mean) / deviation);
    soft.push_back(targets[i] != 0 ? (positives + 1) / (positives + 2) : 1 / (count - positives + 2));
  }
  const Line line = fit_line(standard, soft, constant);
  if (line.slope <= 0) return {0, constant};
  return {line.slope / deviation, line.intercept - line.slope * mean / deviation};
}

}  // namespace

double brier_score(std::span<const double> probabilities, std::span<const std::uint8_t> targets) {
  check_probabilities(probabilities, targets);
  double sum = 0;
  for (std::size_t i = 0; i < targets.size(); ++i)
    sum += (probabilities[i] - targets[i]) * (probabilities[i] - targets[i]);
  return targets.empty() ? kNaN : sum / static_cast<double>(targets.size());
}

std::size_t calibration_bin(double probability, std::size_t bins) {
  return std::min(bins - 1, static_cast<std::size_t>(probability * static_cast<double>(bins)));
}

std::vector<ReliabilityPoint> reliability_curve(std::span<const double> probabilities,
                                                std::span<const std::uint8_t> targets, std::size_t bins) {
  check_probabilities(probabilities, targets);
  if (bins == 0) fail("a reliability curve needs at least one bin");
  std::vector<BinSums> sums(bins);
  for (std::size_t i = 0; i < targets.size(); ++i)
    sums[calibration_bin(probabilities[i], bins)].add(probabilities[i], targets[i]);
  std::vector<ReliabilityPoint> curve;
  const auto width = [bins](std::size_t i) { return static_cast<double>(i) / static_cast<double>(bins); };
  for (std::size_t i = 0; i < bins; ++i)
    if (sums[i].records > 0) curve.push_back(sums[i].point(width(i), width(i + 1)));
  return curve;
}

std::vector<ReliabilityPoint> reliability_curve_by_count(std::span<const double> probabilities,
                                                         std::span<const std::uint8_t> targets, std::size_t bins) {
  check_probabilities(probabilities, targets);
  if (bins == 0) fail("a reliability curve needs at least one bin");
  std::vector<std::size_t> order(targets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return probabilities[a] < probabilities[b]; });
  std::vector<ReliabilityPoint> curve;
  std::size_t start = 0;
  for (std::size_t bin = 1; bin <= bins && start < order.size(); ++bin) {
    std::size_t end = std::max(start, order.size() * bin / bins);
    while (end > start && end < order.size() && probabilities[order[end]] == probabilities[order[end - 1]]) ++end;
    if (end == start) continue;
    BinSums sums;
    for (std::size_t i = start; i < end; ++i) sums.add(probabilities[order[i]], targets[order[i]]);
    curve.push_back(sums.point(probabilities[order[start]], probabilities[order[end - 1]]));
    start = end;
  }
  return curve;
}

double expected_calibration_error(std::span<const double> probabilities, std::span<const std::uint8_t> targets,
                                  std::size_t bins) {
  if (targets.empty()) return kNaN;
  double error = 0;
  for (const ReliabilityPoint& point : reliability_curve(probabilities, targets, bins))
    error += static_cast<double>(point.records) * std::abs(point.observed - point.probability);
  return error / static_cast<double>(targets.size());
}

ScoredLabels platt_scaled(const ScoredLabels& scored, const ScoredLabels& validation) {
  if (scored.labels != validation.labels)
    fail("the validation records have other labels than the scored ones ({} and {})", validation.labels.size(),
         scored.labels.size());
  if (validation.records() == 0) fail("no validation records: scores cannot be turned into probabilities");
  ScoredLabels result = scored;
  result.probabilities = true;
  for (std::size_t k = 0; k < scored.labels.size(); ++k) {
    const Line line = platt_line(label_column(validation, k), validation.label_targets(k));
    const std::vector<double> scores = label_column(scored, k);
    for (std::size_t i = 0; i < scores.size(); ++i)
      result.scores[i * scored.labels.size() + k] = 1 / (1 + std::exp(-(line.slope * scores[i] + line.intercept)));
  }
  return result;
}

}  // namespace deri
