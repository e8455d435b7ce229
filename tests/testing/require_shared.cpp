// Linked into suites that need the material of ../shared: without it they say so and are skipped (exit 77).

#include <cstdio>
#include <cstdlib>

#include "testing/testing.hpp"

namespace {

class RequireShared : public ::testing::Environment {
 public:
  void SetUp() override {
    if (std::filesystem::is_directory(deri::testing::shared_dir() / "data")) return;
    std::puts("skipped: no shared data");
    std::fflush(stdout);
    std::_Exit(77);
  }
};

const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new RequireShared);

}  // namespace
