#include "deri/ecg/quality.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <deque>
#include <functional>
#include <limits>
#include <numbers>
#include <span>

#include <fmt/format.h>

#include "deri/ecg/beats.hpp"

namespace deri {
namespace {

constexpr double kLookSeconds = 60;  // for hum and the averaged beat

using Samples = std::span<const float>;

std::size_t samples_in(double seconds, double rate) {
  return static_cast<std::size_t>(std::max<long>(1, std::lround(seconds * rate)));
}

double median_of(std::vector<float>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return static_cast<double>(*middle);
}

// ---- one lead ----

// The longest stretch of finite samples within `range` of each other: a window whose end moves on one by one, with the
// candidates for its largest and smallest sample kept in order.
std::size_t longest_flat(Samples samples, float range) {
  std::deque<std::size_t> high, low;
  std::size_t begin = 0, longest = 0;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (!std::isfinite(samples[k])) {
      high.clear();
      low.clear();
      begin = k + 1;
      continue;
    }
    while (!high.empty() && samples[high.back()] <= samples[k]) high.pop_back();
    while (!low.empty() && samples[low.back()] >= samples[k]) low.pop_back();
    high.push_back(k);
    low.push_back(k);
    while (samples[high.front()] - samples[low.front()] > range) {
      ++begin;
      if (high.front() < begin) high.pop_front();
      if (low.front() < begin) low.pop_front();
    }
    longest = std::max(longest, k + 1 - begin);
  }
  return longest;
}

// Samples in plateaus at `extreme`.
std::size_t clipped_at(Samples samples, float extreme, std::size_t shortest, float step) {
  std::size_t clipped = 0;
  for (std::size_t k = 0; k < samples.size();) {
    if (samples[k] != extreme) {
      ++k;
      continue;
    }
    std::size_t end = k;
    while (end < samples.size() && samples[end] == extreme) ++end;
    const bool steep_in = k > 0 && std::abs(samples[k - 1] - extreme) >= step;
    const bool steep_out = end < samples.size() && std::abs(samples[end] - extreme) >= step;
    if (end - k >= shortest && (steep_in || steep_out)) clipped += end - k;
    k = end;
  }
  return clipped;
}

// The range of the medians of all whole seconds.
double wander_of(Samples samples, double rate) {
  const std::size_t block = samples_in(1, rate);
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  for (std::size_t first = 0; first + block <= samples.size(); first += block) {
    std::vector<float> values;
    for (const float sample : samples.subspan(first, block))
      if (std::isfinite(sample)) values.push_back(sample);
    if (values.size() < block / 2 + 1) continue;
    const double middle = median_of(values);
    lowest = std::min(lowest, middle);
    highest = std::max(highest, middle);
  }
  return highest > lowest ? highest - lowest : 0;
}

// The part that the spectrum is taken of: the first minute, holes as 0, its mean removed, faded in and out (Hann).
std::vector<double> windowed(Samples samples, double rate) {
  const std::size_t length = std::min(samples.size(), samples_in(kLookSeconds, rate));
  double sum = 0;
  std::size_t count = 0;
  for (const float sample : samples.first(length)) {
    if (!std::isfinite(sample)) continue;
    sum += static_cast<double>(sample);
    ++count;
  }
  const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
  std::vector<double> result(length, 0);
  for (std::size_t k = 0; k < length; ++k) {
    const double window =
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * (static_cast<double>(k) + 0.5) / static_cast<double>(length));
    if (std::isfinite(samples[k])) result[k] = window * (static_cast<double>(samples[k]) - mean);
  }
  return result;
}

// The amplitude of a sine of `frequency` in windowed samples.
double amplitude_at(const std::vector<double>& samples, double frequency, double rate) {
  const std::complex<double> step = std::polar(1.0, -2 * std::numbers::pi * frequency / rate);
  std::complex<double> turn = 1, sum = 0;
  for (const double sample : samples) {
    sum += sample * turn;
    turn *= step;
  }
  return 4 * std::abs(sum) / static_cast<double>(samples.size());  // 2 for the sine, 2 for the window
}

