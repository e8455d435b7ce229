#pragma once
// Whether probabilities mean what they say: of the records given 0.2, one in five should be positive.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace deri {

struct ScoredLabels;

// mean (p - target)^2 (Brier 1950): 0 is perfect; a constant p = prevalence q gives q (1 - q). NaN without records.
// Throws Error, as all functions here do, unless every probability lies in [0, 1].
double brier_score(std::span<const double> probabilities, std::span<const std::uint8_t> targets);

// Bin i of B holds the probabilities in [i / B, (i + 1) / B), the last one also 1.
inline constexpr std::size_t kCalibrationBins = 15;
std::size_t calibration_bin(double probability, std::size_t bins);

struct ReliabilityPoint {
  double low, high;  // of the bin
  std::size_t records;
  double probability;  // mean of the records'
  double observed;     // their share of positives
};

// The bins that hold records, from the lowest. Throws Error for 0 bins.
std::vector<ReliabilityPoint> reliability_curve(std::span<const double> probabilities,
                                                std::span<const std::uint8_t> targets,
                                                std::size_t bins = kCalibrationBins);

// As many bins of equally many records as asked for (or as there are records), by rising probability; records of equal
// probability stay in one bin. What to plot for a rare label, most of whose records fall into one bin of equal width.
std::vector<ReliabilityPoint> reliability_curve_by_count(std::span<const double> probabilities,
                                                         std::span<const std::uint8_t> targets, std::size_t bins = 10);

// The expected calibration error, sum_b n_b / N |observed_b - probability_b|, over equally wide bins (Guo et al. 2017).
// NaN without records. It is never 0 on finite data, and the larger the fewer the records.
double expected_calibration_error(std::span<const double> probabilities, std::span<const std::uint8_t> targets,
                                  std::size_t bins = kCalibrationBins);

// Platt's scaling (1999): the scores of each label of `scored` become 1 / (1 + exp(-(a score + b))) with a and b fitted
// on `validation` by logistic regression, with Platt's targets (P + 1) / (P + 2) and 1 / (N + 2) instead of 1 and 0,
// which keep a and b finite. So scores that are no probabilities, such as cosines, get a Brier score and a calibration.
// a >= 0 keeps every ranking; a label whose scores are constant or worse than chance on validation (a < 0), or that has
// one class there, gets a = 0: a constant. Throws Error if the two have different labels, without validation records
// and on scores that are not finite.
ScoredLabels platt_scaled(const ScoredLabels& scored, const ScoredLabels& validation);

}  // namespace deri
