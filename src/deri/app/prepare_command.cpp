#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/ranges.h>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/data/cpsc2018.hpp"
#include "deri/data/csn.hpp"
#include "deri/data/folder.hpp"
#include "deri/data/mimic.hpp"
#include "deri/data/ptbxl.hpp"

namespace deri {
namespace {

// What every data set's command takes.
struct CommonOptions {
  std::string source, out, splits = "strict";
  PrepareOptions prepare;
};

void report(const PrepareSummary& summary, const std::string& out) {
  spdlog::info("wrote {} records to {}, at {} Hz", summary.records, out, summary.rate);
  if (summary.resumed > 0) spdlog::info("  went on where an earlier run had stopped, after {}", summary.resumed);
  for (const auto& [split, records] : summary.splits) spdlog::info("  {}: {} records", split, records);
  for (const std::string& note : summary.notes) spdlog::info("  {}", note);
  if (summary.repaired > 0) spdlog::info("  {} records had missing samples that were filled in", summary.repaired);
  if (summary.rejected == 0) return;
  spdlog::warn("{} records were rejected, see {}/rejected.csv; the first: {}", summary.rejected, out,
               summary.first_rejection);
  for (const auto& [kind, count] : summary.rejections) spdlog::info("  {}: {}", kind, count);
}

using Prepare = std::function<PrepareSummary(const CommonOptions&)>;

// Runs with a progress line and reports.
void run(CommonOptions& options, const Prepare& prepare) {
  PrepareSummary summary;
  {
    std::unique_ptr<Progress> progress;
    options.prepare.progress = [&](std::int64_t done, std::int64_t total) {
      if (!progress) {
        progress = std::make_unique<Progress>("prepare", "records", total);
        progress->start_at(done);
      }
      progress->update(done);
    };
    summary = prepare(options);
  }
  report(summary, options.out);
}

// A subcommand with the options every data set has; what it does is `prepare`.
CLI::App* add_data_set(CLI::App& command, const std::string& name, const std::string& words,
                       const std::string& source_words, const std::shared_ptr<CommonOptions>& options,
                       const std::string& rate_option, Prepare prepare) {
  CLI::App* data_set = command.add_subcommand(name, words);
  data_set->add_option("source", options->source, source_words)->required();
  data_set->add_option("--out", options->out, "Store to write; until it is whole it grows in OUT.partial")->required();
  data_set->add_option(rate_option, options->prepare.rate, "Rate of the store in Hz; by default the data set's own");
  data_set->add_option("--threads", options->prepare.threads, "Threads that read; 0: one per core")
      ->capture_default_str();
  data_set->add_flag("--keep-flat-leads", options->prepare.keep_flat_leads,
                     "Keep records of which a lead was off; by default they are rejected");
  data_set->add_flag("--replace", options->prepare.replace, "Replace an existing store");
  data_set->add_flag("--restart", options->prepare.restart,
                     "Begin anew where an interrupted run would be gone on with (the same command again)");
  data_set->callback([options, prepare = std::move(prepare)] { run(*options, prepare); });
  return data_set;
}

void add_splits(CLI::App* data_set, const std::shared_ptr<CommonOptions>& options, const std::string& words) {
  data_set->add_option("--splits", options->splits, words)->capture_default_str()->type_name("strict|published|DIR");
}

void add_ptbxl(CLI::App& command) {
  auto options = std::make_shared<CommonOptions>();
  auto language = std::make_shared<std::string>("original");
  CLI::App* ptbxl =
      add_data_set(command, "ptbxl", "PTB-XL, or any folder in its layout", "Folder with ptbxl_database.csv", options,
                   "--rate", [language](const CommonOptions& common) {
                     return prepare_ptbxl(common.source, common.out, common.prepare, parse_split_choice(common.splits),
                                          parse_report_language(*language));
                   });
  add_splits(ptbxl, options,
             "strict and published are both strat_fold 1-8, 9, 10; or a folder with train.csv, val.csv, test.csv");
  ptbxl
      ->add_option("--report-language", *language,
                   "en: German and Swedish reports in the English of ECG machines, by a table of phrases; words it "
                   "does not know stay and are counted; mixed: these reports followed by their translation")
      ->capture_default_str()
      ->type_name("original|en|mixed");
  ptbxl->footer(example("deri prepare ptbxl archive --out store"));
}

void add_mimic(CLI::App& command) {
  auto options = std::make_shared<CommonOptions>();
  auto mimic_options = std::make_shared<MimicOptions>();
  CLI::App* mimic =
      add_data_set(command, "mimic", "MIMIC-IV-ECG 1.0", "Folder with record_list.csv and machine_measurements.csv",
                   options, "--rate", [mimic_options](const CommonOptions& common) {
                     mimic_options->splits = parse_split_choice(common.splits);
                     return prepare_mimic(common.source, common.out, common.prepare, *mimic_options);
                   });
  add_splits(
      mimic, options,
      "strict: validation by patient; published: the released code's random 2 % of the records; or a folder with "
      "train.csv, val.csv, test.csv (study_id)");
  mimic->add_option("--validation", mimic_options->validation, "Share of the patients in validation (strict)")
      ->capture_default_str();
  mimic->add_option("--seed", mimic_options->seed, "Which patients (strict)")->capture_default_str();
  mimic->footer(example("deri prepare mimic mimic-iv-ecg-1.0 --out mimic-store"));
}

void add_cpsc2018(CLI::App& command) {
  auto options = std::make_shared<CommonOptions>();
  CLI::App* cpsc = add_data_set(command, "cpsc2018", "CPSC2018, in its original or the PhysioNet challenge's form",
                                "Folder with REFERENCE*.csv and .mat files, or with .hea and .mat files", options,
                                "--rate", [](const CommonOptions& common) {
                                  return prepare_cpsc2018(common.source, common.out, common.prepare,
                                                          parse_split_choice(common.splits));
                                });
  add_splits(cpsc, options,
             "strict: by file name; or the folder of the published files (icbeb_train.csv, icbeb_val.csv, "
             "icbeb_test.csv)");
  cpsc->footer(example("deri prepare cpsc2018 cpsc_2018 --out cpsc-store"));
}

void add_csn(CLI::App& command) {
  auto options = std::make_shared<CommonOptions>();
  auto labels = std::make_shared<std::string>("exact");
  CLI::App* csn = add_data_set(
      command, "csn", "Chapman-Shaoxing-Ningbo", "Folder with WFDBRecords, or with .hea and .mat files", options,
      "--rate", [labels](const CommonOptions& common) {
        return prepare_csn(common.source, common.out, common.prepare,
                           {.splits = parse_split_choice(common.splits), .labels = parse_csn_labels(*labels)});
      });
  add_splits(csn, options,
             "strict: by file name; or the folder of the published files (chapman_train.csv, chapman_val.csv, "
             "chapman_test.csv)");
  csn->add_option("--labels", *labels,
                  "exact: by SNOMED code; published: wherever a label's name occurs in the diagnosis")
      ->capture_default_str()
      ->type_name("exact|published");
  csn->footer(example("deri prepare csn WFDBRecords --out csn-store"));
}

// "file=filename_lr" as a pair. Throws Error for a text of another form.
std::pair<std::string, std::string> parse_column(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size())
    fail("--column {} is not of the form file=NAME", text);
  return {text.substr(0, at), text.substr(at + 1)};
}

void add_folder(CLI::App& command) {
  auto options = std::make_shared<CommonOptions>();
  auto folder_options = std::make_shared<FolderOptions>();
  auto read = std::make_shared<ReadOptions>();
  auto columns = std::make_shared<std::vector<std::string>>();
  CLI::App* folder =
      add_data_set(command, "folder", "Any folder of ECG files with a CSV that lists them", "Folder of the ECG files",
                   options, "--store-rate", [folder_options, read, columns](const CommonOptions& common) {
                     folder_options->read = *read;
                     for (const std::string& column : *columns) folder_options->columns.insert(parse_column(column));
                     return prepare_folder(common.source, common.out, common.prepare, *folder_options);
                   });
  folder->get_option("--store-rate")->description("Rate of the store in Hz; by default 500");
  folder->add_option("--table", folder_options->table,
                     "CSV with the column file and, as far as they are known, id, report, patient, split, labels "
                     "(\"rhythm:SR super:MI\") or label:SET:NAME (1 or 0); by default the one in the folder");
  folder->add_option("--column", *columns, "The table's own name of a column, as file=NAME; may be repeated")
      ->type_name("COLUMN=NAME")
      ->allow_extra_args(false);
  folder->add_option("--validation", folder_options->validation, "Share in validation, where the table names no split")
      ->capture_default_str();
  folder->add_option("--test", folder_options->test, "Share in the test, where the table names no split")
      ->capture_default_str();
  folder->add_option("--seed", folder_options->seed, "Which patients or records these are")->capture_default_str();
  add_read_options(*folder, read);
  folder->footer(
      example("deri prepare folder archive --table archive/ptbxl_database.csv --column file=filename_lr --column "
              "patient=patient_id --out folder-store"));
}

}  // namespace

void add_prepare_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("prepare", "Turn an archive of ECGs and reports into a store");
  command->require_subcommand(1);
  add_ptbxl(*command);
  add_mimic(*command);
  add_cpsc2018(*command);
  add_csn(*command);
  add_folder(*command);
}

}  // namespace deri
