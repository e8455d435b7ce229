#include "deri/experiment/speed_report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace deri {
namespace {

constexpr double kGiga = 1e9, kMebibyte = 1 << 20;

std::optional<double> quotient(std::optional<double> dividend, std::optional<double> divisor) {
  if (!dividend || !divisor || !(*divisor > 0)) return {};
  return *dividend / *divisor;
}

std::optional<double> operations_per_second(const SpeedRow& row) {
  if (!(row.operations > 0)) return {};
  return row.operations / row.timing.median();
}

const char* quantity_name(SpeedQuantity quantity) {
  switch (quantity) {
    case SpeedQuantity::kRatio:
      return "ratio";
    case SpeedQuantity::kStartedRatio:
      return "ratio to the reference as it starts";
    case SpeedQuantity::kCeilingShare:
      return "share of the ceiling";
    case SpeedQuantity::kTail:
      return "99th percentile over median";
    case SpeedQuantity::kMemoryRatio:
      return "memory over the reference's";
    case SpeedQuantity::kSeconds:
      return "seconds";
    case SpeedQuantity::kExtra:
      return "";
  }
  return "";
}

bool wants_much(SpeedQuantity quantity) {
  return quantity == SpeedQuantity::kRatio || quantity == SpeedQuantity::kStartedRatio ||
         quantity == SpeedQuantity::kCeilingShare;
}

bool reaches(const SpeedGoal& goal, double value) {
  return wants_much(goal.quantity) ? value >= goal.bound : value <= goal.bound;
}

std::string goal_name(const SpeedGoal& goal, const SpeedWorkload& workload) {
  const bool extra = goal.quantity == SpeedQuantity::kExtra;
  return fmt::format("{} {} {:g}", extra ? workload.extra_name : quantity_name(goal.quantity),
                     wants_much(goal.quantity) ? ">=" : "<=", goal.bound);
}

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json goals_json(const SpeedRow& row, const SpeedWorkload& workload) {
  Json goals = Json::array();
  for (const SpeedGoal& goal : row.goals) {
    const std::optional<double> value = value_of(goal.quantity, row, workload);
    goals.push_back({{"goal", goal_name(goal, workload)},
                     {"bound", goal.bound},
                     {"value", number(value)},
                     {"met", value ? Json(reaches(goal, *value)) : Json(nullptr)}});
  }
  return goals;
}

Json row_json(const SpeedRow& row, const SpeedWorkload& workload) {
  const std::optional<double> speed = operations_per_second(row);
  Json json = {{"name", row.name},
               {"reference", row.reference},
               {"rate", row.rate()},
               {"ratio", number(value_of(SpeedQuantity::kRatio, row, workload))},
               {"ratio_to_reference_as_it_starts", number(value_of(SpeedQuantity::kStartedRatio, row, workload))},
               {"gflop_per_second", number(speed ? std::optional(*speed / kGiga) : std::nullopt)},
               {"share_of_ceiling", number(value_of(SpeedQuantity::kCeilingShare, row, workload))},
               {"peak_memory_bytes", number(row.timing.peak_memory)},
               {"greatest_difference", number(row.difference)},
               {"work_per_repetition", row.work},
               {"operations_per_repetition", row.operations},
               {"median_seconds", row.timing.median()},
               {"percentile_99_seconds", row.timing.quantile(0.99)},
               {"spread", row.timing.spread()},
               {"seconds", row.timing.seconds},
               {"goals", goals_json(row, workload)}};
  if (!workload.extra_name.empty()) json[workload.extra_name] = number(row.extra);
  if (!row.note.empty()) json["note"] = row.note;
  return json;
}

Json workload_json(const SpeedWorkload& workload) {
  Json rows = Json::array();
  for (const SpeedRow& row : workload.rows) rows.push_back(row_json(row, workload));
  return {{"workload", workload.key},
          {"title", workload.title},
          {"unit", workload.unit},
          {"difference_of", workload.difference_of},
          {"ceiling_float32", number(workload.ceiling_float32)},
          {"ceiling_bfloat16", number(workload.ceiling_bfloat16)},
          {"rows", rows}};
}

// A number with as many digits as a reader compares.
std::string short_number(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return "-";
  const double size = std::abs(*value);
  if (size > 0 && size < 1e-3) return fmt::format("{:.1e}", *value);
  return fmt::format("{:.{}f}", *value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.0f} %", 100 * *share) : "-";
}

std::string row_text(const SpeedRow& row, const SpeedWorkload& workload) {
  const std::optional<double> speed = operations_per_second(row);
  std::string text = fmt::format(
      "  {:<22}{:>11}{:>9}{:>9}{:>10}{:>10}{:>10}{:>12}", row.name, short_number(row.rate()),
      percent(row.timing.spread()), row.reference ? "1" : short_number(value_of(SpeedQuantity::kRatio, row, workload)),
      short_number(quotient(speed, kGiga)), percent(value_of(SpeedQuantity::kCeilingShare, row, workload)),
      short_number(quotient(row.timing.peak_memory, kMebibyte)), short_number(row.difference));
  for (std::size_t i = 0; i < row.goals.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "   " : "; ", goal_text(row.goals[i], row, workload));
  return text + "\n";
}

std::string workload_text(const SpeedWorkload& workload) {
  std::string text = fmt::format("{}\n  {:<22}{:>11}{:>9}{:>9}{:>10}{:>10}{:>10}{:>12}   goal\n", workload.title, "",
                                 fmt::format("{}/s", workload.unit), "spread", "ratio", "GFLOP/s", "ceiling",
                                 "peak MiB", "difference");
  for (const SpeedRow& row : workload.rows) text += row_text(row, workload);
  for (const SpeedRow& row : workload.rows) {
    if (row.extra) text += fmt::format("  {}: {} {}\n", row.name, workload.extra_name, short_number(row.extra));
    if (!row.note.empty()) text += fmt::format("  {}: {}\n", row.name, row.note);
  }
  if (!workload.difference_of.empty()) text += fmt::format("  difference: {}\n", workload.difference_of);
  return text + "\n";
}

std::optional<double> median_ceiling(const std::vector<SpeedWorkload>& workloads, NumberType type) {
  Timing all;  // for its median
  for (const SpeedWorkload& workload : workloads)
    if (const auto ceiling = workload.ceiling(type)) all.seconds.push_back(*ceiling);
  return all.seconds.empty() ? std::nullopt : std::optional(all.median());
}

}  // namespace

