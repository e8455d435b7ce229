#include "deri/ecg/beats.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace deri {
namespace {

constexpr double kLeastSeconds = 2;

bool usable(const Lead& lead, std::size_t length) {
  return lead.unit == kMillivolt && lead.samples.size() == length;
}

// At least one sample.
std::size_t samples_in(double seconds, double rate) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(seconds * rate)));
}

// The sum over leads of the squared slope across 20 ms; 0 where a sample is missing.
std::vector<double> slope_energy(const Recording& recording) {
  const std::size_t length = recording.length(), step = samples_in(0.02, recording.rate);
  std::vector<double> energy(length, 0);
  for (const Lead& lead : recording.leads) {
    if (!usable(lead, length)) continue;
    for (std::size_t k = step; k < length; ++k) {
      const double slope = static_cast<double>(lead.samples[k]) - static_cast<double>(lead.samples[k - step]);
      if (std::isfinite(slope)) energy[k - step / 2] += slope * slope;
    }
  }
  return energy;
}

// The mean over `window` samples around each.
std::vector<double> smoothed(const std::vector<double>& values, std::size_t window) {
  std::vector<double> result(values.size(), 0);
  const std::size_t half = window / 2;
  double sum = 0;
  for (std::size_t k = 0; k < values.size() + half; ++k) {
    if (k < values.size()) sum += values[k];
    if (k >= 2 * half + 1) sum -= values[k - 2 * half - 1];
    if (k >= half) result[k - half] = std::max(0.0, sum) / static_cast<double>(2 * half + 1);
  }
  return result;
}

// The height that QRS complexes usually reach: the median of the highest values of seconds of 1.5 s. An artefact or a
// ventricular beat, which tower above the others, do not move it.
double usual_height(const std::vector<double>& energy, double rate) {
  const std::size_t block = samples_in(1.5, rate);
  std::vector<double> heights;
  for (std::size_t first = 0; first + block <= energy.size(); first += block)
    heights.push_back(*std::max_element(energy.begin() + static_cast<std::ptrdiff_t>(first),
                                        energy.begin() + static_cast<std::ptrdiff_t>(first + block)));
  if (heights.empty()) return 0;
  const auto middle = heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2);
  std::nth_element(heights.begin(), middle, heights.end());
  return *middle;
}

}  // namespace

std::vector<std::size_t> find_beats(const Recording& recording) {
  if (!(recording.rate >= 40) || recording.rate > 1e6 || recording.seconds() < kLeastSeconds) return {};
  const std::vector<double> energy = smoothed(slope_energy(recording), samples_in(0.1, recording.rate));
  const double threshold = usual_height(energy, recording.rate) / 3;
  if (!(threshold > 1e-9)) return {};
  const std::size_t apart = samples_in(0.25, recording.rate);
  std::vector<std::size_t> beats;
  for (std::size_t k = 1; k + 1 < energy.size(); ++k) {
    const bool peak = energy[k] >= threshold && energy[k] > energy[k - 1] && energy[k] >= energy[k + 1];
    if (!peak) continue;
    if (beats.empty() || k - beats.back() >= apart)
      beats.push_back(k);
    else if (energy[k] > energy[beats.back()])
      beats.back() = k;
  }
  return beats;
}

std::optional<double> heart_rate(const std::vector<std::size_t>& beats, double rate) {
  if (beats.size() < 3) return std::nullopt;
  return 60 * rate * static_cast<double>(beats.size() - 1) / static_cast<double>(beats.back() - beats.front());
}

std::size_t AverageBeat::index(double seconds) const {
  const auto offset = static_cast<std::ptrdiff_t>(std::lround(seconds * rate));
  const auto last = static_cast<std::ptrdiff_t>(samples.size()) - 1;
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(center) + offset, 0, last));
}

double AverageBeat::at(double seconds) const {
  return static_cast<double>(samples[index(seconds)]);
}

std::optional<AverageBeat> average_beat(const Lead& lead, double rate, const std::vector<std::size_t>& beats) {
  constexpr std::size_t kMostBeats = 100;
  AverageBeat average{rate, samples_in(0.32, rate), {}};
  const std::size_t behind = samples_in(0.42, rate);
  std::vector<std::size_t> whole;
  for (const std::size_t beat : beats)
    if (beat >= average.center && beat + behind < lead.samples.size() && whole.size() < kMostBeats)
      whole.push_back(beat);
  if (whole.empty()) return std::nullopt;
  for (std::size_t k = 0; k <= average.center + behind; ++k) {
    std::vector<float> values;
    for (const std::size_t beat : whole)
      if (const float value = lead.samples[beat - average.center + k]; std::isfinite(value)) values.push_back(value);
    if (values.empty()) return std::nullopt;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    average.samples.push_back(*middle);
  }
  return average;
}

}  // namespace deri
