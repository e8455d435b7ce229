#include "deri/base/progress.hpp"

#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "deri/base/log.hpp"

namespace deri {

Progress::Progress(std::string task, std::string unit, std::int64_t total)
    : task_(std::move(task)),
      unit_(std::move(unit)),
      total_(total),
      begin_(Clock::now()),
      last_shown_(begin_),
      terminal_(isatty(STDERR_FILENO) == 1),
      enabled_(spdlog::default_logger_raw()->should_log(spdlog::level::info)) {}

Progress::~Progress() {
  if (line_open_) std::fputc('\n', stderr);
}

void Progress::update(std::int64_t done, const std::string& remark) {
  const auto now = Clock::now();
  const auto interval = terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(30'000);
  if (!enabled_ || (now - last_shown_ < interval && !(terminal_ && done == total_))) return;
  last_shown_ = now;
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done - first_) / elapsed : 0;
  const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
  const std::string line = fmt::format("{}: {}/{} {}, {:.1f}/s, {} left{}{}", task_, done, total_, unit_, rate,
                                       format_duration(left), remark.empty() ? "" : ", ", remark);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ ? "" : "\n");
  std::fflush(stderr);
  line_open_ = terminal_;
}

std::string format_duration(double seconds) {
  const std::int64_t whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace deri