const SpeedRow* SpeedWorkload::reference() const {
  const auto found = std::find_if(rows.begin(), rows.end(), [](const SpeedRow& row) { return row.reference; });
  return found == rows.end() ? nullptr : &*found;
}

const SpeedRow* SpeedWorkload::started() const {
  const auto found = std::find_if(rows.begin(), rows.end(), [](const SpeedRow& row) { return row.started; });
  return found == rows.end() ? nullptr : &*found;
}

std::optional<double> SpeedWorkload::ceiling(NumberType type) const {
  return type == NumberType::kFloat32 ? ceiling_float32 : ceiling_bfloat16;
}

std::optional<double> value_of(SpeedQuantity quantity, const SpeedRow& row, const SpeedWorkload& workload) {
  const SpeedRow* reference = workload.reference();
  switch (quantity) {
    case SpeedQuantity::kRatio:
      return reference == nullptr ? std::nullopt : quotient(row.rate(), reference->rate());
    case SpeedQuantity::kStartedRatio:
      return workload.started() == nullptr ? std::nullopt : quotient(row.rate(), workload.started()->rate());
    case SpeedQuantity::kCeilingShare:
      return quotient(operations_per_second(row), workload.ceiling(row.type));
    case SpeedQuantity::kTail:
      return row.timing.quantile(0.99) / row.timing.median();
    case SpeedQuantity::kMemoryRatio:
      return reference == nullptr ? std::nullopt : quotient(row.timing.peak_memory, reference->timing.peak_memory);
    case SpeedQuantity::kSeconds:
      return row.timing.median();
    case SpeedQuantity::kExtra:
      return row.extra;
  }
  return {};
}

std::string goal_text(const SpeedGoal& goal, const SpeedRow& row, const SpeedWorkload& workload) {
  const std::optional<double> value = value_of(goal.quantity, row, workload);
  const std::string name = goal_name(goal, workload);
  if (!value) return fmt::format("{}: not measured", name);
  return fmt::format("{}: {} ({})", name, reaches(goal, *value) ? "met" : "missed", short_number(value));
}

Json to_json(const SpeedReport& report) {
  Json workloads = Json::array();
  for (const SpeedWorkload& workload : report.workloads) workloads.push_back(workload_json(workload));
  Json machine = report.machine;
  machine["ceiling_float32"] = number(median_ceiling(report.workloads, NumberType::kFloat32));
  machine["ceiling_bfloat16"] = number(median_ceiling(report.workloads, NumberType::kBfloat16));
  Json figures = Json::array();
  for (const SpeedFigure& figure : report.figures) figures.push_back(to_json(figure));
  return {{"machine", machine}, {"settings", report.settings}, {"workloads", workloads}, {"figures", figures}};
}

std::string to_text(const SpeedReport& report) {
  std::string text;
  for (const auto& [key, value] : report.machine.items())
    text += fmt::format("{}: {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  for (const NumberType type : {NumberType::kFloat32, NumberType::kBfloat16}) {
    const std::optional<double> ceiling = median_ceiling(report.workloads, type);
    text += fmt::format("ceiling, {} ({}): {}\n", type == NumberType::kFloat32 ? "float32" : "bfloat16",
                        ceiling_instructions(type),
                        ceiling ? fmt::format("{:.0f} GFLOP/s", *ceiling / kGiga) : std::string("not available"));
  }
  text += "\n";
  for (const SpeedWorkload& workload : report.workloads) text += workload_text(workload);
  for (const SpeedFigure& figure : report.figures) text += to_text(figure);
  return text;
}

}  // namespace deri