void look_for_hum(Samples samples, double rate, const QualityLimits& limits, LeadQuality& quality) {
  constexpr double kLeastSeconds = 4, kAround = 6, kGap = 1.5, kTolerance = 0.3;
  const std::vector<double> signal = windowed(samples, rate);
  const double seconds = static_cast<double>(signal.size()) / rate;
  if (seconds < kLeastSeconds) return;
  const double step = 0.5 / std::min(seconds, 20.0);
  const auto highest = [&](double from, double to) {
    double amplitude = 0;
    for (double frequency = from; frequency <= to; frequency += step)
      amplitude = std::max(amplitude, amplitude_at(signal, frequency, rate));
    return amplitude;
  };
  for (const double mains : {50.0, 60.0}) {
    if (mains + kAround > rate / 2) continue;
    const double line = highest(mains - kTolerance, mains + kTolerance);
    if (quality.hum_hz && line <= quality.hum) continue;
    quality.hum_hz = mains;
    quality.hum = line;
  }
  if (!quality.hum_hz || quality.hum < limits.hum_millivolts) return;
  const double mains = *quality.hum_hz;
  const double around = std::max(highest(mains - kAround, mains - kGap), highest(mains + kGap, mains + kAround));
  quality.hum_ratio = around > 0 ? quality.hum / around : std::numeric_limits<double>::infinity();
  quality.has_hum = quality.hum_ratio >= limits.hum_ratio;
}

LeadQuality assess_lead(const Lead& lead, double rate, const QualityLimits& limits) {
  LeadQuality quality;
  quality.lead = lead.name;
  const Samples samples(lead.samples);
  float lowest = std::numeric_limits<float>::infinity(), highest = -lowest;
  for (const float sample : samples) {
    if (!std::isfinite(sample)) {
      ++quality.missing;
      continue;
    }
    lowest = std::min(lowest, sample);
    highest = std::max(highest, sample);
  }
  if (samples.empty()) return quality;
  quality.missing_share = static_cast<double>(quality.missing) / static_cast<double>(samples.size());
  if (quality.missing == samples.size()) return quality;
  quality.peak_to_peak = static_cast<double>(highest) - static_cast<double>(lowest);
  quality.flat_seconds = static_cast<double>(longest_flat(samples, static_cast<float>(limits.flat_millivolts))) / rate;
  quality.is_flat = quality.flat_seconds >= limits.flat_seconds || quality.peak_to_peak <= limits.flat_millivolts;
  if (lowest < highest) {
    const std::size_t shortest = std::max<std::size_t>(3, samples_in(limits.clip_seconds, rate));
    const auto step = static_cast<float>(limits.clip_step_millivolts);
    quality.clipped = clipped_at(samples, lowest, shortest, step) + clipped_at(samples, highest, shortest, step);
  }
  quality.is_clipped = quality.clipped > 0;
  quality.wander = wander_of(samples, rate);
  quality.has_wander = quality.wander >= limits.wander_millivolts;
  look_for_hum(samples, rate, limits, quality);
  return quality;
}

// ---- limb leads against each other ----

struct Term {
  const char* lead;
  double weight;
};

struct Relation {
  const char* words;
  std::array<Term, 3> terms;
};

constexpr std::array<Relation, 4> kRelations{{{"I + III - II", {{{"I", 1}, {"III", 1}, {"II", -1}}}},
                                              {"aVR + (I + II) / 2", {{{"aVR", 1}, {"I", 0.5}, {"II", 0.5}}}},
                                              {"aVL - (I - III) / 2", {{{"aVL", 1}, {"I", -0.5}, {"III", 0.5}}}},
                                              {"aVF - (II + III) / 2", {{{"aVF", 1}, {"II", -0.5}, {"III", -0.5}}}}}};

const Lead* voltage(const Recording& recording, const char* name) {
  const Lead* lead = recording.find(name);
  return lead != nullptr && lead->unit == kMillivolt && lead->samples.size() == recording.length() ? lead : nullptr;
}

// Root mean square around the mean, over the samples where it is finite.
double deviation(std::size_t length, const std::function<double(std::size_t)>& value) {
  double sum = 0, squares = 0, count = 0;
  for (std::size_t k = 0; k < length; ++k) {
    const double x = value(k);
    if (!std::isfinite(x)) continue;
    sum += x;
    squares += x * x;
    ++count;
  }
  if (count == 0) return 0;
  return std::sqrt(std::max(0.0, squares / count - sum / count * sum / count));
}

double limb_deviation(const Recording& recording) {
  double squares = 0, count = 0;
  for (const char* name : {"I", "II", "III"}) {
    const Lead* lead = voltage(recording, name);
    if (lead == nullptr) continue;
    const double rms =
        deviation(recording.length(), [&](std::size_t k) { return static_cast<double>(lead->samples[k]); });
    squares += rms * rms;
    ++count;
  }
  return count > 0 ? std::sqrt(squares / count) : 0;
}

