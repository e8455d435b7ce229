#pragma once
// Work on untrusted bytes in a process of its own: what crashes there is an error here.

#include <cstdint>
#include <functional>
#include <string>

namespace deri {

// What the child may use. Beyond it, it is ended and the caller sees an Error.
struct IsolationLimits {
  std::uint64_t memory_mb = 2048;  // address space beyond what this process has mapped already
  unsigned cpu_seconds = 20;
  unsigned wall_seconds = 120;  // against a child that waits for ever
};

// Runs `work` in a forked child and returns its result (at most memory_mb large), for decoders of other people's that
// may run wild on a damaged file. The child has no standard output or error and none of this process's open files; what
// it changes in memory is lost. `source` is the file that messages name.
//
// Throws Error with the child's message if `work` threw Error; InternalError likewise; Error that begins with `source`
// if the child crashed, ran out of memory or time, or failed in another way. May be called from several threads at
// once. `work` must not start threads, nor take locks that another thread of this process may hold.
std::string run_isolated(const std::string& source, const std::function<std::string()>& work,
                         const IsolationLimits& limits = {});

}  // namespace deri
