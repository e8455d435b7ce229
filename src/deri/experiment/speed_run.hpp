#pragma once
// One run of `deri bench`: how much of everything is measured, the data that workloads share, and the measuring itself.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/base/files.hpp"
#include "deri/data/store.hpp"
#include "deri/experiment/speed_figures.hpp"
#include "deri/experiment/speed_report.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/precision.hpp"
#include "deri/nn/resnet_session.hpp"

namespace deri {

// How much is measured.
struct SpeedScale {
  double seconds = 10;  // of each workload, where one round takes less
  std::vector<std::int64_t> training_batches{16, 64, 256};
  std::int64_t reference_batch = 64;  // of training at most: the reference takes nearly half a second a record
  std::int64_t memory_batch = 64;     // of training, where its memory is measured
  std::vector<std::int64_t> embedding_batches{1, 16, 256};
  std::int64_t network_batch = 16;  // of the ResNet alone, and of the reference's reports
  std::size_t calls = 200;          // of one record alone
  std::size_t records = 2000;       // of the archive for preparation, zero-shot and probe
  std::size_t files = 64;
  std::size_t reports = 128;
  std::size_t epoch_records = 400;  // of the archive that an epoch is trained on
  std::int64_t written_ecgs = 8, written_tokens = 48;
  std::size_t curve_steps = 200, curve_runs = 3;  // of the loss curves, of each way
  // Along which costs grow; seconds are of each point.
  std::vector<std::int64_t> growth_batches{2, 4, 8, 16, 32, 64};
  std::int64_t growth_reference_batch = 16;                 // of the reference's step at most
  std::vector<double> growth_lengths{1, 2, 5, 10, 20, 40};  // in s, at 500 Hz
  std::vector<std::size_t> growth_records{125, 250, 500, 1000, 2000};
  double growth_seconds = 4;
};

SpeedScale full_scale();
// Of everything so little that the figures mean nothing, but come in a minute.
SpeedScale quick_scale();

// The four ways that a network is computed in.
struct SpeedWay {
  const char* name;
  Kernels kernels;
  Precision precision;

  // What the others' rates are divided by.
  bool reference() const { return plain() && precision == Precision::kFloat32; }
  NumberType type() const { return precision == Precision::kFloat32 ? NumberType::kFloat32 : NumberType::kBfloat16; }
  bool plain() const { return kernels == Kernels::kPlain; }
};

inline constexpr SpeedWay kReference{"reference float32", Kernels::kPlain, Precision::kFloat32};
inline constexpr SpeedWay kReferenceBfloat16{"reference bfloat16", Kernels::kPlain, Precision::kBfloat16};
inline constexpr SpeedWay kOurs{"ours float32", Kernels::kFast, Precision::kFloat32};
inline constexpr SpeedWay kOursBfloat16{"ours bfloat16", Kernels::kFast, Precision::kBfloat16};
inline constexpr std::array<SpeedWay, 4> kSpeedWays{kReference, kOurs, kOursBfloat16, kReferenceBfloat16};

// Of these ways, those that the machine has: in bfloat16 where the fast kernels compute in it. libtorch's own products
// in bfloat16 are loops where there is no AVX-512.
std::vector<SpeedWay> usable_ways(std::vector<SpeedWay> ways = {kSpeedWays.begin(), kSpeedWays.end()});

// How an EcgSession computes in a way.
inline InferencePrecision inference_precision(const SpeedWay& way) {
  return way.precision == Precision::kFloat32 ? InferencePrecision::kFloat32 : InferencePrecision::kBfloat16;
}

// What a repetition is.
enum class Repeated {
  kSteps,  // one of many that follow each other in a process; TimingPlan::settle
  kJobs    // a whole job, with whatever its beginning costs
};

// A row, and how one repetition of it is made.
struct TimedRow {
  SpeedRow row;
  std::function<void()> run;
  std::function<void()> warm_up = {};  // not set: run
  // Asked when all is measured; not set: what the row says already.
  std::function<std::optional<double>()> extra = {}, difference = {};
  // In a process of its own, after the others' turns. Set: instead of run.
  std::function<Timing()> alone = {};
};

// A row of that way's name and kind; both functions run with its kernels.
TimedRow timed_row(const SpeedWay& way, std::function<void()> run, std::function<void()> warm_up = {});

// So many times as fast as the reference: beside ours in one process, and as it starts.
inline std::vector<SpeedGoal> ratio_goals(double bound) {
  return {{SpeedQuantity::kRatio, bound}, {SpeedQuantity::kStartedRatio, bound}};
}

// The result of `run` under a way's kernels, without gradient, as float32; autocast is the caller's.
torch::Tensor computed(const SpeedWay& way, const std::function<torch::Tensor()>& run);

// Greatest |a - b| over the greatest |b|.
double greatest_difference(const torch::Tensor& a, const torch::Tensor& b);

class SpeedRun {
 public:
  // `program` is the deri that is started where a process of its own is needed.
  SpeedRun(SpeedScale scale, std::filesystem::path program);

  const SpeedScale& scale() const { return scale_; }
  const std::filesystem::path& program() const { return program_; }
  // For files; goes with the run.
  const std::filesystem::path& folder() const { return folder_.path(); }

  // A synthetic archive at 500 Hz in PTB-XL's layout, and the store of it; made on first use.
  const std::filesystem::path& archive();
  const Store& store();

  // Measures the rows in turns, the ceiling among them, and keeps them with the workload. Each is repeated at least
  // `least` times.
  void measure(SpeedWorkload workload, std::vector<TimedRow> rows, Repeated repeated, std::size_t least = 1);

  const std::vector<SpeedWorkload>& workloads() const { return workloads_; }

  // Keeps a workload, or a figure, that was measured elsewhere.
  void add(SpeedWorkload workload);
  void add(SpeedFigure figure);
  const std::vector<SpeedFigure>& figures() const { return figures_; }

 private:
  SpeedScale scale_;
  std::filesystem::path program_;
  TemporaryDirectory folder_;
  std::filesystem::path archive_;
  std::optional<Store> store_;
  std::vector<SpeedWorkload> workloads_;
  std::vector<SpeedFigure> figures_;
};

// An archive of synthetic ECGs at 500 Hz.
void write_speed_archive(const std::filesystem::path& path, std::size_t records);
// Synthetic ECGs as WFDB records in a folder; returns their headers.
std::vector<std::filesystem::path> write_speed_files(const std::filesystem::path& folder, std::size_t count);

}  // namespace deri