std::vector<LimbResidual> limb_residuals(const Recording& recording, const QualityLimits& limits) {
  std::vector<LimbResidual> residuals;
  const double scale = limb_deviation(recording);
  for (const Relation& relation : kRelations) {
    std::array<const Lead*, 3> leads{};
    for (std::size_t i = 0; i < 3; ++i) leads[i] = voltage(recording, relation.terms[i].lead);
    if (std::ranges::count(leads, nullptr) > 0) continue;
    LimbResidual residual{.relation = relation.words};
    residual.millivolts = deviation(recording.length(), [&](std::size_t k) {
      double sum = 0;
      for (std::size_t i = 0; i < 3; ++i) sum += relation.terms[i].weight * static_cast<double>(leads[i]->samples[k]);
      return sum;
    });
    residual.share = scale > 0 ? residual.millivolts / scale : 0;
    residual.too_large = residual.millivolts > limits.limb_millivolts && residual.share > limits.limb_share;
    residuals.push_back(residual);
  }
  return residuals;
}

// Whether aVR is (I + II) / 2 where it should be the negative of that.
bool avr_is_inverted(const Recording& recording) {
  const Lead* i = voltage(recording, "I");
  const Lead* ii = voltage(recording, "II");
  const Lead* avr = voltage(recording, "aVR");
  if (i == nullptr || ii == nullptr || avr == nullptr) return false;
  const auto with_sign = [&](double sign) {
    return deviation(recording.length(), [&](std::size_t k) {
      return static_cast<double>(avr->samples[k]) +
             sign * 0.5 * (static_cast<double>(i->samples[k]) + static_cast<double>(ii->samples[k]));
    });
  };
  const double as_is = with_sign(1), inverted = with_sign(-1);
  return as_is > 0.02 && inverted < 0.1 * as_is;
}

// ---- electrodes ----

// Waves of an averaged beat, mV against the level before QRS.
struct Waves {
  double p = 0;         // the P wave's extreme, against a line under it
  double qrs = 0;       // largest plus smallest: positive when R is taller than Q or S is deep
  double qrs_area = 0;  // mean over QRS
  double t = 0;         // the T wave's extreme
  double peak_to_peak = 0;
};

double extreme(const AverageBeat& beat, double from, double to, const std::function<double(std::size_t)>& level) {
  double result = 0;
  for (std::size_t k = beat.index(from); k <= beat.index(to); ++k)
    if (const double value = static_cast<double>(beat.samples[k]) - level(k); std::abs(value) > std::abs(result))
      result = value;
  return result;
}

double mean_between(const AverageBeat& beat, double from, double to) {
  double sum = 0, count = 0;
  for (std::size_t k = beat.index(from); k <= beat.index(to); ++k) {
    sum += static_cast<double>(beat.samples[k]);
    ++count;
  }
  return sum / count;
}

Waves waves_of(const AverageBeat& beat) {
  const double before_p = mean_between(beat, -0.30, -0.26), before_qrs = mean_between(beat, -0.09, -0.07);
  const double p_begin = static_cast<double>(beat.index(-0.28)), p_end = static_cast<double>(beat.index(-0.08));
  const auto under_p = [&](std::size_t k) {
    const double share = (static_cast<double>(k) - p_begin) / std::max(1.0, p_end - p_begin);
    return before_p + share * (before_qrs - before_p);
  };
  const auto level = [&](std::size_t) { return before_qrs; };
  Waves waves;
  waves.p = extreme(beat, -0.24, -0.09, under_p);
  waves.t = extreme(beat, 0.14, 0.40, level);
  const auto first = beat.samples.begin() + static_cast<std::ptrdiff_t>(beat.index(-0.06));
  const auto last = beat.samples.begin() + static_cast<std::ptrdiff_t>(beat.index(0.07)) + 1;
  const auto [low, high] = std::minmax_element(first, last);
  waves.qrs = static_cast<double>(*high) + static_cast<double>(*low) - 2 * before_qrs;
  waves.qrs_area = mean_between(beat, -0.06, 0.07) - before_qrs;
  const auto [lowest, highest] = std::minmax_element(beat.samples.begin(), beat.samples.end());
  waves.peak_to_peak = static_cast<double>(*highest) - static_cast<double>(*lowest);
  return waves;
}

