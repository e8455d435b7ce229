#pragma once
// Learning rates as functions of the step: nothing to save, nothing to restore.

#include <cstdint>
#include <string>

namespace deri {

struct ScheduleConfig {
  // cosine-restarts: the published one, cosine annealing that starts again every `restart_steps` steps.
  // warmup-cosine:   linear from 0 over `warmup_steps`, then one cosine to the end of training.
  // constant:        always the peak.
  std::string kind = "warmup-cosine";
  std::int64_t restart_steps = 5000;
  std::int64_t warmup_steps = 0;
  double floor = 1e-8;  // the lowest rate

  template <typename Visitor>
  void visit(Visitor& field) {
    field("kind", kind);
    field("restart_steps", restart_steps);
    field("warmup_steps", warmup_steps);
    field("floor", floor);
  }
};

// The rate of step `step` (from 0) of `total_steps`:
//   cosine-restarts  floor + (peak - floor) (1 + cos(pi (step mod T) / T)) / 2            (SGDR, Loshchilov & Hutter
//   2017) warmup-cosine    peak (step + 1) / W for step < W; then the same cosine over the steps that remain
double learning_rate(const ScheduleConfig& schedule, double peak, std::int64_t step, std::int64_t total_steps);

// Throws Error for an unknown kind or impossible numbers.
void validate(const ScheduleConfig& schedule);

}  // namespace deri
