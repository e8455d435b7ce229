#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/log.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/train/text_pretrain.hpp"

namespace deri {

void add_pretrain_text_command(CLI::App& app) {
  struct Options {
    std::string config, reports, out;
    std::vector<std::string> overrides;
    bool resume = false;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "pretrain-text",
      "Train a text tower on reports alone (masked-language modelling), for model.text.pretrained of deri pretrain");
  command->add_option("--config", options->config, "YAML file; see configs/text-small.yaml")->required();
  command
      ->add_option("--reports", options->reports,
                   "Store, or CSV with the columns report and split (train, validation, test) or strat_fold (1-8, 9, "
                   "10); test records' reports are left out")
      ->required();
  command->add_option("--out", options->out, "Run folder to write; OUT/best is a HuggingFace BERT folder")->required();
  command->add_option("--set", options->overrides, "Override a key: --set report_language=mixed (repeatable)");
  command->add_flag("--resume", options->resume, "Go on from the run's newest checkpoint; begin if there is none");
  command->add_option("--threads", options->threads, "Threads of the computation; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->footer(
      example("deri pretrain-text --config configs/text-small.yaml --reports store --out text-run --set epochs=1"));
  command->callback([options] {
    set_computation_threads(options->threads);
    const TextPretrainConfig config = load_text_pretrain_config(options->config, options->overrides);
    const ReportCorpus corpus = read_report_corpus(options->reports, parse_report_language(config.report_language));
    const Json summary = pretrain_text(config, corpus, options->reports, options->out, options->resume);
    spdlog::info("done: best epoch {}, validation loss {}; towers in {}/best and {}/last", summary["best_epoch"].dump(),
                 summary["best_validation_score"].dump(), options->out, options->out);
  });
}

}  // namespace deri
