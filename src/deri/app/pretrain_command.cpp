#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/log.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/train/pretrain.hpp"

namespace deri {

void add_pretrain_command(CLI::App& app) {
  struct Options {
    std::string config, data, out;
    std::vector<std::string> overrides;
    bool resume = false;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("pretrain", "Train an ECG-report model on a store");
  command->add_option("--config", options->config, "YAML file; see configs/")->required();
  command->add_option("--data", options->data, "Store")->required();
  command->add_option("--out", options->out, "Run folder to write")->required();
  command->add_option("--set", options->overrides, "Override a key: --set optimiser.learning_rate=1e-4 (repeatable)");
  command->add_flag("--resume", options->resume, "Go on from the run's newest checkpoint; begin if there is none");
  command->add_option("--threads", options->threads, "Threads of the computation; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->footer(example("deri pretrain --config configs/demo.yaml --data store --out run --set epochs=2"));
  command->callback([options] {
    set_computation_threads(options->threads);
    const PretrainConfig config = load_pretrain_config(options->config, options->overrides);
    const Store store(options->data);
    const Json summary = pretrain(config, store, options->out, options->resume);
    spdlog::info("done: best epoch {} by {}, validation {}; models in {}/best and {}/last",
                 summary["best_epoch"].dump(), config.selection.by, summary["best_validation_score"].dump(),
                 options->out, options->out);
  });
}

}  // namespace deri
