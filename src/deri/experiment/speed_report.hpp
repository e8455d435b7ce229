#pragma once
// What `deri bench` found: rows of measurements with their goals, and figures, for the terminal and as JSON.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/experiment/speed_ceiling.hpp"
#include "deri/experiment/speed_figures.hpp"
#include "deri/experiment/speed_timing.hpp"

namespace deri {

// What a goal is about; a row reaches it if the value is at least, or (the last four) at most the goal's bound.
enum class SpeedQuantity {
  kRatio,         // rate over the reference's
  kStartedRatio,  // rate over that of the reference as it starts
  kCeilingShare,  // operations a second over the ceiling of its number type
  kTail,          // 99th percentile over median of a repetition's time
  kMemoryRatio,   // peak memory over the reference's
  kSeconds,       // median of a repetition's time
  kExtra          // SpeedRow::extra
};

struct SpeedGoal {
  SpeedQuantity quantity;
  double bound;
};

// One alternative of one workload.
struct SpeedRow {
  std::string name;  // "reference float32", "ours bfloat16"
  NumberType type = NumberType::kFloat32;
  bool reference = false;  // the others' rates are divided by its rate
  bool started = false;    // the reference as it starts (speed_process.hpp)
  double work = 1;         // units (records, files, …) that a repetition works off
  double operations = 0;   // floating-point operations of a repetition; 0: not counted
  std::vector<SpeedGoal> goals = {};
  std::optional<double> difference = {};  // greatest, from the reference's outputs; see SpeedWorkload
  std::optional<double> extra = {};       // a number of its own; see SpeedWorkload
  std::string note = {};                  // what the numbers do not say
  Timing timing = {};

  double rate() const { return work / timing.median(); }
};

struct SpeedWorkload {
  std::string key;            // as --only names it
  std::string title;          // "pre-training step, batch 16"
  std::string unit;           // what the rate counts
  std::string difference_of;  // what the differences are of, and relative to what
  std::string extra_name;     // what the extra numbers are; empty: there are none
  std::vector<SpeedRow> rows;
  std::optional<double> ceiling_float32, ceiling_bfloat16;  // operations a second, measured among its repetitions

  // Nothing if there is no such row.
  const SpeedRow* reference() const;
  const SpeedRow* started() const;
  std::optional<double> ceiling(NumberType type) const;
};

// The value of a quantity, if everything it is made of was measured.
std::optional<double> value_of(SpeedQuantity quantity, const SpeedRow& row, const SpeedWorkload& workload);

// "ratio >= 35: met (38.2)", "… missed (12.1)", "… not measured".
std::string goal_text(const SpeedGoal& goal, const SpeedRow& row, const SpeedWorkload& workload);

struct SpeedReport {
  Json machine = Json::object();  // processor, threads, instructions, library versions
  Json settings = Json::object();
  std::vector<SpeedWorkload> workloads;
  std::vector<SpeedFigure> figures;
};

// Everything, times of the repetitions included.
Json to_json(const SpeedReport& report);
// For the terminal: the machine, a table for each workload, and the figures' values.
std::string to_text(const SpeedReport& report);

}  // namespace deri
