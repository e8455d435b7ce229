#pragma once
// Carries a suite out: trains what is to be trained, measures it, and writes the tables and the page.

#include <filesystem>
#include <map>
#include <string>

#include "deri/experiment/results.hpp"
#include "deri/experiment/suite.hpp"

namespace deri {

struct SuiteRunOptions {
  std::filesystem::path out;
  std::map<std::string, std::filesystem::path> data;  // stores by the suite's names
  bool available_only = false;  // leave out models and tasks whose data set is not there, instead of stopping
  std::string device = "cpu";
};

// What is done already, in `out`, is kept: a run that was killed goes on where it stopped, and a result is made again
// only if its model, its data or its task is another. Several processes may work at one suite in one folder at once;
// what one of them is at, the others pass over, and the last to end writes the whole tables. A run that fails (Error)
// is noted and the others go on. Returns the results, which are also in the folder (suite_folder.hpp). Throws Error for
// a data set that is not there, and a folder that holds something else.
SuiteResults run_suite(const Suite& suite, const SuiteRunOptions& options);

}  // namespace deri
