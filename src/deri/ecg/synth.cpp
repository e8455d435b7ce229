#include "deri/ecg/synth.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "deri/base/error.hpp"
#include "deri/base/portable_math.hpp"
#include "deri/ecg/synth_body.hpp"
#include "deri/ecg/synth_report.hpp"

namespace deri {
namespace {

constexpr double kModelRate = 500;  // Hz, at which the model is evaluated
constexpr double kReach = 4.5;      // standard deviations beyond which a wave is nothing

std::size_t decimation_factor(double rate) {
  for (std::size_t factor = 1; factor <= 5; ++factor)
    if (rate == kModelRate / static_cast<double>(factor)) return factor;
  fail("synthetic ECGs cannot be made at {} Hz: use 100, 125, 250 or 500", rate);
}

// Adds a Gaussian by recurrence: g(t + h) = g(t) r(t), r(t + h) = r(t) q, with two products per sample and no
// exponential.
void add_wave(std::vector<Source>& sources, double begin, const Wave& wave, double onset) {
  const double centre = (onset + wave.at - begin) * kModelRate;  // in samples
  const double width = wave.width * kModelRate;
  const double first = std::max(std::ceil(centre - kReach * width), 0.0);
  const double last = std::min(std::floor(centre + kReach * width), static_cast<double>(sources.size()) - 1);
  if (first > last) return;
  const double u = (first - centre) / width;
  double value = portable_exp(-u * u / 2);
  double ratio = portable_exp(-(u + 0.5 / width) / width);
  const double change = portable_exp(-1 / (width * width));
  for (auto i = static_cast<std::size_t>(first); i <= static_cast<std::size_t>(last); ++i) {
    sources[i] += value * wave.peak;
    value *= ratio;
    ratio *= change;
  }
}

// Breathing moves the heart under the electrodes and changes its filling.
class Breathing {
 public:
  explicit Breathing(Rng& rng)
      : frequency_(rng.uniform(0.18, 0.32)),
        phase_(rng.uniform(0, 2 * std::numbers::pi)),
        turn_(rng.uniform(0.005, 0.05)),
        swell_(rng.uniform(0.01, 0.05)) {}

  Source operator()(const Source& source, double time) const {
    const double breath = portable_sin(2 * std::numbers::pi * frequency_ * time + phase_);
    return (1 + swell_ * breath) * rotate(source, turn_ * breath, -0.7 * turn_ * breath);
  }

 private:
  double frequency_, phase_, turn_, swell_;
};

void add_beat(std::vector<Source>& sources, double begin, const Beat& beat, const Heart& heart, const Rhythm& rhythm,
              const Breathing& breathing, Rng& rng) {
  const bool wide = beat.kind == BeatKind::kVentricularEctopic;
  const VentricularBeat& ventricles = wide ? heart.ectopic : heart.beat;
  // Repolarisation remembers: it follows the mean rate more than the last interval.
  const double interval = 0.65 * rhythm.mean_interval + 0.35 * beat.interval;
  const double qt = qt_interval(heart.qtc, std::clamp(60 / interval, 40.0, 160.0)) + (wide ? 0.05 : 0);
  const double jitter = 1 + rng.normal(0, 0.02);
  const double t_jitter = 1 + rng.normal(0, 0.03);
  for (Wave wave : ventricular_waves(ventricles, heart.u, qt)) {
    const bool repolarisation = wave.at > ventricles.qrs_duration;
    wave.peak = (repolarisation ? t_jitter : jitter) * breathing(wave.peak, beat.time);
    add_wave(sources, begin, wave, beat.time);
  }
  if (!rhythm.p_waves || wide) return;
  const bool early = beat.kind == BeatKind::kAtrialEctopic;
  const double p_jitter = 1 + rng.normal(0, 0.05);
  for (Wave wave : early ? heart.early_p : heart.p) {
    wave.peak = p_jitter * breathing(wave.peak, beat.time);
    add_wave(sources, begin, wave, beat.time - pr_interval(heart.pr, 60 / rhythm.mean_interval));
  }
}

RecordedSignal project(const std::vector<Source>& sources, const LeadField& field) {
  RecordedSignal leads;
  for (std::vector<double>& lead : leads) lead.resize(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const RecordedValues values = field(sources[i]);
    for (std::size_t lead = 0; lead < kRecordedLeads; ++lead) leads[lead][i] = values[lead];
  }
  return leads;
}

std::vector<std::pair<std::string, double>> make_codes(const SyntheticPlan& plan) {
  static const FindingSet graded{Finding::kAmi, Finding::kAsmi, Finding::kImi,
                                 Finding::kLmi, Finding::kLvh,  Finding::kRvh};
  std::vector<std::pair<std::string, double>> codes;
  for (const Finding finding : plan.findings.list()) {
    double percent = info(finding).diagnostic ? 100 : 0;
    if (graded.has(finding)) percent = likelihood(plan.patient, finding);
    codes.emplace_back(info(finding).code, percent);
  }
  return codes;
}

}  // namespace

SyntheticEcg synthesise(const SyntheticPlan& plan, const SyntheticOptions& options) {
  const std::size_t factor = decimation_factor(options.rate);
  if (!(options.seconds >= 6 && options.seconds <= 60))
    fail("synthetic ECGs cannot last {} s: choose 6 to 60", options.seconds);
  if (!(options.noise >= 0 && options.noise <= 100))
    fail("the noise of synthetic ECGs cannot be {}: choose 0 (none) to 100; 1 is usual", options.noise);

  SyntheticEcg ecg;
  ecg.rate = options.rate;
  ecg.length = static_cast<std::size_t>(std::llround(options.rate * options.seconds));
  const LeadField field(plan.patient);
  ecg.rhythm = make_rhythm(plan, options.seconds);
  ecg.heart = make_heart(plan, field);
  ecg.measurements = measure(ecg.heart.beat, field);
  ecg.heart_axis = ecg.measurements.heart_axis;
  ecg.heart_rate = ecg.rhythm.heart_rate;
  ecg.codes = make_codes(plan);
  ecg.report = make_report({plan, ecg.rhythm, ecg.heart, ecg.measurements});

  // The margin is that of 100 Hz at every rate, so that all rates see the same noise.
  const std::size_t margin = decimation_margin(5);
  const double begin = -static_cast<double>(margin) / kModelRate;
  std::vector<Source> sources(ecg.length * factor + 2 * margin);
  Rng rng(mix_seed(plan.seed, {fnv1a("beats")}));
  const Breathing breathing(rng);
  for (const Beat& beat : ecg.rhythm.beats) add_beat(sources, begin, beat, ecg.heart, ecg.rhythm, breathing, rng);
  add_atrial_waves(plan, ecg.rhythm, begin, kModelRate, sources);

  RecordedSignal leads = project(sources, field);
  Rng noise_rng(mix_seed(plan.seed, {fnv1a("noise")}));
  add_electrode_noise(leads, kModelRate, options.noise, noise_rng);
  const std::size_t spare = margin - decimation_margin(factor);
  for (std::vector<double>& lead : leads) {
    lead = decimate(
        {lead.begin() + static_cast<std::ptrdiff_t>(spare), lead.end() - static_cast<std::ptrdiff_t>(spare)}, factor);
  }
  ecg.microvolts = to_standard_leads(leads);
  return ecg;
}

}  // namespace deri
