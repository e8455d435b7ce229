#include "deri/base/isolated.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deri/base/error.hpp"

namespace deri {
namespace {

using Clock = std::chrono::steady_clock;

enum class Outcome : std::uint32_t { kResult = 0x0DE71000, kError, kInternalError, kOutOfMemory, kFailure };

// Goes through the pipe before the bytes: their number is known then, and the parent need not wait for the pipe's end,
// which another child forked in the same moment might keep open.
struct MessageHead {
  Outcome outcome = Outcome::kResult;
  std::uint32_t padding = 0;
  std::uint64_t size = 0;
};

bool write_all(int fd, const void* data, std::size_t size) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, from, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    from += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

// ---- in the child ----

std::uint64_t mapped_bytes() {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::array<char, 64> text{};
  const ssize_t size = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  if (size <= 0) return 0;
  return std::strtoull(text.data(), nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void lower_limit(int resource, rlim_t soft, rlim_t hard) {
  rlimit present{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &present) != 0) return;
  const rlimit wanted{std::min(soft, present.rlim_max), std::min(hard, present.rlim_max)};
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted);
}

void set_limits(const IsolationLimits& limits) {
  const rlim_t memory = mapped_bytes() + (limits.memory_mb << 20);
  lower_limit(RLIMIT_AS, memory, memory);
  lower_limit(RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1);
  lower_limit(RLIMIT_CORE, 0, 0);
}

// Standard streams to nowhere, every other descriptor but `kept` closed.
void close_descriptors(int kept) {
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd)
    if (fd != kept) ::dup2(nowhere, fd);
  if (kept > 3) ::close_range(3, static_cast<unsigned>(kept) - 1, 0);
  ::close_range(static_cast<unsigned>(std::max(kept, 2)) + 1, std::numeric_limits<unsigned>::max(), 0);
}

void reset_signals() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGINT, SIGTERM, SIGPIPE})
    ::signal(signal, SIG_DFL);
  // The parent waits in the thread that forked, so this fires only when the whole parent is gone.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

std::pair<Outcome, std::string> run_caught(const std::function<std::string()>& work) {
  try {
    return {Outcome::kResult, work()};
  } catch (const Error& error) {
    return {Outcome::kError, error.what()};
  } catch (const InternalError& error) {
    return {Outcome::kInternalError, error.what()};
  } catch (const std::bad_alloc&) {
    return {Outcome::kOutOfMemory, {}};
  } catch (const std::exception& error) {
    return {Outcome::kFailure, error.what()};
  } catch (...) {
    return {Outcome::kFailure, "an unknown exception"};
  }
}

[[noreturn]] void run_child(int pipe_end, const std::function<std::string()>& work, const IsolationLimits& limits) {
  close_descriptors(pipe_end);
  reset_signals();
  set_limits(limits);
  const auto [outcome, bytes] = run_caught(work);
  const MessageHead head{outcome, 0, bytes.size()};
  const bool sent = write_all(pipe_end, &head, sizeof head) && write_all(pipe_end, bytes.data(), bytes.size());
  // Not exit(): the parent's exit handlers and buffers are none of the child's business.
  ::_exit(sent ? 0 : 1);
}

// ---- in the parent ----

// The child and the read end of its pipe; both are gone at the end of its life.
class Child {
 public:
  Child(const std::string& source, const std::function<std::string()>& work, const IsolationLimits& limits) {
    // No other child of ours may be born while this write end is open here.
    static std::mutex forking;
    const std::lock_guard lock(forking);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("{}: cannot open a pipe: {}", source, std::strerror(errno));
    pid_ = ::fork();
    if (pid_ == 0) run_child(ends[1], work, limits);
    const int code = errno;
    ::close(ends[1]);
    pipe_ = ends[0];
    if (pid_ < 0) {
      ::close(pipe_);
      fail("{}: cannot start a process to decode it in: {}", source, std::strerror(code));
    }
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Fills `size` bytes; false if the child ended, or `deadline` came, before.
  bool read(void* data, std::size_t size, Clock::time_point deadline) {
    char* to = static_cast<char*>(data);
    while (size > 0) {
      if (!wait_readable(deadline)) return false;
      const ssize_t count = ::read(pipe_, to, size);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      to += count;
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }

  // Ends the child if it still runs; its wait status.
  int end() {
    if (pipe_ >= 0) ::close(std::exchange(pipe_, -1));
    if (pid_ <= 0) return status_;
    if (!reaped_) {
      ::kill(pid_, SIGKILL);
      while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
      }
    }
    pid_ = -1;
    return status_;
  }

 private:
  bool wait_readable(Clock::time_point deadline) {
    while (Clock::now() < deadline) {
      pollfd handle{pipe_, POLLIN, 0};
      // In short turns: somebody's fork without exec may keep the write end of a dead child open.
      const int ready = ::poll(&handle, 1, 100);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
      if (!reaped_) reaped_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
      if (reaped_ && ::poll(&handle, 1, 0) <= 0) return false;
    }
    return false;
  }

  pid_t pid_ = -1;
  int pipe_ = -1;
  int status_ = 0;
  bool reaped_ = false;
};

struct Message {
  Outcome outcome;
  std::string bytes;
};

std::optional<Message> receive(Child& child, const std::string& source, const IsolationLimits& limits,
                               Clock::time_point deadline) {
  MessageHead head;
  if (!child.read(&head, sizeof head, deadline)) return std::nullopt;
  if (head.size > (limits.memory_mb << 20)) fail("{}: the decoder's result is too large: {} bytes", source, head.size);
  Message message{head.outcome, std::string(static_cast<std::size_t>(head.size), '\0')};
  if (!child.read(message.bytes.data(), message.bytes.size(), deadline)) return std::nullopt;
  return message;
}

[[noreturn]] void fail_out_of_memory(const std::string& source, const IsolationLimits& limits) {
  fail("{}: decoding it takes more than {} MB: it is damaged or too long; cut it into shorter recordings", source,
       limits.memory_mb);
}

[[noreturn]] void fail_crashed(Child& child, const std::string& source, const IsolationLimits& limits,
                               Clock::time_point deadline) {
  const bool late = Clock::now() >= deadline;
  const int status = child.end();
  const bool cpu = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
  if (late || cpu)
    fail("{}: the decoder did not come to an end within {} s: the file is damaged or not what its name says", source,
         cpu ? limits.cpu_seconds : limits.wall_seconds);
  const std::string how = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                              : fmt::format("exit code {}", WEXITSTATUS(status));
  fail("{}: the decoder crashed on this file ({}): it is damaged or not what its name says", source, how);
}

}  // namespace

std::string run_isolated(const std::string& source, const std::function<std::string()>& work,
                         const IsolationLimits& limits) {
  const auto deadline = Clock::now() + std::chrono::seconds(limits.wall_seconds);
  Child child(source, work, limits);
  std::optional<Message> message = receive(child, source, limits, deadline);
  if (!message) fail_crashed(child, source, limits, deadline);
  switch (message->outcome) {
    case Outcome::kResult:
      return std::move(message->bytes);
    case Outcome::kError:
      throw Error(message->bytes);
    case Outcome::kInternalError:
      throw InternalError(message->bytes);
    case Outcome::kOutOfMemory:
      fail_out_of_memory(source, limits);
    case Outcome::kFailure:
      fail("{}: the decoder failed ({}): the file is damaged or not what its name says", source, message->bytes);
  }
  fail("{}: the decoder sent nonsense: the file is damaged or not what its name says", source);
}

}  // namespace deri
