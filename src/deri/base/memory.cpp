#include "deri/base/memory.hpp"

#include <cstdlib>  // defines __GLIBC__

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

}  // namespace deri
