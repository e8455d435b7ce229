#include "deri/ecg/scaling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/vector_clones.hpp"
#include "deri/ecg/extent.hpp"

namespace deri {
namespace {

constexpr std::array<std::pair<Scaling, const char*>, 3> kNames{{
    {Scaling::kRecordMinmax, "record-minmax"},
    {Scaling::kLeadZscore, "lead-zscore"},
    {Scaling::kMillivolt, "millivolt"},
}};

// Keeps a flat record from dividing by zero; part of the published formula.
constexpr double kMinmaxEpsilon = 1e-8;

// A deviation below a thousandth of a microvolt is rounding noise of a flat lead, not signal.
constexpr double kFlatMillivolts = 1e-6;

DERI_VECTOR_CLONES void to_unit_range(std::span<float> values, double minimum, double range) {
  for (float& value : values) value = static_cast<float>((value - minimum) / range);
}

void scale_minmax(std::span<float> values) {
  if (values.empty()) return;
  const Extent extent = extent_of(values);
  const double minimum = extent.low;
  const double range = static_cast<double>(extent.high) - minimum + kMinmaxEpsilon;
  to_unit_range(values, minimum, range);
}

void scale_zscore(std::span<float> lead) {
  if (lead.empty()) return;
  const auto count = static_cast<double>(lead.size());
  double sum = 0;
  for (const float value : lead) sum += value;
  const double mean = sum / count;
  double squares = 0;
  for (const float value : lead) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / count);
  if (deviation < kFlatMillivolts) {
    std::fill(lead.begin(), lead.end(), 0.0F);
    return;
  }
  for (float& value : lead) value = static_cast<float>((value - mean) / deviation);
}

}  // namespace

const char* scaling_name(Scaling scaling) {
  for (const auto& [value, name] : kNames)
    if (value == scaling) return name;
  DERI_CHECK(false);
}

Scaling parse_scaling(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& [value, text] : kNames) {
    if (name == text) return value;
    known.emplace_back(text);
  }
  const std::string nearest = nearest_word(name, known);
  fail("unknown scaling '{}'{}; known are record-minmax, lead-zscore, millivolt", name,
       nearest.empty() ? "" : fmt::format(", did you mean {}?", nearest));
}

void scale(Scaling scaling, std::span<float> values, std::size_t leads) {
  DERI_CHECK(leads > 0 && values.size() % leads == 0);
  const std::size_t length = values.size() / leads;
  switch (scaling) {
    case Scaling::kRecordMinmax:
      scale_minmax(values);
      return;
    case Scaling::kLeadZscore:
      for (std::size_t lead = 0; lead < leads; ++lead) scale_zscore(values.subspan(lead * length, length));
      return;
    case Scaling::kMillivolt:
      return;
  }
}

}  // namespace deri
