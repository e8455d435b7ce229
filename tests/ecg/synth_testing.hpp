#pragma once
// Plans for the tests of the synthetic generator.

#include <cstddef>
#include <vector>

#include "deri/ecg/synth_plan.hpp"

namespace deri::testing {

inline const std::vector<SyntheticPlan>& plan_pool() {
  static const std::vector<SyntheticPlan> pool = plan_synthetic(2000, 7);
  return pool;
}

// The first `count` plans of the pool that show all of `wanted` and none of `unwanted`.
inline std::vector<SyntheticPlan> plans_with(const FindingSet& wanted, std::size_t count,
                                             const FindingSet& unwanted = {}) {
  std::vector<SyntheticPlan> found;
  for (const SyntheticPlan& plan : plan_pool()) {
    bool all = !plan.findings.has_any(unwanted);
    for (const Finding finding : wanted.list()) all = all && plan.findings.has(finding);
    if (all && found.size() < count) found.push_back(plan);
  }
  return found;
}

// Positions in standard_leads().
enum { kI, kII, kIII, kAVR, kAVL, kAVF, kV1, kV2, kV3, kV4, kV5, kV6 };

}  // namespace deri::testing