// Pearson's correlation of two averaged beats from the beginning of QRS to the end of T.
double correlation(const AverageBeat& a, const AverageBeat& b) {
  const double a_mean = mean_between(a, -0.06, 0.40), b_mean = mean_between(b, -0.06, 0.40);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t k = a.index(-0.06); k <= a.index(0.40); ++k) {
    const double x = static_cast<double>(a.samples[k]) - a_mean, y = static_cast<double>(b.samples[k]) - b_mean;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

constexpr double kPWave = 0.03;  // mV; below, it has no polarity
constexpr double kTWave = 0.05;

// `likeness`: the correlation of I and V6 over QRS and T, which look at the heart from one side.
bool arms_swapped(const Waves& i, const Waves& avr, const Waves& v6, double likeness) {
  const bool qrs_down = i.qrs < 0 && i.qrs_area < 0 && v6.qrs > 0;
  const bool p_says_so = i.p <= -kPWave && avr.p > 0;
  const bool t_says_so = i.p < kPWave && likeness < -0.7;
  return qrs_down && (p_says_so || t_says_so);
}

bool arm_and_leg_swapped(const Waves& ii, const Waves& avr, const Waves& v6) {
  return ii.p <= -kPWave && ii.qrs < 0 && ii.qrs_area < 0 && ii.t <= -kTWave && avr.qrs > 0 && avr.p > 0 && v6.qrs > 0;
}

// Below 0.1 mV alone, and a tenth of the others.
bool alone_flat(const Waves& lead, const Waves& a, const Waves& b) {
  const double others = std::min(a.peak_to_peak, b.peak_to_peak);
  return lead.peak_to_peak < 0.1 && lead.peak_to_peak < 0.15 * others;
}

std::vector<LeadSwap> find_swaps(const Recording& recording, const std::vector<std::size_t>& beats) {
  std::vector<LeadSwap> swaps;
  if (avr_is_inverted(recording)) swaps.push_back(LeadSwap::kAvrInverted);
  if (beats.size() < 3) return swaps;
  const auto beat_of = [&](const char* name) -> std::optional<AverageBeat> {
    const Lead* lead = voltage(recording, name);
    return lead == nullptr ? std::nullopt : average_beat(*lead, recording.rate, beats);
  };
  const auto i = beat_of("I"), ii = beat_of("II"), iii = beat_of("III"), avr = beat_of("aVR"), v6 = beat_of("V6");
  if (!i || !ii) return swaps;
  const Waves i_waves = waves_of(*i), ii_waves = waves_of(*ii);
  if (iii) {
    const Waves iii_waves = waves_of(*iii);
    if (alone_flat(ii_waves, i_waves, iii_waves)) swaps.push_back(LeadSwap::kRightLegInII);
    if (alone_flat(iii_waves, i_waves, ii_waves)) swaps.push_back(LeadSwap::kRightLegInIII);
    if (alone_flat(i_waves, ii_waves, iii_waves)) swaps.push_back(LeadSwap::kLegsOnArms);
  }
  if (!swaps.empty() || !avr || !v6) return swaps;  // waves of a flat or inverted lead say nothing more
  const Waves avr_waves = waves_of(*avr), v6_waves = waves_of(*v6);
  if (arms_swapped(i_waves, avr_waves, v6_waves, correlation(*i, *v6))) swaps.push_back(LeadSwap::kArms);
  if (arm_and_leg_swapped(ii_waves, avr_waves, v6_waves)) swaps.push_back(LeadSwap::kRightArmLeg);
  return swaps;
}

// The first minute only.
Recording beginning(const Recording& recording) {
  Recording first;
  first.rate = recording.rate;
  const std::size_t length = std::min(recording.length(), samples_in(kLookSeconds, recording.rate));
  for (const Lead& lead : recording.leads) {
    const auto end = lead.samples.begin() + static_cast<std::ptrdiff_t>(std::min(length, lead.samples.size()));
    first.leads.push_back({lead.name, std::vector<float>(lead.samples.begin(), end), lead.unit});
  }
  return first;
}

const char* name_of(LeadSwap swap) {
  switch (swap) {
    case LeadSwap::kArms:
      return "arms";
    case LeadSwap::kRightArmLeg:
      return "right_arm_left_leg";
    case LeadSwap::kRightLegInII:
      return "right_leg_right_arm";
    case LeadSwap::kRightLegInIII:
      return "right_leg_left_arm";
    case LeadSwap::kLegsOnArms:
      return "arms_on_legs";
    case LeadSwap::kAvrInverted:
      return "avr_inverted";
  }
  return "";
}

std::vector<std::string> flags_of(const LeadQuality& lead) {
  std::vector<std::string> lines;
  if (lead.missing > 0)
    lines.push_back(
        fmt::format("{}: {} samples missing ({:.2g} %)", lead.lead, lead.missing, 100 * lead.missing_share));
  if (lead.is_flat) lines.push_back(fmt::format("{}: flat for {:.1f} s", lead.lead, lead.flat_seconds));
  if (lead.is_clipped) lines.push_back(fmt::format("{}: {} samples clipped", lead.lead, lead.clipped));
  if (lead.has_hum)
    lines.push_back(fmt::format("{}: mains hum of {:.3f} mV at {:g} Hz", lead.lead, lead.hum, lead.hum_hz.value_or(0)));
  if (lead.has_wander) lines.push_back(fmt::format("{}: baseline wanders by {:.2f} mV", lead.lead, lead.wander));
  return lines;
}

}  // namespace

