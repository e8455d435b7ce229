#include "deri/experiment/speed_timing.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/memory.hpp"

namespace deri {
namespace {

// One alternative's turn.
void take_turn(const Alternative& alternative, const TimingPlan& plan, double share,
               const TimingEnvironment& environment, Timing& timing) {
  if (timing.seconds.size() >= plan.most) return;
  if (environment.before_turn) environment.before_turn();
  if (environment.reset_memory) environment.reset_memory();
  if (plan.settle) alternative.run();
  const double begin = environment.now();
  double end = begin;
  do {
    const double start = environment.now();
    alternative.run();
    end = environment.now();
    timing.seconds.push_back(end - start);
  } while (timing.seconds.size() < plan.most && end - begin + timing.seconds.back() <= share);
  const std::optional<double> peak = environment.peak_memory ? environment.peak_memory() : std::nullopt;
  if (peak) timing.peak_memory = std::max(timing.peak_memory.value_or(0), *peak);
}

bool all_have(const std::vector<Timing>& timings, std::size_t repetitions) {
  return std::all_of(timings.begin(), timings.end(),
                     [&](const Timing& timing) { return timing.seconds.size() >= repetitions; });
}

}  // namespace

TimingEnvironment real_environment() {
  TimingEnvironment environment;
  environment.now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  if (reset_peak_memory()) {
    environment.reset_memory = [] { reset_peak_memory(); };
    environment.peak_memory = peak_memory;
  }
  return environment;
}

double Timing::quantile(double probability) const {
  DERI_CHECK(!seconds.empty());
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const double place = probability * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

double Timing::spread() const {
  return (quantile(0.75) - quantile(0.25)) / median();
}

std::vector<Timing> time_alternatives(const std::vector<Alternative>& alternatives, const TimingPlan& plan,
                                      const TimingEnvironment& environment) {
  for (const Alternative& alternative : alternatives) alternative.warm_up ? alternative.warm_up() : alternative.run();
  const double share = plan.seconds / static_cast<double>(plan.rounds * alternatives.size());
  std::vector<Timing> timings(alternatives.size());
  const double begin = environment.now();
  double round = 0;
  do {
    const double round_begin = environment.now();
    for (std::size_t i = 0; i < alternatives.size(); ++i)
      take_turn(alternatives[i], plan, share, environment, timings[i]);
    round = environment.now() - round_begin;
  } while (!all_have(timings, plan.most) &&
           (!all_have(timings, plan.least) || environment.now() - begin + round <= plan.seconds));
  return timings;
}

}  // namespace deri
