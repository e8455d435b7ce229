#pragma once
// Messages to the person at the terminal: standard error, through spdlog. Results go to standard output or to files.

#include <spdlog/spdlog.h>

namespace deri {

// One line a message, without a date: "warning: …". `verbose` also shows debug messages, `quiet` only warnings and
// errors.
void init_logging(bool verbose, bool quiet);

}  // namespace deri
