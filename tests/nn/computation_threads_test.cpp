#include "deri/nn/computation_threads.hpp"

#include <cstdlib>
#include <thread>

#include "testing/testing.hpp"
#include <torch/torch.h>

namespace deri {
namespace {

TEST(ComputationThreads, AsManyAsToldOrAsThereAreCores) {
  const int before = torch::get_num_threads();
  set_computation_threads(3);
  EXPECT_EQ(torch::get_num_threads(), 3);
  setenv("OMP_NUM_THREADS", "7", 1);
  set_computation_threads(0);  // the environment has decided
  EXPECT_EQ(torch::get_num_threads(), 3);
  unsetenv("OMP_NUM_THREADS");
  set_computation_threads(0);
  EXPECT_GE(torch::get_num_threads(), 1);
  EXPECT_LE(torch::get_num_threads(), static_cast<int>(std::thread::hardware_concurrency()));
  set_computation_threads(before);
}

}  // namespace
}  // namespace deri
