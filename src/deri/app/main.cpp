// The program `deri`. Exit codes: 0 done, 2 the user's error (one line says what, where and what to do), 3 a bug.

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <string>

#include "deri/app/commands.hpp"
#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/base/memory.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/nn/kernels.hpp"

namespace deri {
namespace {

constexpr int kUserError = 2, kBug = 3;

int run(int argc, char** argv) {
  CLI::App app("Learns ECG representations from ECG-report pairs (DERI), and measures them.", "deri");
  app.set_version_flag("--version", "deri " DERI_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  bool verbose = false, quiet = false;
  app.add_flag("-v,--verbose", verbose, "Say more");
  app.add_flag("-q,--quiet", quiet, "Warnings and errors only; no progress");
  std::string chosen = "fast";
  app.add_option("--kernels", chosen,
                 "What networks compute with on the CPU: fast, or plain (libtorch's operators in their default layout, "
                 "to compare with)")
      ->capture_default_str();
  app.parse_complete_callback([&] {
    init_logging(verbose, quiet);
    set_kernels(parse_kernels(chosen));
  });
  add_synth_command(app);
  add_prepare_command(app);
  add_inspect_command(app);
  add_plot_command(app);
  add_pretrain_command(app);
  add_pretrain_text_command(app);
  add_text_features_command(app);
  add_zeroshot_command(app);
  add_probe_command(app);
  add_robustness_command(app);
  add_compare_command(app);
  add_embed_command(app);
  add_search_command(app);
  add_benchmark_command(app);
  add_bench_command(app);
  add_report_command(app);
  add_page_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUserError;
  } catch (const Error& error) {
    std::cerr << "deri: error: " << error.what() << '\n';
    return kUserError;
  } catch (const std::bad_alloc&) {
    std::cerr << "deri: error: out of memory; use a smaller batch or fewer records at once\n";
    return kUserError;
  } catch (const std::exception& error) {
    std::cerr << "deri: internal error: " << error.what() << '\n';
    return kBug;
  }
}

}  // namespace
}  // namespace deri

int main(int argc, char** argv) {
  deri::set_freed_memory(deri::FreedMemory::kKept);
  deri::set_computation_threads(0);
  const int status = deri::run(argc, argv);
  // At an ordinary end libtorch takes apart its tables of operators, which takes as long as embedding ten ECGs.
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(status);
}