std::string describe(LeadSwap swap) {
  switch (swap) {
    case LeadSwap::kArms:
      return "left and right arm electrodes may be exchanged: waves are upside down in I but not in V6";
    case LeadSwap::kRightArmLeg:
      return "right arm and left leg electrodes may be exchanged: waves are upside down in II and upright in aVR";
    case LeadSwap::kRightLegInII:
      return "right arm and right leg electrodes may be exchanged: II is nearly flat";
    case LeadSwap::kRightLegInIII:
      return "left arm and right leg electrodes may be exchanged: III is nearly flat";
    case LeadSwap::kLegsOnArms:
      return "arm and leg electrodes may be exchanged: I is nearly flat";
    case LeadSwap::kAvrInverted:
      return "aVR is stored with the opposite sign";
  }
  return "";
}

bool QualityReport::good() const {
  return flags().empty();
}

std::vector<std::string> QualityReport::flags() const {
  std::vector<std::string> lines;
  for (const LeadQuality& lead : leads)
    for (std::string& line : flags_of(lead)) lines.push_back(std::move(line));
  for (const LimbResidual& residual : limb)
    if (residual.too_large)
      lines.push_back(fmt::format("limb leads contradict each other: {} is {:.3f} mV ({:.0f} % of I, II and III)",
                                  residual.relation, residual.millivolts, 100 * residual.share));
  for (const LeadSwap swap : swaps) lines.push_back(describe(swap));
  return lines;
}

QualityReport assess_quality(const Recording& recording, const QualityLimits& limits) {
  QualityReport report;
  if (!(recording.rate > 0) || !std::isfinite(recording.rate)) return report;
  for (const Lead& lead : recording.leads)
    if (lead.unit == kMillivolt) report.leads.push_back(assess_lead(lead, recording.rate, limits));
  report.limb = limb_residuals(recording, limits);
  const Recording first = beginning(recording);
  const std::vector<std::size_t> beats = find_beats(first);
  report.beats = beats.size();
  report.heart_rate = heart_rate(beats, recording.rate);
  report.swaps = find_swaps(first, beats);
  return report;
}

Json to_json(const QualityReport& report) {
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); };
  Json json;
  json["good"] = report.good();
  json["flags"] = report.flags();
  json["heart_rate"] = number(report.heart_rate);
  json["leads"] = Json::array();
  for (const LeadQuality& lead : report.leads)
    json["leads"].push_back({{"lead", lead.lead},
                             {"peak_to_peak_mv", lead.peak_to_peak},
                             {"missing", lead.missing},
                             {"missing_share", lead.missing_share},
                             {"flat", lead.is_flat},
                             {"flat_seconds", lead.flat_seconds},
                             {"clipped", lead.clipped},
                             {"wander", lead.has_wander},
                             {"wander_mv", lead.wander},
                             {"hum", lead.has_hum},
                             {"hum_hz", number(lead.hum_hz)},
                             {"hum_mv", lead.hum}});
  json["limb_leads"] = Json::array();
  for (const LimbResidual& residual : report.limb)
    json["limb_leads"].push_back({{"relation", residual.relation},
                                  {"rms_mv", residual.millivolts},
                                  {"share", residual.share},
                                  {"too_large", residual.too_large}});
  json["swaps"] = Json::array();
  for (const LeadSwap swap : report.swaps) json["swaps"].push_back(name_of(swap));
  return json;
}

}  // namespace deri
