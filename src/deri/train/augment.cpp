#include "deri/train/augment.hpp"

#include <algorithm>
#include <cmath>

#include "deri/base/random.hpp"

namespace deri {
namespace {

// Moves a lead right by `shift` samples (left if negative); zeros move in.
void shift_in_time(std::span<float> lead, std::int64_t shift) {
  const auto size = static_cast<std::int64_t>(lead.size());
  const std::int64_t distance = std::min(std::abs(shift), size);
  if (shift > 0) {
    std::copy_backward(lead.begin(), lead.end() - distance, lead.end());
    std::fill(lead.begin(), lead.begin() + distance, 0.0F);
  } else {
    std::copy(lead.begin() + distance, lead.end(), lead.begin());
    std::fill(lead.end() - distance, lead.end(), 0.0F);
  }
}

}  // namespace

void augment(const AugmentConfig& config, std::span<float> record, std::size_t leads, double rate, std::uint64_t seed) {
  Rng rng(seed);
  const std::size_t samples = record.size() / leads;
  const auto factor = static_cast<float>(rng.uniform(1 - config.gain, 1 + config.gain));
  const auto shift = std::llround(rng.uniform(-config.shift_seconds, config.shift_seconds) * rate);
  const std::size_t kept = rng.below(leads);
  for (std::size_t index = 0; index < leads; ++index) {
    const std::span<float> lead = record.subspan(index * samples, samples);
    if (config.lead_dropout > 0 && rng.chance(config.lead_dropout) && index != kept) {
      std::fill(lead.begin(), lead.end(), 0.0F);
      continue;
    }
    if (shift != 0) shift_in_time(lead, shift);
    if (config.gain > 0) std::transform(lead.begin(), lead.end(), lead.begin(), [&](float x) { return x * factor; });
    if (config.noise_mv > 0)
      for (float& x : lead) x += static_cast<float>(rng.normal(0, config.noise_mv));
  }
}

}  // namespace deri
