#include <memory>
#include <optional>

#include <fmt/ranges.h>

#include "deri/app/commands.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/data/ptbxl.hpp"

namespace deri {
namespace {

void report(const PrepareSummary& summary, const std::string& out) {
  spdlog::info("wrote {} records to {}: {} Hz, read at {} Hz", summary.records, out, summary.rate, summary.source_rate);
  for (const auto& [split, records] : summary.splits) spdlog::info("  {}: {} records", split, records);
  if (!summary.dropped_duplicates.empty())
    spdlog::info("  left out {} duplicates that PTB-XL 1.0.3 dropped: {}", summary.dropped_duplicates.size(),
                 fmt::join(summary.dropped_duplicates, ", "));
  if (summary.repaired > 0) spdlog::info("  {} records had missing samples that were filled in", summary.repaired);
  if (!summary.unknown_codes.empty())
    spdlog::warn("codes without a row in scp_statements.csv: {}", fmt::join(summary.unknown_codes, ", "));
  if (summary.rejected > 0)
    spdlog::warn("{} records were rejected, see {}/rejected.csv; the first: {}", summary.rejected, out,
                 summary.first_rejection);
}

}  // namespace

void add_prepare_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("prepare", "Turn an archive of ECGs and reports into a store");
  command->require_subcommand(1);

  struct Options {
    std::string source, out;
    std::optional<double> rate;
    PrepareOptions prepare;
  };
  auto options = std::make_shared<Options>();
  CLI::App* ptbxl = command->add_subcommand("ptbxl", "PTB-XL, or any folder in its layout");
  ptbxl->add_option("source", options->source, "Folder with ptbxl_database.csv")->required();
  ptbxl->add_option("--out", options->out, "Store to write")->required();
  ptbxl->add_option("--rate", options->rate, "Rate of the store in Hz; by default that of the records read");
  ptbxl->add_option("--threads", options->prepare.threads, "Threads that read; 0: one per core")->capture_default_str();
  ptbxl->add_flag("--replace", options->prepare.replace, "Replace an existing store");
  ptbxl->footer(example("deri prepare ptbxl archive --out store"));
  ptbxl->callback([options] {
    PrepareSummary summary;
    {
      std::unique_ptr<Progress> progress;
      options->prepare.rate = options->rate;
      options->prepare.progress = [&](std::int64_t done, std::int64_t total) {
        if (!progress) progress = std::make_unique<Progress>("prepare", "records", total);
        progress->update(done);
      };
      summary = prepare_ptbxl(options->source, options->out, options->prepare);
    }
    report(summary, options->out);
  });
}

}  // namespace deri
