#include "deri/experiment/speed_run.hpp"

#include <utility>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/data/ptbxl.hpp"
#include "deri/data/synthetic_archive.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/experiment/speed_inputs.hpp"

namespace deri {
namespace {

constexpr double kCeilingSeconds = 0.05;

// The ceilings, measured before every turn.
struct MeasuredCeilings {
  Timing float32, bfloat16;  // operations a second, for their medians

  void measure() {
    for (const auto& [type, timing] : {std::pair(NumberType::kFloat32, &float32), {NumberType::kBfloat16, &bfloat16}})
      if (const auto rate = measure_ceiling(type, torch::get_num_threads(), kCeilingSeconds))
        timing->seconds.push_back(*rate);
  }
};

std::optional<double> median_of(const Timing& timing) {
  return timing.seconds.empty() ? std::nullopt : std::optional(timing.median());
}

std::function<void()> in_way(const SpeedWay& way, std::function<void()> run) {
  if (!run) return {};
  return [way, run = std::move(run)] {
    const KernelsGuard kernels(way.kernels);
    run();
  };
}

}  // namespace

SpeedScale full_scale() {
  return {};
}

SpeedScale quick_scale() {
  return {.seconds = 0.5,
          .training_batches = {2, 4},
          .reference_batch = 2,
          .memory_batch = 4,
          .embedding_batches = {1, 4},
          .network_batch = 2,
          .calls = 5,
          .records = 60,
          .files = 4,
          .reports = 8,
          .epoch_records = 40,
          .written_ecgs = 1,
          .written_tokens = 4,
          .curve_steps = 20,
          .curve_runs = 2,
          .growth_batches = {2, 4},
          .growth_reference_batch = 2,
          .growth_lengths = {1, 2},
          .growth_records = {20, 40},
          .growth_seconds = 0.1};
}

std::vector<SpeedWay> usable_ways(std::vector<SpeedWay> ways) {
  const KernelsGuard fast(Kernels::kFast);
  const bool bfloat16 = fast_kernels(torch::kBFloat16);
  std::erase_if(ways, [&](const SpeedWay& way) { return way.precision == Precision::kBfloat16 && !bfloat16; });
  return ways;
}

TimedRow timed_row(const SpeedWay& way, std::function<void()> run, std::function<void()> warm_up) {
  TimedRow timed;
  timed.row.name = way.name;
  timed.row.type = way.type();
  timed.row.reference = way.reference();
  timed.run = in_way(way, std::move(run));
  timed.warm_up = in_way(way, std::move(warm_up));
  return timed;
}

torch::Tensor computed(const SpeedWay& way, const std::function<torch::Tensor()>& run) {
  const torch::NoGradGuard no_grad;
  const KernelsGuard kernels(way.kernels);
  return run().to(torch::kFloat32);
}

double greatest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

void write_speed_archive(const std::filesystem::path& path, std::size_t records) {
  SyntheticArchiveOptions options;
  options.records = records;
  options.rates = {500};
  write_synthetic_archive(path, options);
}

std::vector<std::filesystem::path> write_speed_files(const std::filesystem::path& folder, std::size_t count) {
  make_directories(folder);
  std::vector<std::filesystem::path> files;
  for (const SyntheticPair& pair : synthetic_pairs(count)) {
    const std::string name = fmt::format("{:05}", files.size());
    write_wfdb(folder, name, pair.recording, Survives::kKill);
    files.push_back(folder / (name + ".hea"));
  }
  return files;
}

SpeedRun::SpeedRun(SpeedScale scale, std::filesystem::path program)
    : scale_(std::move(scale)), program_(std::move(program)) {}

const std::filesystem::path& SpeedRun::archive() {
  if (archive_.empty()) {
    spdlog::info("bench: making {} synthetic records", scale_.records);
    archive_ = folder() / "archive";
    write_speed_archive(archive_, scale_.records);
  }
  return archive_;
}

const Store& SpeedRun::store() {
  if (!store_) {
    prepare_ptbxl(archive(), folder() / "store");
    store_.emplace(folder() / "store");
  }
  return *store_;
}

void SpeedRun::measure(SpeedWorkload workload, std::vector<TimedRow> rows, Repeated repeated, std::size_t least) {
  spdlog::info("bench: {}", workload.title);
  std::vector<Alternative> alternatives;
  for (const TimedRow& timed : rows)
    if (!timed.alone) alternatives.push_back({timed.row.name, timed.run, timed.warm_up});
  MeasuredCeilings ceilings;
  TimingEnvironment environment = real_environment();
  environment.before_turn = [&] { ceilings.measure(); };
  TimingPlan plan;
  plan.seconds = scale_.seconds;
  plan.least = least;
  plan.settle = repeated == Repeated::kSteps;
  const std::vector<Timing> timings = time_alternatives(alternatives, plan, environment);
  auto timing = timings.begin();
  for (TimedRow& timed : rows) {
    timed.row.timing = timed.alone ? timed.alone() : *timing++;
    if (timed.extra) timed.row.extra = timed.extra();
    if (timed.difference) timed.row.difference = timed.difference();
    workload.rows.push_back(std::move(timed.row));
  }
  workload.ceiling_float32 = median_of(ceilings.float32);
  workload.ceiling_bfloat16 = median_of(ceilings.bfloat16);
  for (const SpeedRow& row : workload.rows) spdlog::info("  {}: {:.4g} {}/s", row.name, row.rate(), workload.unit);
  workloads_.push_back(std::move(workload));
}

void SpeedRun::add(SpeedWorkload workload) {
  spdlog::info("bench: {}", workload.title);
  workloads_.push_back(std::move(workload));
}

void SpeedRun::add(SpeedFigure figure) {
  spdlog::info("bench: {}", figure.title);
  figures_.push_back(std::move(figure));
}

}  // namespace deri
