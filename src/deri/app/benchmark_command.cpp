#include <algorithm>
#include <iostream>
#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/experiment/run_suite.hpp"
#include "deri/experiment/tables.hpp"
#include "deri/nn/computation_threads.hpp"

namespace deri {
namespace {

// "NAME=STORE" of every --data.
std::map<std::string, std::filesystem::path> named_stores(const std::vector<std::string>& assignments) {
  std::map<std::string, std::filesystem::path> stores;
  for (const std::string& assignment : assignments) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == assignment.size())
      fail("--data {}: NAME=STORE is expected", assignment);
    if (!stores.emplace(assignment.substr(0, equals), assignment.substr(equals + 1)).second)
      fail("--data names '{}' twice", assignment.substr(0, equals));
  }
  return stores;
}

}  // namespace

void add_benchmark_command(CLI::App& app) {
  struct Options {
    std::string suite;
    std::vector<std::string> data;
    SuiteRunOptions run;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "benchmark", "Carry out a suite of trainings and evaluations; tables and a page. Goes on where it stopped");
  command->add_option("suite", options->suite, "YAML file; see configs/suites/")->required();
  command->add_option("--out", options->run.out, "Folder to write, or to go on in")->required();
  command->add_option("--data", options->data, "NAME=STORE: a data set of the suite (repeatable)");
  command->add_flag("--available", options->run.available_only,
                    "Leave out models and tasks whose data set is not there, and say so");
  command
      ->add_option("--threads", options->threads,
                   "Threads of the computation; 0: one per core. Several processes may share one --out")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--device", options->run.device, "cpu, cuda, cuda:N")->capture_default_str();
  command->footer(example("deri benchmark configs/suites/smoke.yaml --out smoke"));
  command->callback([options] {
    set_computation_threads(options->threads);
    options->run.data = named_stores(options->data);
    const SuiteResults results = run_suite(load_suite(options->suite), options->run);
    std::cout << markdown_tables(results);
    const auto failed = std::count_if(results.runs.begin(), results.runs.end(),
                                      [](const TrainedRun& run) { return run.state.starts_with("failed"); });
    if (failed > 0)
      fail("{}: {} of {} runs failed; the tables name them", options->run.out.string(), failed, results.runs.size());
    spdlog::info("wrote {0}/results.json, tables.md, tables.tex and index.html", options->run.out.string());
  });
}

}  // namespace deri
