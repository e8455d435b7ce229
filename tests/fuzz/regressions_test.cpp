// Every input under tests/fuzz/inputs through its target: seeds, and whatever fuzzing once found.

#include "targets.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

TEST(FuzzRegressions, EveryTargetHasInputsAndTakesThem) {
  for (const FuzzTarget& target : fuzz_targets()) {
    SCOPED_TRACE(target.name);
    std::size_t inputs = 0;
    for (const auto& entry : fs::directory_iterator(testing::source_dir() / "tests/fuzz/inputs" / target.name)) {
      SCOPED_TRACE(entry.path());
      EXPECT_NO_THROW(run_fuzz_target(target.name, read_file(entry.path())));
      ++inputs;
    }
    EXPECT_GT(inputs, 0U);
  }
}

// A seed that no longer parses would leave the fuzzer without a start.
TEST(FuzzRegressions, SeedsAreWellFormed) {
  for (const FuzzTarget& target : fuzz_targets()) {
    for (const auto& entry : fs::directory_iterator(testing::source_dir() / "tests/fuzz/inputs" / target.name)) {
      if (!entry.path().filename().string().starts_with("good-")) continue;
      EXPECT_NO_THROW(target.run(read_file(entry.path()))) << entry.path();
    }
  }
}

}  // namespace
}  // namespace deri
