// libFuzzer's entry, compiled once per target.

#include <cstddef>
#include <cstdint>

#include "targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // libFuzzer speaks bytes, the parsers text.
  deri::run_fuzz_target(DERI_FUZZ_TARGET, {reinterpret_cast<const char*>(data), size});
  return 0;
}
