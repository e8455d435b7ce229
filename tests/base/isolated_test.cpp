// What happens in the child must not happen here.

#include "deri/base/isolated.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "testing/testing.hpp"
#include <unistd.h>

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + seed) & 0xFF);
  return text;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
  return count;
}

TEST(Isolated, ReturnsWhatTheChildComputed) {
  const pid_t here = getpid();
  const std::string answer =
      run_isolated("f.scp", [&] { return getpid() == here ? std::string("same process") : std::string("a\0b", 3); });
  EXPECT_EQ(answer, std::string("a\0b", 3));
  EXPECT_EQ(run_isolated("f.scp", [] { return std::string(); }), "");
}

TEST(Isolated, ReturnsMuchMoreThanAPipeHolds) {
  const std::size_t size = 50U << 20;
  EXPECT_TRUE(run_isolated("f.scp", [&] { return pattern(size, 3); }) == pattern(size, 3));
}

TEST(Isolated, LeavesThisProcessAsItWas) {
  int counter = 1;
  run_isolated("f.scp", [&] { return std::to_string(++counter); });
  EXPECT_EQ(counter, 1);
}

TEST(Isolated, AnErrorKeepsItsWords) {
  const auto work = []() -> std::string { fail("f.scp: no lead is named '{}'", "V9"); };
  EXPECT_DERI_ERROR(run_isolated("f.scp", work), ::testing::StrEq("f.scp: no lead is named 'V9'"));
}

TEST(Isolated, ABugOfOursStaysOne) {
  const auto work = []() -> std::string {
    DERI_CHECK(1 + 1 == 3);
    return {};
  };
  EXPECT_THROW(run_isolated("f.scp", work), InternalError);
}

TEST(Isolated, OtherExceptionsBecomeErrorsOfTheFile) {
  const auto work = []() -> std::string { throw std::length_error("too long"); };
  EXPECT_DERI_ERROR(run_isolated("f.scp", work), AllOf(StartsWith("f.scp: "), HasSubstr("too long")));
}

TEST(Isolated, ACrashIsAnErrorOfTheFile) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGKILL}) {
    const auto work = [&]() -> std::string {
      raise(signal);
      return {};
    };
    EXPECT_DERI_ERROR(run_isolated("f.scp", work), AllOf(StartsWith("f.scp: the decoder crashed on this file"),
                                                         HasSubstr(fmt::format("signal {}", signal)),
                                                         HasSubstr("damaged or not what its name says")));
  }
}

TEST(Isolated, AbortAndExitAreErrorsToo) {
  EXPECT_DERI_ERROR(run_isolated("f.scp", []() -> std::string { std::abort(); }), HasSubstr("crashed"));
  EXPECT_DERI_ERROR(run_isolated("f.scp", []() -> std::string { _exit(0); }), HasSubstr("crashed"));
}

TEST(Isolated, MemoryIsLimited) {
  const auto work = []() -> std::string { return std::string(std::size_t{300} << 20, 'x'); };
  EXPECT_DERI_ERROR(run_isolated("f.scp", work, {.memory_mb = 100}), HasSubstr("more than 100 MB"));
}

TEST(Isolated, TimeIsLimited) {
  const auto spin = []() -> std::string {
    for (std::atomic<unsigned> i = 0;; ++i) {
    }
  };
  EXPECT_DERI_ERROR(run_isolated("f.scp", spin, {.cpu_seconds = 1}), HasSubstr("did not come to an end within 1 s"));
  const auto sleep = []() -> std::string {
    for (;;) pause();
  };
  EXPECT_DERI_ERROR(run_isolated("f.scp", sleep, {.wall_seconds = 1}), HasSubstr("did not come to an end"));
}

TEST(Isolated, TheChildIsSilent) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  run_isolated("f.scp", [] {
    std::puts("noise");
    std::fputs("noise", stderr);
    std::fflush(nullptr);
    return std::string();
  });
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Isolated, TheChildSeesNoOpenFiles) {
  const TemporaryDirectory folder;
  write_file_atomic(folder.path() / "a", "content");
  std::FILE* file = std::fopen((folder.path() / "a").c_str(), "r");
  const int fd = fileno(file);
  const std::string answer =
      run_isolated("f.scp", [fd] { return std::string(::lseek(fd, 0, SEEK_CUR) < 0 ? "closed" : "open"); });
  std::fclose(file);
  EXPECT_EQ(answer, "closed");
}

TEST(Isolated, ManyThreadsAtOnce) {
  const std::size_t before = open_descriptors();
  std::atomic<int> good = 0, crashed = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 20; ++i) {
        const unsigned seed = t * 20 + i;
        const std::size_t size = 1000 + (seed * 7919) % 300000;
        try {
          const std::string answer = run_isolated("f.scp", [&] {
            if (seed % 3 == 0) raise(SIGSEGV);
            return pattern(size, seed);
          });
          if (answer == pattern(size, seed)) ++good;
        } catch (const Error&) {
          ++crashed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(crashed, 54);  // seeds 0, 3, … 159
  EXPECT_EQ(good, 106);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace deri
