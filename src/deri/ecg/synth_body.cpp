#include "deri/ecg/synth_body.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "deri/base/portable_math.hpp"

namespace deri {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;
constexpr std::size_t kElectrodes = 9;  // RA LA LL V1..V6

// x, y, z: Dower, Machado, Osborne, Clin Cardiol 3 (1980) 87; septum, apex: ours.
constexpr double kLeadField[kRecordedLeads][5] = {
    {0.632, -0.235, 0.059, 0, 0},       // I
    {0.235, 1.066, -0.132, 0, 0},       // II
    {-0.515, 0.157, -0.917, 0.55, 0},   // V1
    {0.044, 0.164, -1.387, 1.0, 0.25},  // V2
    {0.882, 0.098, -1.277, 0.65, 0.9},  // V3
    {1.213, 0.127, -0.601, 0.1, 1.0},   // V4
    {1.125, 0.127, -0.086, 0, 0.5},     // V5
    {0.831, 0.076, 0.230, 0, 0.1},      // V6
};

// A sine on a grid of samples: a rotating pointer, one complex product per sample.
class Oscillator {
 public:
  Oscillator(double frequency, double rate, double phase)
      : cosine_(portable_cos(phase)),
        sine_(portable_sin(phase)),
        step_cosine_(portable_cos(kTwoPi * frequency / rate)),
        step_sine_(portable_sin(kTwoPi * frequency / rate)) {}

  double next() {
    const double value = sine_;
    const double turned = cosine_ * step_cosine_ - sine_ * step_sine_;
    sine_ = sine_ * step_cosine_ + cosine_ * step_sine_;
    cosine_ = turned;
    return value;
  }

 private:
  double cosine_, sine_, step_cosine_, step_sine_;
};

// Zero mean, unit variance, bell-shaped within +-3.5: the sum of four uniforms out of one random word. Muscle noise
// needs tens of thousands per recording.
double bell(Rng& rng) {
  const std::uint64_t word = rng.next();
  const auto sum = static_cast<double>((word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48));
  return (sum / 65535.0 - 2) * 1.7320508075688772;
}

struct NoiseStrength {
  double drift, breathing, mains, muscle;  // mV
};

NoiseStrength draw_strength(Rng& rng) {
  // Mostly quiet recordings, a few bad ones: squares of uniforms.
  const auto skewed = [&rng](double low, double high) {
    const double u = rng.uniform();
    return low + (high - low) * u * u;
  };
  NoiseStrength strength{};
  strength.drift = skewed(0.005, 0.11);
  strength.breathing = skewed(0.005, 0.07);
  strength.mains = skewed(0.0005, 0.015);
  strength.muscle = skewed(0.004, 0.045);
  return strength;
}

using ElectrodeSignal = std::array<std::vector<double>, kElectrodes>;

void add_oscillation(std::vector<double>& signal, double amplitude, Oscillator oscillator) {
  for (double& value : signal) value += amplitude * oscillator.next();
}

void add_slow_noise(ElectrodeSignal& electrodes, const NoiseStrength& strength, double rate, Rng& rng) {
  const double breath = rng.uniform(0.18, 0.33);
  const double breath_phase = rng.uniform(0, kTwoPi);
  const double mains = rng.normal(50, 0.02);
  const double mains_phase = rng.uniform(0, kTwoPi);
  for (std::vector<double>& electrode : electrodes) {
    const double breath_share = rng.normal(0, strength.breathing);
    add_oscillation(electrode, breath_share, Oscillator(breath, rate, breath_phase));
    for (int i = 0; i < 2; ++i) {
      const double frequency = rng.uniform(0.03, 0.4);
      const double phase = rng.uniform(0, kTwoPi);
      const double amplitude = rng.normal(0, strength.drift);
      add_oscillation(electrode, amplitude, Oscillator(frequency, rate, phase));
    }
    const double hum = rng.normal(0, strength.mains);
    add_oscillation(electrode, hum, Oscillator(mains, rate, mains_phase));
  }
}

void add_muscle_noise(ElectrodeSignal& electrodes, const NoiseStrength& strength, Rng& rng) {
  for (std::vector<double>& electrode : electrodes) {
    const double amplitude = strength.muscle * rng.uniform(0.5, 1.5);
    for (double& value : electrode) value += amplitude * bell(rng);
  }
}

// One electrode shifts on the skin: a slow swing, the derivative of a Gaussian.
void add_movement(ElectrodeSignal& electrodes, double rate, double level, Rng& rng) {
  std::vector<double>& electrode = electrodes[rng.below(kElectrodes)];
  const double seconds = static_cast<double>(electrode.size()) / rate;
  const double centre = rng.uniform(0, seconds);
  const double width = rng.uniform(0.2, 0.6);
  const double amplitude = level * rng.normal(0, 0.25);
  for (std::size_t i = 0; i < electrode.size(); ++i) {
    const double t = (static_cast<double>(i) / rate - centre) / width;
    if (t * t < 20) electrode[i] += amplitude * 1.6487212707001282 * t * portable_exp(-t * t / 2);
  }
}

double limited(double microvolts, double limit) {
  return std::clamp(std::nearbyint(microvolts), -limit, limit);
}

}  // namespace

Source& Source::operator+=(const Source& other) {
  x += other.x;
  y += other.y;
  z += other.z;
  septum += other.septum;
  apex += other.apex;
  return *this;
}

Source operator*(double factor, const Source& source) {
  return {factor * source.x, factor * source.y, factor * source.z, factor * source.septum, factor * source.apex};
}

