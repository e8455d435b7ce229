#include "deri/ecg/synth_rhythm.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "deri/base/error.hpp"
#include "deri/base/portable_math.hpp"

namespace deri {
namespace {

using enum Finding;

constexpr double kTwoPi = 2 * std::numbers::pi;
constexpr double kLead = 3;    // s before and after the window
constexpr double kMargin = 1;  // s of the window's ends without ectopic beats

double draw_rate(const SyntheticPlan& plan, Rng& rng) {
  const FindingSet& findings = plan.findings;
  // A patient's pulse at rest is the patient's own; recordings differ around it.
  const double usual = finding_rng(plan.patient, kSr).normal(73, 8);
  const double here = rng.normal(usual, 4);
  const double u = rng.uniform();
  if (findings.has(kPace)) return 60 + 20 * u * u;
  if (findings.has(kAfib)) return 58 + 84 * u;
  if (findings.has(kStach)) return 104 + 40 * u * u;
  if (findings.has(kSbrad)) return 43 + 14 * u;
  if (findings.has(kSarrh)) return std::clamp(here - 3, 57.0, 90.0);
  return std::clamp(here, 62.0, findings.has_any({kLngqt, kAvb1}) ? 82.0 : 97.0);
}

std::vector<Beat> sinus_beats(double rate, bool arrhythmia, double until, Rng& rng) {
  const double mean = 60 / rate;
  const double breath = rng.uniform(0.17, 0.3);
  const double breath_phase = rng.uniform(0, kTwoPi);
  const double slow_phase = rng.uniform(0, kTwoPi);
  const double depth = arrhythmia ? rng.uniform(0.13, 0.22) : rng.uniform(0.005, 0.03);
  std::vector<Beat> beats;
  double time = -kLead - rng.uniform(0, mean);
  while (time < until) {
    const double interval = mean * (1 + depth * portable_sin(kTwoPi * breath * time + breath_phase) +
                                    0.012 * portable_sin(kTwoPi * 0.09 * time + slow_phase) + rng.normal(0, 0.005));
    time += interval;
    beats.push_back({time, interval, BeatKind::kRegular});
  }
  return beats;
}

std::vector<Beat> fibrillating_beats(double rate, double until, Rng& rng) {
  const double mean = 60 / rate;
  const double variation = rng.uniform(0.17, 0.26);
  std::vector<Beat> beats;
  double time = -kLead - rng.uniform(0, mean);
  while (time < until) {
    const double interval = std::max(mean * (1 + variation * rng.normal()), std::max(0.32, 0.5 * mean));
    time += interval;
    beats.push_back({time, interval, BeatKind::kRegular});
  }
  return beats;
}

std::vector<Beat> paced_beats(double rate, double until, Rng& rng) {
  std::vector<Beat> beats;
  double time = -kLead - rng.uniform(0, 60 / rate);
  while (time < until) {
    time += 60 / rate;
    beats.push_back({time, 60 / rate, BeatKind::kRegular});
  }
  return beats;
}

void make_flutter(Rhythm& rhythm, double until, Rng& rng) {
  rhythm.p_waves = false;
  rhythm.flutter_rate = rng.uniform(4.5, 5.5);
  rhythm.flutter_phase = rng.uniform();
  const double u = rng.uniform();
  rhythm.flutter_ratio = u < 0.3 ? 2 : u < 0.5 ? 3 : u < 0.8 ? 4 : 0;
  double time = -kLead - rng.uniform(0, 0.5);
  while (time < until) {
    const int waves = rhythm.flutter_ratio != 0 ? rhythm.flutter_ratio : 2 + static_cast<int>(rng.below(3));
    const double interval = waves / rhythm.flutter_rate * (1 + rng.normal(0, 0.004));
    time += interval;
    rhythm.beats.push_back({time, interval, BeatKind::kRegular});
  }
}

// Moves `beat` forward to `share` of its interval. A ventricular one leaves the later beats where they are; after an
// atrial one the next follows `pause` seconds later than usual.
void make_premature(std::vector<Beat>& beats, std::size_t beat, BeatKind kind, double share, double pause) {
  const double early = (1 - share) * beats[beat].interval;
  beats[beat].kind = kind;
  beats[beat].time -= early;
  beats[beat].interval -= early;
  if (kind == BeatKind::kVentricularEctopic) {
    if (beat + 1 < beats.size()) beats[beat + 1].interval += early;
    return;
  }
  for (std::size_t i = beat + 1; i < beats.size(); ++i) beats[i].time += pause - early;
  if (beat + 1 < beats.size()) beats[beat + 1].interval += pause;
}

void add_ectopic_beats(Rhythm& rhythm, BeatKind kind, double seconds, Rng& rng) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 1; i + 1 < rhythm.beats.size(); ++i)
    if (rhythm.beats[i].time > kMargin + rhythm.mean_interval && rhythm.beats[i].time < seconds - kMargin - 0.3)
      candidates.push_back(i);
  DERI_CHECK(!candidates.empty());
  rng.shuffle(candidates);
  const std::size_t wanted = 1 + rng.below(3);
  std::vector<std::size_t> chosen;
  for (const std::size_t beat : candidates) {
    const bool near = std::any_of(chosen.begin(), chosen.end(), [beat](std::size_t other) {
      return (beat > other ? beat - other : other - beat) < 2;
    });
    if (chosen.size() < wanted && !near) chosen.push_back(beat);
  }
  std::sort(chosen.begin(), chosen.end());
  for (const std::size_t beat : chosen) {
    const double share = kind == BeatKind::kAtrialEctopic ? rng.uniform(0.58, 0.76) : rng.uniform(0.55, 0.75);
    const double pause = rhythm.mean_interval * rng.uniform(0.05, 0.2);
    make_premature(rhythm.beats, beat, kind, share, pause);
  }
}

