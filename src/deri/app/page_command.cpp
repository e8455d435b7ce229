#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/eval/run_page.hpp"

namespace deri {

void add_page_command(CLI::App& app) {
  struct Options {
    std::string data, out;
    RunPageInputs inputs;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "page",
      "Write an HTML page of a run: curves, zero-shot tables, ECGs with their nearest and their written reports");
  command->add_option("--run", options->inputs.run, "Run folder; its best model is asked for reports")->required();
  command->add_option("--data", options->data, "Store")->required();
  command->add_option("--zeroshot", options->inputs.zero_shot_json, "What deri zeroshot --json wrote")->required();
  command->add_option("--reports", options->inputs.reports_csv, "What deri report write wrote of the test split");
  command->add_option("--out", options->out, "HTML file to write")->required();
  command->add_option("--note", options->inputs.note, "A caveat to print at the top of the page");
  command->add_option("--examples", options->inputs.examples, "ECGs to show")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  command->add_option("--seed", options->inputs.seed, "Of the random choice of ECGs")->capture_default_str();
  command->footer(
      example("deri page --run run --data store --zeroshot zeroshot.json --reports reports.csv --out page.html"));
  command->callback([options] {
    const ModelBundle bundle = load_model(options->inputs.run / "best");
    const Store store(options->data);
    options->inputs.bundle = &bundle;
    options->inputs.store = &store;
    write_file_atomic(options->out, run_page(options->inputs));
    spdlog::info("wrote {}", options->out);
  });
}

}  // namespace deri
