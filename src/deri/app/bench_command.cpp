#include <filesystem>
#include <iostream>
#include <memory>

#include <fmt/ranges.h>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/experiment/speed.hpp"
#include "deri/nn/computation_threads.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// Rather before minutes of measuring than after.
void check_folder_of(const std::string& file) {
  if (file.empty()) return;
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder)) fail("--json {}: there is no folder {}", file, folder.string());
}

void write_figures(const fs::path& folder, const std::vector<SpeedFigure>& figures) {
  for (const SpeedFigure& figure : figures) {
    const fs::path file = folder / (figure.key + ".svg");
    write_file_atomic(file, to_svg(figure));
    spdlog::info("wrote {}", file.string());
  }
}

}  // namespace

void add_bench_command(CLI::App& app) {
  struct Options {
    std::string json, figures, alone;
    SpeedOptions speed;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure the speed of training, embedding and evaluation against the released computation");
  command->add_option("--json", options->json, "Write every number to this file");
  command->add_option("--figures", options->figures, "Folder for the figures that curves and growth draw, as SVG");
  command->add_flag("--quick", options->speed.quick, "Tiny counts: whether it runs, not how fast");
  command
      ->add_option("--only", options->speed.only,
                   fmt::format("Of the workloads these, with commas: {}", fmt::join(speed_workload_names(), " ")))
      ->delimiter(',');
  command->add_option("--seconds", options->speed.seconds, "Of each workload, if one round takes less; default 10")
      ->check(CLI::Range(0.1, 3600.0));
  command->add_option("--threads", options->threads, "Of the computation; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  // For the program itself: measure_lone_work().
  command->add_option("--alone", options->alone)->group("");
  command->footer(example("deri bench --quick --only resnet,prepare --json bench.json"));
  command->callback([options] {
    check_folder_of(options->json);
    if (!options->figures.empty()) make_directories(options->figures);
    set_computation_threads(options->threads);
    if (!options->alone.empty()) {
      const Json measured = measure_lone_work(options->alone);
      options->json.empty() ? void(std::cout << measured << "\n") : save_json(options->json, measured);
      return;
    }
    options->speed.program = fs::read_symlink("/proc/self/exe");
    const SpeedReport report = measure_speed(options->speed);
    std::cout << to_text(report);
    if (!options->figures.empty()) write_figures(options->figures, report.figures);
    if (options->json.empty()) return;
    save_json(options->json, to_json(report));
    spdlog::info("wrote {}", options->json);
  });
}

}  // namespace deri
