#include "deri/experiment/speed.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/progress.hpp"
#include "deri/base/strings.hpp"
#include "deri/experiment/speed_process.hpp"
#include "deri/experiment/speed_workloads.hpp"

namespace deri {
namespace {

struct NamedWorkload {
  const char* name;
  void (*measure)(SpeedRun&);
};

constexpr std::array<NamedWorkload, 15> kWorkloads{{{"train", measure_training_steps},
                                                    {"memory", measure_training_memory},
                                                    {"embed", measure_embedding},
                                                    {"latency", measure_single_record},
                                                    {"resnet", measure_resnet},
                                                    {"files", measure_files},
                                                    {"zeroshot", measure_zero_shot},
                                                    {"probe", measure_probe},
                                                    {"prepare", measure_preparation},
                                                    {"text", measure_text_features},
                                                    {"write", measure_report_writing},
                                                    {"epoch", measure_epoch},
                                                    {"start", measure_start},
                                                    {"curves", measure_loss_curves},
                                                    {"growth", measure_growth}}};

std::vector<NamedWorkload> chosen_workloads(const std::vector<std::string>& only) {
  for (const std::string& name : only) {
    if (std::find(speed_workload_names().begin(), speed_workload_names().end(), name) == speed_workload_names().end())
      fail("unknown workload '{}': choose among {}", shown(name), fmt::join(speed_workload_names(), ", "));
  }
  std::vector<NamedWorkload> chosen;
  for (const NamedWorkload& workload : kWorkloads)
    if (only.empty() || std::find(only.begin(), only.end(), workload.name) != only.end()) chosen.push_back(workload);
  return chosen;
}

// As Linux calls it.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return std::string(trimmed(line.substr(line.find(':') + 1)));
  return "unknown";
}

Json describe_machine() {
  return {{"processor", processor_name()},
          {"threads", torch::get_num_threads()},
          {"instructions_float32", ceiling_instructions(NumberType::kFloat32)},
          {"instructions_bfloat16", ceiling_instructions(NumberType::kBfloat16)},
          {"libtorch", TORCH_VERSION},
          {"deri", DERI_VERSION},
          {"fast_kernels_float32", fast_kernels(torch::kFloat32)},
          {"fast_kernels_bfloat16", fast_kernels(torch::kBFloat16)}};
}

}  // namespace

const std::vector<std::string>& speed_workload_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const NamedWorkload& workload : kWorkloads) names.emplace_back(workload.name);
    return names;
  }();
  return kNames;
}

SpeedReport measure_speed(const SpeedOptions& options) {
  const std::vector<NamedWorkload> workloads = chosen_workloads(options.only);
  SpeedScale scale = options.quick ? quick_scale() : full_scale();
  if (options.seconds > 0) scale.seconds = options.seconds;
  SpeedRun run(scale, options.program);
  Progress progress("bench", "workloads", static_cast<std::int64_t>(workloads.size()));
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    workloads[i].measure(run);
    progress.update(static_cast<std::int64_t>(i + 1), workloads[i].name);
  }
  SpeedReport report;
  report.machine = describe_machine();
  report.settings = {{"quick", options.quick}, {"seconds_per_workload", scale.seconds}};
  report.workloads = run.workloads();
  report.figures = run.figures();
  return report;
}

Json measure_lone_work(const std::string& argument) {
  return do_lone_work(lone_work_of(argument));
}

}  // namespace deri
