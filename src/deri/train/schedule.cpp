#include "deri/train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "deri/base/config.hpp"

namespace deri {
namespace {

double cosine(double peak, double floor, double share) {
  return floor + (peak - floor) * (1 + std::cos(std::numbers::pi * share)) / 2;
}

}  // namespace

double learning_rate(const ScheduleConfig& schedule, double peak, std::int64_t step, std::int64_t total_steps) {
  if (schedule.kind == "cosine-restarts") {
    const auto period = static_cast<double>(schedule.restart_steps);
    return cosine(peak, schedule.floor, static_cast<double>(step % schedule.restart_steps) / period);
  }
  if (schedule.kind == "constant") return peak;
  if (step < schedule.warmup_steps)
    return peak * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  const auto span = static_cast<double>(std::max<std::int64_t>(1, total_steps - schedule.warmup_steps));
  return cosine(peak, schedule.floor, std::min(1.0, static_cast<double>(step - schedule.warmup_steps) / span));
}

void validate(const ScheduleConfig& schedule) {
  const std::vector<std::string> kinds = {"warmup-cosine", "cosine-restarts", "constant"};
  if (std::find(kinds.begin(), kinds.end(), schedule.kind) == kinds.end())
    fail("schedule.kind: '{}' is not one of warmup-cosine, cosine-restarts, constant", schedule.kind);
  if (schedule.restart_steps < 1) fail("schedule.restart_steps must be at least 1");
  if (schedule.warmup_steps < 0) fail("schedule.warmup_steps must not be negative");
}

}  // namespace deri
