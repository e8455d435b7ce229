#include "deri/base/memory.hpp"

#include <cstdlib>  // defines __GLIBC__
#include <fstream>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace deri {

void set_freed_memory([[maybe_unused]] FreedMemory freed) {
#if defined(__GLIBC__)
  // What glibc comes to by itself once a block of the greatest size has been freed, and its default number.
  constexpr int kGreatestThreshold = 32 << 20, kManyMappings = 65'536;
  const bool kept = freed == FreedMemory::kKept;
  mallopt(M_MMAP_THRESHOLD, kGreatestThreshold);
  mallopt(M_MMAP_MAX, kept ? 0 : kManyMappings);  // a mapping goes back when it is freed
  mallopt(M_TRIM_THRESHOLD, kept ? -1 : 2 * kGreatestThreshold);
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
