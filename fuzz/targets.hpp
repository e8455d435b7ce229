#pragma once
// What is fuzzed: every parser of bytes that come from outside. A target takes any input; it may throw Error, and
// nothing else may happen.

#include <span>
#include <string_view>

namespace deri {

struct FuzzTarget {
  std::string_view name;
  void (*run)(std::string_view input);
};

std::span<const FuzzTarget> fuzz_targets();

// Runs one target on one input. An Error is the expected answer to a malformed input; whatever else is thrown escapes.
void run_fuzz_target(std::string_view name, std::string_view input);

}  // namespace deri
