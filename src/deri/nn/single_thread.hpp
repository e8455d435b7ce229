#pragma once
// oneDNN plans a kernel for as many threads as OpenMP would take when the kernel is made.

#include <omp.h>

namespace deri {

// While it lives, kernels are made for one thread: to be run by each of several.
class SingleThread {
 public:
  SingleThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThread() { omp_set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace deri
