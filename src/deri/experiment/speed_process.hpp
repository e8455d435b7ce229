#pragma once
// Measurements that need a process of their own: the program starts itself with --alone.

#include <cstdint>
#include <string>

#include "deri/base/json.hpp"
#include "deri/experiment/speed_run.hpp"

namespace deri {

// What such a process does again and again: a step of pre-training, or an embedding.
struct LoneWork {
  enum class What { kStep, kEmbedding } what;
  SpeedWay way;
  std::int64_t records;
  // As many threads as libtorch takes by itself, instead of the run's.
  bool libtorch_threads;
  double seconds;  // for how long; it is done once at least
};

// As an argument of --alone. The second throws Error for what is not such an argument.
std::string to_argument(const LoneWork& work);
LoneWork lone_work_of(const std::string& argument);

// In the process of its own: "seconds" of each repetition and "peak_bytes", the most memory that was resident meanwhile
// (null where the system does not tell). The reference has glibc's own treatment of freed memory, as a program that
// sets nothing.
Json do_lone_work(const LoneWork& work);

// In the benchmark: starts the process and waits for it. Throws Error if it fails.
Timing measured_alone(const SpeedRun& run, const LoneWork& work);

// A row of the reference as its users start it: libtorch's own threads, glibc's own treatment of freed memory.
TimedRow reference_as_started(const SpeedRun& run, LoneWork::What what, std::int64_t records);

}  // namespace deri
