#pragma once
// Independent pieces of work on several threads.

#include <cstddef>
#include <functional>

namespace deri {

// Calls task(0) .. task(count - 1), each once and in no promised order, on `threads` threads (0: as many as the machine
// has), the caller's among them. Rethrows what a task throws, after the others have ended.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& task);

}  // namespace deri
