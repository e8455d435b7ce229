#include "deri/ecg/repair.hpp"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "deri/ecg/extent.hpp"

namespace deri {
namespace {

struct Gap {
  std::size_t first, count;
};

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
  if (extent.low == extent.high && !options.keep_flat_leads)
    return fmt::format("is flat: {} mV throughout", extent.low);
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
