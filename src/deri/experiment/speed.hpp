#pragma once
// `deri bench`: how fast this machine trains, embeds and evaluates with our kernels, against the released computation
// in the same run and against the machine's own ceiling.

#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/experiment/speed_report.hpp"

namespace deri {

struct SpeedOptions {
  double seconds = 0;             // of each workload; 0: what the scale says
  bool quick = false;             // quick_scale() instead of full_scale()
  std::vector<std::string> only;  // workloads; empty: all
  std::filesystem::path program;  // the deri that is started where a process of its own is needed
};

// What SpeedOptions::only may name, in the order they are measured.
const std::vector<std::string>& speed_workload_names();

// Measures with as many threads as libtorch uses. Throws Error for an unknown workload, and when the system's temporary
// folder cannot take the data.
SpeedReport measure_speed(const SpeedOptions& options);

// What `--alone` asks of a process that measure_speed() started: experiment/speed_process.hpp. Throws Error for an
// argument that is not such work.
Json measure_lone_work(const std::string& argument);

}  // namespace deri
