#pragma once
// Helpers every test suite shares.

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"

namespace deri::testing {

// The checkout's root.
std::filesystem::path source_dir();

// Where the reference figures lie: $DERI_PARITY_DIR, by default tests/parity.
std::filesystem::path parity_dir();

// The material beside the project: $DERI_SHARED_DIR, by default ../shared. May not exist.
std::filesystem::path shared_dir();

// What a run of a program left behind.
struct ProgramResult {
  int exit_code = -1;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// Options for run_deri.
struct RunOptions {
  std::filesystem::path directory;  // working directory; empty: the present one
  long long file_size_limit = -1;   // bytes a file may grow to (a disk that is full beyond it); -1: none
  double kill_after_seconds = -1;   // SIGKILL after that long; -1: never
};

// Runs the `deri` program of this build and waits for it.
ProgramResult run_deri(const std::vector<std::string>& arguments, const RunOptions& options = {});

}  // namespace deri::testing

// Expects `statement` to throw deri::Error whose message matches the gmock matcher.
#define EXPECT_DERI_ERROR(statement, matcher)              \
  do {                                                     \
    try {                                                  \
      statement;                                           \
      ADD_FAILURE() << "no deri::Error from: " #statement; \
    } catch (const ::deri::Error& error) {                 \
      EXPECT_THAT(std::string(error.what()), matcher);     \
    }                                                      \
  } while (false)
