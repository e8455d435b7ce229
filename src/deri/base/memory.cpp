#include "deri/base/memory.hpp"

#include <cstdlib>  // defines __GLIBC__
#include <fstream>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace deri {

void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc takes: it ignores larger ones
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

bool reset_peak_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  std::ofstream clear("/proc/self/clear_refs");  // proc(5): writing 5 resets VmHWM
  clear << "5" << std::flush;
  return clear.good();
}

std::optional<double> peak_memory() {
  constexpr double kKibibyte = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * kKibibyte;
  }
  return {};
}

}  // namespace deri
