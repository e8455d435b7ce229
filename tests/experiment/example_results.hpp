#pragma once
// Results of a made-up suite: two models, two trainings each, of which one failed; zero-shot and a probe.

#include <limits>
#include <string>

#include "deri/experiment/results.hpp"

namespace deri::testing {

inline constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

// An interval of 0.03 to either side.
inline Estimate around(double value) {
  return {value, value - 0.03, value + 0.03};
}

inline Estimate undefined() {
  return {kNotANumber, kNotANumber, kNotANumber};
}

inline SeedNumber seed_number(std::uint64_t seed, double trained, double untrained) {
  return {seed, around(trained), around(untrained), around(trained - untrained), 0.0005};
}

inline SuiteResults example_results() {
  const ModelNumber deri{
      "DERI", {seed_number(1, .8, .5), seed_number(2, .84, .52)}, around(.82), around(.51), around(.8412), around(.31),
      0.0005};
  const ModelNumber merl{"MERL",     {seed_number(1, .79, .55)}, around(.79), around(.55), around(.7), undefined(),
                         kNotANumber};
  SuiteResults results;
  results.title = "Small suite";
  results.note = "Two cores.";
  results.interval = "95 % intervals of 1,000 resamples";
  results.models = {"DERI", "MERL"};
  results.runs = {{"DERI", 1, "done", "runs/DERI-1", 425, 12, 0.8123},
                  {"DERI", 2, "done", "runs/DERI-2", 430, 14, 0.8201},
                  {"MERL", 1, "done", "models/merl", 0, 0, kNotANumber},
                  {"MERL", 2, "failed: out of memory", "runs/MERL-2", 12, 0, kNotANumber}};
  results.columns = {{"zs",
                      "zero-shot",
                      "ptbxl",
                      "strict",
                      "super",
                      0,
                      206,
                      5,
                      5,
                      5,
                      {deri, merl},
                      {{"DERI", "MERL", around(.03), 0.25}}},
                     {"zs", "zero-shot", "ptbxl", "strict", "sub", 0, 198, 23, 19, 9, {deri}, {}},
                     {"lp", "probe", "ptbxl", "strict", "super", 0.1, 206, 5, 5, 5, {deri, merl}, {}}};
  results.robustness = {{"zs", "ptbxl", "super", "DERI", "zero-shot", "leads", {12, 1}, {around(.82), undefined()}},
                        {"zs", "ptbxl", "super", "MERL", "zero-shot", "leads", {12}, {around(.79)}},
                        {"zs", "ptbxl", "super", "DERI", "zero-shot", "noise", {0, 2.5}, {around(.82), around(.7)}}};
  return results;
}

}  // namespace deri::testing
