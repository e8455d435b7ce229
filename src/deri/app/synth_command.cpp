#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/data/synthetic_archive.hpp"

namespace deri {

void add_synth_command(CLI::App& app) {
  struct Options {
    std::string out;
    SyntheticArchiveOptions archive;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("synth", "Write synthetic 12-lead ECGs with reports as a folder in PTB-XL's layout");
  command->add_option("--out", options->out, "Folder to write")->required();
  command->add_option("--records", options->archive.records, "Number of records")
      ->capture_default_str()
      ->check(CLI::Range(1, 9'999'999));
  command->add_option("--seed", options->archive.seed, "The same seed gives the same bytes on every machine")
      ->capture_default_str();
  command->add_option("--rate", options->archive.rates, "Sampling rates in Hz: 100, 500, or both")
      ->capture_default_str()
      ->delimiter(',');
  command->add_flag("--replace", options->archive.replace, "Replace an existing folder");
  command->footer(example("deri synth --out archive --records 200 --seed 1"));
  command->callback([options] {
    {
      Progress progress("synth", "records", options->archive.records);
      options->archive.progress = [&](std::int64_t done, std::int64_t) { progress.update(done); };
      write_synthetic_archive(options->out, options->archive);
    }
    spdlog::info("wrote {} records to {}", options->archive.records, options->out);
  });
}

}  // namespace deri
