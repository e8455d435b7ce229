#include "deri/eval/degradation.hpp"

#include <algorithm>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

double deviation(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto count = static_cast<double>(values.size());
  return std::sqrt(std::max(0.0, squares / count - (sum / count) * (sum / count)));
}

}  // namespace

std::vector<std::string> lead_subset(std::int64_t count) {
  switch (count) {
    case 12:
      return standard_leads();
    case 8:
      return {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"};
    case 6:
      return {"I", "II", "III", "aVR", "aVL", "aVF"};
    case 4:
      return {"I", "II", "III", "V2"};
    case 3:
      return {"I", "II", "V2"};
    case 2:
      return {"I", "II"};
    case 1:
      return {"I"};
    default:
      fail("there is no set of {} leads: choose 12, 8, 6, 4, 3, 2 or 1", count);
  }
}

void degrade(const Degradation& degradation, const std::vector<std::string>& names, std::span<float> millivolts,
             std::uint64_t seed) {
  DERI_CHECK(!names.empty() && millivolts.size() % names.size() == 0);
  const std::size_t samples = millivolts.size() / names.size();
  const auto& left = degradation.leads_left;
  Rng rng(seed);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::span<float> lead = millivolts.subspan(i * samples, samples);
    if (std::find(left.begin(), left.end(), names[i]) == left.end()) {
      std::fill(lead.begin(), lead.end(), 0.0F);
      continue;
    }
    if (degradation.noise <= 0) continue;
    const double noise = degradation.noise * deviation(lead);
    for (float& value : lead) value += static_cast<float>(rng.normal(0, noise));
  }
}

}  // namespace deri
