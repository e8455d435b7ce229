#include "deri/ecg/repair.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace deri {
namespace {

struct Gap {
  std::size_t first, count;
};

// Extremes and number of the finite samples. On the bits, as integers, which the compiler turns into vector code where
// comparisons of floats, with NaN among them, would go one by one.
struct Extent {
  float low = 0, high = 0;
  std::size_t finite = 0;
};

// Order-preserving: negative floats are ordered backwards in their bits. Its own inverse.
std::int32_t flip(std::int32_t bits) {
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

Extent extent_of(std::span<const float> lead) {
  constexpr std::int32_t kInfinity = 0x7F800000;
  std::int32_t low = std::numeric_limits<std::int32_t>::max();
  std::int32_t high = std::numeric_limits<std::int32_t>::min();
  std::size_t missing = 0;
  // In blocks whose count fits the lanes of the samples.
  constexpr std::size_t kBlock = 4096;
  for (std::size_t begin = 0; begin < lead.size(); begin += kBlock) {
    std::int32_t missing_here = 0;
    for (const float value : lead.subspan(begin, std::min(kBlock, lead.size() - begin))) {
      const auto bits = std::bit_cast<std::int32_t>(value);
      const bool finite = (bits & 0x7FFFFFFF) < kInfinity;
      const std::int32_t order = flip(bits);
      missing_here += finite ? 0 : 1;
      low = std::min(low, finite ? order : low);
      high = std::max(high, finite ? order : high);
    }
    missing += static_cast<std::size_t>(missing_here);
  }
  return {std::bit_cast<float>(flip(low)), std::bit_cast<float>(flip(high)), lead.size() - missing};
}

std::vector<Gap> gaps_of(std::span<const float> lead) {
  std::vector<Gap> gaps;
  for (std::size_t i = 0; i < lead.size(); ++i) {
    if (std::isfinite(lead[i])) continue;
    if (gaps.empty() || gaps.back().first + gaps.back().count != i) gaps.push_back({i, 0});
    ++gaps.back().count;
  }
  return gaps;
}

std::size_t missing_samples(const std::vector<Gap>& gaps) {
  std::size_t missing = 0;
  for (const Gap& gap : gaps) missing += gap.count;
  return missing;
}

// Why the values there are cannot be used, or nothing.
std::optional<std::string> check_values(const Extent& extent, const RepairOptions& options) {
  if (extent.finite == 0) return "has no valid samples";
  if (extent.low == extent.high) return fmt::format("is flat: {} mV throughout", extent.low);
  const float extreme = -extent.low > extent.high ? extent.low : extent.high;
  if (std::abs(extreme) > options.max_millivolts)
    return fmt::format("reaches {:.1f} mV, beyond {:g} mV", extreme, options.max_millivolts);
  return std::nullopt;
}

std::optional<std::string> check_gaps(const std::vector<Gap>& gaps, std::size_t length, double rate,
                                      const RepairOptions& options) {
  for (const Gap& gap : gaps) {
    const double seconds = static_cast<double>(gap.count) / rate;
    if (seconds > options.max_gap_seconds)
      return fmt::format("misses {:.2f} s at {:.2f} s, more than {:g} s", seconds,
                         static_cast<double>(gap.first) / rate, options.max_gap_seconds);
  }
  const double share = static_cast<double>(missing_samples(gaps)) / static_cast<double>(length);
  if (share > options.max_missing_share)
    return fmt::format("misses {:.1f} % of its samples, more than {:g} %", 100 * share,
                       100 * options.max_missing_share);
  return std::nullopt;
}

void fill(std::span<float> lead, const Gap& gap) {
  const std::size_t end = gap.first + gap.count;
  const bool has_left = gap.first > 0;
  const bool has_right = end < lead.size();
  const float left = has_left ? lead[gap.first - 1] : lead[end];
  const float right = has_right ? lead[end] : left;
  for (std::size_t i = 0; i < gap.count; ++i) {
    const float along = static_cast<float>(i + 1) / static_cast<float>(gap.count + 1);
    lead[gap.first + i] = left + along * (right - left);
  }
}

}  // namespace

std::size_t RepairReport::total_repaired() const {
  return std::accumulate(repaired.begin(), repaired.end(), std::size_t{0});
}

RepairReport repair(SignalMatrix& signal, const RepairOptions& options) {
  RepairReport report;
  report.repaired.assign(signal.leads.size(), 0);
  if (signal.length == 0 || signal.leads.empty()) {
    report.rejection = "there are no samples";
    return report;
  }
  std::vector<std::vector<Gap>> gaps;
  for (std::size_t i = 0; i < signal.leads.size(); ++i) {
    const std::span<const float> lead = signal.lead(i);
    const Extent extent = extent_of(lead);
    gaps.push_back(extent.finite < lead.size() ? gaps_of(lead) : std::vector<Gap>());
    std::optional<std::string> reason = check_values(extent, options);
    if (!reason) reason = check_gaps(gaps.back(), signal.length, signal.rate, options);
    if (reason) {
      report.rejection = fmt::format("lead {} {}", signal.leads[i], *reason);
      return report;
    }
  }
  for (std::size_t i = 0; i < signal.leads.size(); ++i) {
    for (const Gap& gap : gaps[i]) fill(signal.lead(i), gap);
    report.repaired[i] = missing_samples(gaps[i]);
  }
  return report;
}

}  // namespace deri