Source rotate(const Source& source, double frontal, double horizontal) {
  const double cf = portable_cos(frontal), sf = portable_sin(frontal);
  const double ch = portable_cos(horizontal), sh = portable_sin(horizontal);
  const double x = cf * source.x - sf * source.y;
  const double y = sf * source.x + cf * source.y;
  return {ch * x - sh * source.z, y, sh * x + ch * source.z, source.septum, source.apex};
}

LeadField::LeadField(const SyntheticPatient& patient) {
  for (std::size_t lead = 0; lead < kRecordedLeads; ++lead) std::copy_n(kLeadField[lead], 5, rows_[lead].begin());
  // An electrode between two places sees a mixture of what they see.
  for (std::size_t v = 0; v < 6; ++v) {
    const double shift = patient.chest_shift + patient.chest_shifts[v];
    const std::size_t lead = kLeadV1 + v;
    const std::size_t towards =
        shift > 0 ? std::min<std::size_t>(lead + 1, kLeadV6) : std::max<std::size_t>(lead - 1, kLeadV1);
    const double share = std::fabs(shift);
    for (std::size_t c = 0; c < 5; ++c)
      rows_[lead][c] = (1 - share) * kLeadField[lead][c] + share * kLeadField[towards][c];
  }
}

RecordedValues LeadField::operator()(const Source& source) const {
  RecordedValues values{};
  for (std::size_t lead = 0; lead < kRecordedLeads; ++lead) {
    const auto& row = rows_[lead];
    values[lead] =
        row[0] * source.x + row[1] * source.y + row[2] * source.z + row[3] * source.septum + row[4] * source.apex;
  }
  return values;
}

std::array<double, kStandardLeads> LeadField::all(const Source& source) const {
  const RecordedValues v = (*this)(source);
  const double one = v[kLeadI], two = v[kLeadII];
  return {one,        two,        two - one,  -(one + two) / 2, one - two / 2, two - one / 2,
          v[kLeadV1], v[kLeadV2], v[kLeadV3], v[kLeadV4],       v[kLeadV5],    v[kLeadV6]};
}

void add_electrode_noise(RecordedSignal& leads, double rate, double level, Rng& rng) {
  NoiseStrength strength = draw_strength(rng);
  for (double* part : {&strength.drift, &strength.breathing, &strength.mains, &strength.muscle}) *part *= level;
  const std::size_t n = leads[kLeadI].size();
  ElectrodeSignal electrodes;
  for (std::vector<double>& electrode : electrodes) electrode.assign(n, 0.0);
  add_slow_noise(electrodes, strength, rate, rng);
  add_muscle_noise(electrodes, strength, rng);
  if (rng.chance(0.12)) add_movement(electrodes, rate, level, rng);

  const auto& [ra, la, ll, v1, v2, v3, v4, v5, v6] = electrodes;
  for (std::size_t i = 0; i < n; ++i) {
    leads[kLeadI][i] += la[i] - ra[i];
    leads[kLeadII][i] += ll[i] - ra[i];
    const double wilson = (ra[i] + la[i] + ll[i]) / 3;  // the central terminal
    for (std::size_t v = 0; v < 6; ++v) leads[kLeadV1 + v][i] += electrodes[3 + v][i] - wilson;
  }
}

std::size_t decimation_margin(std::size_t factor) {
  return factor == 1 ? 0 : 6 * factor;
}

std::vector<double> decimate(const std::vector<double>& signal, std::size_t factor) {
  if (factor == 1) return signal;
  const auto half = static_cast<std::ptrdiff_t>(decimation_margin(factor));
  std::vector<double> taps;
  double sum = 0;
  for (std::ptrdiff_t k = -half; k <= half; ++k) {
    const double x = 0.9 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(factor);
    const double sinc = k == 0 ? 1 : portable_sin(x) / x;
    const double window =
        0.5 + 0.5 * portable_cos(std::numbers::pi * static_cast<double>(k) / static_cast<double>(half + 1));
    taps.push_back(sinc * window);
    sum += taps.back();
  }
  for (double& tap : taps) tap /= sum;

  std::vector<double> thinned;
  for (std::size_t begin = 0; begin + taps.size() <= signal.size(); begin += factor) {
    double value = 0;
    for (std::size_t k = 0; k < taps.size(); ++k) value += taps[k] * signal[begin + k];
    thinned.push_back(value);
  }
  return thinned;
}

std::vector<std::int16_t> to_standard_leads(const RecordedSignal& leads) {
  const std::size_t n = leads[kLeadI].size();
  std::vector<std::int16_t> samples(kStandardLeads * n);
  const auto put = [&](std::size_t lead, std::size_t i, int value) {
    samples[lead * n + i] = static_cast<std::int16_t>(value);
  };
  for (std::size_t i = 0; i < n; ++i) {
    // Half of what int16 holds, so that III = II - I cannot overflow.
    const int one = 2 * static_cast<int>(limited(500 * leads[kLeadI][i], 8000));
    const int two = 2 * static_cast<int>(limited(500 * leads[kLeadII][i], 8000));
    put(0, i, one);
    put(1, i, two);
    put(2, i, two - one);
    put(3, i, -(one + two) / 2);
    put(4, i, one - two / 2);
    put(5, i, two - one / 2);
    for (std::size_t v = 0; v < 6; ++v) put(6 + v, i, static_cast<int>(limited(1000 * leads[kLeadV1 + v][i], 32000)));
  }
  return samples;
}

}  // namespace deri
