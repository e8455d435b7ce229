#include <iostream>
#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/eval/comparison.hpp"

namespace deri {

void add_compare_command(CLI::App& app) {
  struct Options {
    std::string a, b, json;
    PairedOptions paired;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "compare", "Test whether one model beats another on the same records (paired permutation test)");
  command->add_option("a", options->a, "What deri zeroshot or deri probe wrote with --json")->required();
  command->add_option("b", options->b, "The same of the other model")->required();
  command->add_option("--json", options->json, "Write every number to this file");
  command->add_option("--permutations", options->paired.permutations, "Random permutations")
      ->capture_default_str()
      ->check(CLI::Range(100, 10'000'000));
  command->add_option("--resamples", options->paired.resamples, "Bootstrap resamples of the interval")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--seed", options->paired.seed, "Of both")->capture_default_str();
  command->footer(example("deri compare probe.json probe.json"));
  command->callback([options] {
    const auto comparisons = compare_results(options->a, options->b, options->paired);
    if (!options->json.empty()) save_json(options->json, to_json(comparisons, options->paired));
    std::cout << to_text(comparisons);
  });
}

}  // namespace deri
