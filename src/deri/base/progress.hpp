#pragma once
// Progress of long work on standard error: done, rate, time left. One line rewritten in place on a terminal; elsewhere
// a line every half minute, so that a log stays readable.

#include <chrono>
#include <cstdint>
#include <string>

namespace deri {

class Progress {
 public:
  // `unit` names what is counted ("records"). Silent when the log level is above information.
  Progress(std::string task, std::string unit, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Work done so far, with an optional remark ("loss 3.21").
  void update(std::int64_t done, const std::string& remark = {});
  // The count `done` was reached before this process began (a resumed run): not part of the rate.
  void start_at(std::int64_t done) { first_ = done; }

 private:
  using Clock = std::chrono::steady_clock;

  std::string task_, unit_;
  std::int64_t total_, first_ = 0;
  Clock::time_point begin_, last_shown_;
  bool terminal_, enabled_, line_open_ = false;
};

// "41 s", "12 min 05 s", "3 h 07 min".
std::string format_duration(double seconds);

}  // namespace deri
