#include "testing/testing.hpp"

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace deri::testing {
namespace {

std::filesystem::path from_environment(const char* variable, const std::filesystem::path& fallback) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? std::filesystem::path(value) : fallback;
}

// In the child: never returns.
[[noreturn]] void exec_deri(const std::vector<std::string>& arguments, const RunOptions& options,
                            const std::filesystem::path& out, const std::filesystem::path& err) {
  const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err_fd = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (out_fd < 0 || err_fd < 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0) _exit(125);
  if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(125);
  if (options.file_size_limit >= 0) {
    signal(SIGXFSZ, SIG_IGN);  // let write() fail with EFBIG, as it fails with ENOSPC on a full disk
    const auto limit = static_cast<rlim_t>(options.file_size_limit);
    const rlimit limits{limit, limit};
    if (setrlimit(RLIMIT_FSIZE, &limits) != 0) _exit(125);
  }
  std::vector<char*> argv;
  std::string program = DERI_PROGRAM;
  argv.push_back(program.data());
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(126);
}

int wait_for(pid_t child, double kill_after_seconds) {
  int status = 0;
  if (kill_after_seconds >= 0) {
    usleep(static_cast<useconds_t>(kill_after_seconds * 1e6));
    kill(child, SIGKILL);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::filesystem::path source_dir() {
  return DERI_SOURCE_DIR;
}

std::filesystem::path parity_dir() {
  return from_environment("DERI_PARITY_DIR", source_dir() / "tests/parity");
}

std::filesystem::path shared_dir() {
  return from_environment("DERI_SHARED_DIR", source_dir().parent_path() / "shared");
}

ProgramResult run_deri(const std::vector<std::string>& arguments, const RunOptions& options) {
  const TemporaryDirectory scratch;
  const auto out = scratch.path() / "out";
  const auto err = scratch.path() / "err";
  const pid_t child = fork();
  if (child == 0) exec_deri(arguments, options, out, err);
  ProgramResult result;
  result.exit_code = wait_for(child, options.kill_after_seconds);
  result.out = read_file(out);
  result.err = read_file(err);
  return result;
}

}  // namespace deri::testing
