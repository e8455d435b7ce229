#pragma once
// Two kinds of failure: what a user can cause and mend (Error), and what only we can (a failed check).

#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace deri {

// A user's error: one line that says what, in which file, and what to do. The program prints it and exits 2.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An internal check that failed: a bug in deri, and it says so. The program exits 3.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws Error with a fmt-formatted message.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace deri

// Checks an invariant of ours, in every build; throws InternalError.
#define DERI_CHECK(condition)                                                                                    \
  do {                                                                                                           \
    if (!(condition))                                                                                            \
      throw ::deri::InternalError(                                                                               \
          fmt::format("internal check failed: {} ({}:{}); please report this", #condition, __FILE__, __LINE__)); \
  } while (false)
