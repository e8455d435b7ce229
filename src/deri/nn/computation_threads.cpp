#include "deri/nn/computation_threads.hpp"

#include <cstdlib>
#include <thread>

#include <torch/torch.h>

#ifdef __linux__
#include <sched.h>
#endif

namespace deri {
namespace {

// Those the process is allowed to run on, which may be fewer than the machine has (a container, taskset).
int usable_cores() {
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

void set_computation_threads(int threads) {
  if (threads == 0 && std::getenv("OMP_NUM_THREADS") != nullptr) return;
  const int wanted = threads > 0 ? threads : usable_cores();
  if (wanted > 0) torch::set_num_threads(wanted);
}

}  // namespace deri