double mean_interval(const std::vector<Beat>& beats, double seconds) {
  double first = 0, last = 0;
  int count = 0;
  for (const Beat& beat : beats) {
    if (beat.time < 0 || beat.time > seconds) continue;
    if (count++ == 0) first = beat.time;
    last = beat.time;
  }
  DERI_CHECK(count >= 2);
  return (last - first) / (count - 1);
}

// Fibrillation: two components of wandering frequency, 5 to 8 Hz, strongest towards V1.
void add_fibrillation(double rate, std::vector<Source>& sources, Rng& rng) {
  const double amplitude = rng.uniform(0.6, 1.5);
  const Source first = amplitude * Source{-0.015, 0.035, -0.055};
  const Source second = amplitude * Source{0.02, 0.03, -0.03};
  const auto knot = static_cast<std::size_t>(rate / 10);  // 0.1 s
  double frequency = rng.uniform(5.2, 7.8), other = rng.uniform(5, 8);
  double size = 1, phase = rng.uniform(0, kTwoPi), other_phase = rng.uniform(0, kTwoPi);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (i % knot == 0) {
      frequency = std::clamp(frequency + rng.normal(0, 0.3), 4.8, 8.5);
      other = std::clamp(other + rng.normal(0, 0.4), 4.5, 9.0);
      size = std::clamp(size + rng.normal(0, 0.12), 0.6, 1.4);
    }
    phase += kTwoPi * frequency / rate;
    other_phase += kTwoPi * other / rate;
    const double sine = portable_sin(phase), cosine = portable_cos(phase);
    // The second harmonic (2 sin cos) sharpens the waves.
    sources[i] += (size * (sine + 0.5 * sine * cosine)) * first + size * portable_sin(other_phase) * second;
  }
}

// Flutter: a saw-tooth of four harmonics, falling slowly and rising fast in II, III and aVF.
void add_flutter(const Rhythm& rhythm, double begin, double rate, std::vector<Source>& sources, Rng& rng) {
  const double amplitude = rng.uniform(0.75, 1.5);
  const Source direction = amplitude * Source{0.01, 0.10, 0.055};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const double turns = (begin + static_cast<double>(i) / rate) * rhythm.flutter_rate + rhythm.flutter_phase;
    const double phase = kTwoPi * (turns - std::floor(turns));
    const double s = portable_sin(phase), c = portable_cos(phase);
    const double s2 = 2 * s * c, c2 = c * c - s * s;
    const double s3 = s2 * c + c2 * s;
    const double s4 = 2 * s2 * c2;
    sources[i] += (s + s2 / 2 + s3 / 3.5 + s4 / 6) * direction;
  }
}

}  // namespace

Rhythm make_rhythm(const SyntheticPlan& plan, double seconds) {
  const FindingSet& findings = plan.findings;
  Rng rng(mix_seed(plan.seed, {fnv1a("rhythm")}));
  Rhythm rhythm;
  const double until = seconds + kLead;
  const double rate = draw_rate(plan, rng);
  if (findings.has(kPace)) {
    rhythm.beats = paced_beats(rate, until, rng);
    const bool follows_atria = rng.chance(0.6);
    rhythm.p_waves = follows_atria && !findings.has(kAfib);
  } else if (findings.has(kAfib)) {
    rhythm.beats = fibrillating_beats(rate, until, rng);
    rhythm.p_waves = false;
  } else if (findings.has(kAflt)) {
    make_flutter(rhythm, until, rng);
  } else {
    rhythm.beats = sinus_beats(rate, findings.has(kSarrh), until, rng);
  }
  rhythm.mean_interval = mean_interval(rhythm.beats, seconds);
  if (findings.has(kPac)) add_ectopic_beats(rhythm, BeatKind::kAtrialEctopic, seconds, rng);
  if (findings.has(kPvc)) add_ectopic_beats(rhythm, BeatKind::kVentricularEctopic, seconds, rng);
  rhythm.heart_rate = 60 / mean_interval(rhythm.beats, seconds);
  return rhythm;
}

void add_atrial_waves(const SyntheticPlan& plan, const Rhythm& rhythm, double begin, double rate,
                      std::vector<Source>& sources) {
  Rng rng(mix_seed(plan.seed, {fnv1a("atria")}));
  if (plan.findings.has(kAfib)) add_fibrillation(rate, sources, rng);
  if (plan.findings.has(kAflt)) add_flutter(rhythm, begin, rate, sources, rng);
}

}  // namespace deri
