#include "deri/experiment/speed_process.hpp"

#include <algorithm>
#include <utility>

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/memory.hpp"
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

std::string to_argument(const LoneWork& work) {
  return Json{{"what", work.what == LoneWork::What::kStep ? "step" : "embedding"},
              {"way", work.way.name},
              {"records", work.records},
              {"libtorch_threads", work.libtorch_threads},
              {"seconds", work.seconds}}
      .dump();
}

LoneWork lone_work_of(const std::string& argument) {
  const std::string name = "--alone";
  const Json json = parse_json(argument, name);
  try {
    const auto what = json.at("what").get<std::string>(), way = json.at("way").get<std::string>();
    const auto known =
        std::find_if(kSpeedWays.begin(), kSpeedWays.end(), [&](const SpeedWay& other) { return other.name == way; });
    if (known == kSpeedWays.end() || (what != "step" && what != "embedding")) fail("{}: unknown work", name);
    return {.what = what == "step" ? LoneWork::What::kStep : LoneWork::What::kEmbedding,
            .way = *known,
            .records = json.at("records").get<std::int64_t>(),
            .libtorch_threads = json.at("libtorch_threads").get<bool>(),
            .seconds = json.at("seconds").get<double>()};
  } catch (const Json::exception& error) {
    fail("{}: {}", name, error.what());
  }
}

Json do_lone_work(const LoneWork& work) {
  if (work.way.plain()) set_freed_memory(FreedMemory::kReturned);
  if (work.libtorch_threads) torch::set_num_threads(at::intraop_default_num_threads());
  const KernelsGuard kernels(work.way.kernels);
  const Alternative alternative =
      work.what == LoneWork::What::kStep ? lone_step(work.way, work.records) : lone_embedding(work.way, work.records);
  TimingPlan plan;
  plan.seconds = work.seconds;
  plan.rounds = 1;
  const Timing timing = time_alternatives({alternative}, plan, real_environment()).front();
  const auto peak = timing.peak_memory;
  return {{"seconds", timing.seconds}, {"peak_bytes", peak ? Json(*peak) : Json()}};
}

Timing measured_alone(const SpeedRun& run, const LoneWork& work) {
  const fs::path file = run.folder() / "alone.json";
  const std::string threads = fmt::format("{}", torch::get_num_threads());
  run_program(run.program(),
              {"-q", "bench", "--alone", to_argument(work), "--threads", threads, "--json", file.string()});
  const Json measured = load_json(file);
  Timing timing{.seconds = measured.at("seconds").get<std::vector<double>>(), .peak_memory = {}};
  if (measured.at("peak_bytes").is_number()) timing.peak_memory = measured.at("peak_bytes").get<double>();
  return timing;
}

TimedRow reference_as_started(const SpeedRun& run, LoneWork::What what, std::int64_t records) {
  TimedRow timed;
  timed.row.name = "reference, as it starts";
  timed.row.started = true;
  timed.row.work = static_cast<double>(records);
  timed.row.note = fmt::format(
      "in a process of its own, on {} of {} threads and with freed memory given back, as nothing else is set",
      at::intraop_default_num_threads(), torch::get_num_threads());
  const LoneWork work{.what = what,
                      .way = kReference,
                      .records = records,
                      .libtorch_threads = true,
                      .seconds = run.scale().seconds / static_cast<double>(kSpeedWays.size() + 1)};
  timed.alone = [&run, work] { return measured_alone(run, work); };
  return timed;
}

void measure_training_memory(SpeedRun& run) {
  SpeedWorkload workload;
  workload.key = "memory";
  workload.title =
      fmt::format("peak memory of pre-training, batch {}, in a process of its own", run.scale().memory_batch);
  workload.unit = "records";
  for (const SpeedWay& way : usable_ways()) {
    SpeedRow row;
    row.name = way.name;
    row.type = way.type();
    row.reference = way.reference();
    row.work = static_cast<double>(run.scale().memory_batch);
    row.timing = measured_alone(run, {.what = LoneWork::What::kStep,
                                      .way = way,
                                      .records = run.scale().memory_batch,
                                      .libtorch_threads = false,
                                      .seconds = 0});
    if (!way.plain()) row.goals = {{SpeedQuantity::kMemoryRatio, 0.5}};
    workload.rows.push_back(std::move(row));
  }
  run.add(std::move(workload));
}

}  // namespace deri
