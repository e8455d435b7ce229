// Measurements that need a process of their own.

#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// Starts a program, its output thrown away, and waits. Throws Error unless it ends with 0.
void run_program(const fs::path& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int output : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("{}: the benchmark could not run it: try `deri {}` by hand", program.string(), fmt::join(arguments, " "));
}

}  // namespace

void measure_start(SpeedRun& run) {
  const std::vector<SyntheticPair> pairs = synthetic_pairs(64);
  const fs::path model = run.folder() / "model", folder = run.folder() / "first";
  save_model(model, {published_config(), speed_model(published_config()), speed_tokenizer(pairs), {}});
  const std::vector<fs::path> files = write_speed_files(folder, 1);
  const std::vector<std::string> arguments{
      "-q", "embed", files.front().string(), "--model", model.string(), "--out", (folder / "embedding.npy").string()};
  std::vector<TimedRow> rows;
  rows.push_back(timed_row(kOurs, [&] { run_program(run.program(), arguments); }));
  rows.back().row.goals = {{SpeedQuantity::kSeconds, 0.5}};
  SpeedWorkload workload;
  workload.key = "start";
  workload.title = "`deri embed` of one file, start to end of the process, model of the published size on disk";
  workload.unit = "runs";
  run.measure(std::move(workload), std::move(rows), Repeated::kJobs);
}

void measure_training_memory(SpeedRun& run) {
  SpeedWorkload workload;
  workload.key = "memory";
  workload.title =
      fmt::format("peak memory of pre-training, batch {}, in a process of its own", run.scale().memory_batch);
  workload.unit = "records";
  const fs::path file = run.folder() / "peak.json";
  for (const SpeedWay& way : kSpeedWays) {
    std::vector<std::string> arguments{"-q",     "bench",      "--peak-of",
                                       way.name, "--threads",  fmt::format("{}", torch::get_num_threads()),
                                       "--json", file.string()};
    if (run.quick()) arguments.emplace_back("--quick");
    run_program(run.program(), arguments);
    const Json measured = load_json(file);
    SpeedRow row;
    row.name = way.name;
    row.type = way.type();
    row.reference = way.reference();
    row.work = static_cast<double>(run.scale().memory_batch);
    row.timing = {.seconds = {measured.at("seconds").get<double>()},
                  .peak_memory = measured.at("peak_bytes").get<double>()};
    if (!way.plain()) row.goals = {{SpeedQuantity::kMemoryRatio, 0.5}};
    workload.rows.push_back(std::move(row));
  }
  run.add(std::move(workload));
}

}  // namespace deri
