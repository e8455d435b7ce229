#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/report_scoring.hpp"
#include "deri/eval/report_writing.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/text/report.hpp"
#include "deri/train/report_train.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

void add_train_command(CLI::App& report) {
  struct Options {
    std::string config, model, data, out;
    std::vector<std::string> overrides;
    bool resume = false;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = report.add_subcommand("train", "Train a report writer on top of an encoder");
  command->add_option("--model", options->model, "The encoder: a model folder of deri pretrain")->required();
  command->add_option("--data", options->data, "Store with reports")->required();
  command->add_option("--out", options->out, "Run folder to write; OUT/best is the writer")->required();
  command->add_option("--config", options->config,
                      "YAML file; see configs/report-small.yaml. Without one: the published decoder's sizes");
  command->add_option("--set", options->overrides, "Override a key: --set writer.memory=pooled (repeatable)");
  command->add_flag("--resume", options->resume, "Go on from the run's newest checkpoint; begin if there is none");
  command->add_option("--threads", options->threads, "Threads of the computation; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->footer(
      example("deri report train --config configs/report-small.yaml --model run/best --data store --out writer"));
  command->callback([options] {
    set_computation_threads(options->threads);
    const ReportTrainConfig config = load_report_train_config(options->config, options->overrides);
    const Json summary = train_report_writer(config, load_model(options->model), options->model, Store(options->data),
                                             options->out, options->resume);
    spdlog::info("done: best epoch {} by validation {} {}; writers in {}/best and {}/last",
                 summary["best_epoch"].dump(), summary["selected_by"].get<std::string>(),
                 summary["best_validation_score"].dump(), options->out, options->out);
  });
}

struct WriteOptions {
  std::string model, data, out, tokens, strategy = "beam", precision = "float32", device = "cpu";
  std::vector<std::string> splits = {kTest}, files;
  WritingOptions writing;
};

WrittenReport written_report(std::string record, std::string split, std::string truth, const WrittenText& text) {
  return {.record = std::move(record),
          .split = std::move(split),
          .truth = std::move(truth),
          .text = text.text,
          .tokens = text.decoded.token_log_probability.size() - (text.decoded.finished ? 1 : 0),
          .log_probability = text.mean_log_probability(),
          .finished = text.decoded.finished};
}

// Reports with their tokens, as --tokens writes them.
struct Written {
  std::vector<WrittenReport> reports;
  std::string token_lines;
  std::vector<std::string> rejected;

  void add(WrittenReport report, const WrittenText& text, const ReportTokenizer& tokenizer) {
    Json tokens = Json::array();
    for (std::size_t i = 0; i < text.decoded.token_log_probability.size(); ++i)
      tokens.push_back({{"token", tokenizer.token(text.decoded.ids[i + 1])},
                        {"log_probability", text.decoded.token_log_probability[i]}});
    const Json line = {{"record", report.record},
                       {"split", report.split},
                       {"generated", report.text},
                       {"score", text.decoded.score},
                       {"tokens", std::move(tokens)}};
    token_lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    reports.push_back(std::move(report));
  }
};

Written write_store(const WriterBundle& bundle, const Store& store, const WriteOptions& options,
                    const torch::Device& device) {
  Written written;
  const SignalReader reader = make_reader(store, bundle.encoder.config.input);
  for (const std::string& split : options.splits) {
    const std::vector<std::size_t> records = store.split(split);
    const std::vector<WrittenText> texts = write_reports(bundle, reader, records, options.writing, device);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const StoreRecord& record = store.record(records[i]);
      written.add(written_report(record.id, split, clean_report(record.report), texts[i]), texts[i], *bundle.tokenizer);
    }
  }
  return written;
}

Written write_files(const WriterBundle& bundle, const ReadOptions& read, const WriteOptions& options,
                    const torch::Device& device) {
  Written written;
  const InputConfig& input = bundle.encoder.config.input;
  const auto leads = static_cast<std::int64_t>(input.leads.size());
  std::vector<float> batch;
  std::vector<std::string> names;
  const torch::NoGradGuard no_grad;
  const auto flush = [&] {
    if (names.empty()) return;
    const torch::Tensor ecg = torch::from_blob(
        batch.data(), {static_cast<std::int64_t>(names.size()), leads, input.samples()}, torch::kFloat32);
    const auto texts =
        write_reports(bundle, bundle.writer->encode(ecg.to(device)), options.writing, device, written.reports.size());
    for (std::size_t i = 0; i < names.size(); ++i)
      written.add(written_report(names[i], "", "", texts[i]), texts[i], *bundle.tokenizer);
    batch.clear();
    names.clear();
  };
  Progress progress("write", "files", static_cast<std::int64_t>(options.files.size()));
  for (std::size_t i = 0; i < options.files.size(); ++i) {
    try {
      const std::vector<float> ecg = model_input(read_recording(options.files[i], read), input);
      batch.insert(batch.end(), ecg.begin(), ecg.end());
      names.push_back(options.files[i]);
    } catch (const Error& error) {
      written.rejected.emplace_back(error.what());
    }
    if (static_cast<std::int64_t>(names.size()) == options.writing.batch_size) flush();
    progress.update(static_cast<std::int64_t>(i + 1));
  }
  flush();
  return written;
}

void write_command(WriteOptions options, const ReadOptions& read) {
  if (options.data.empty() == options.files.empty()) fail("name a store with --data, or ECG files");
  options.writing.nucleus = options.strategy == "nucleus";
  options.writing.bfloat16 = options.precision == "bfloat16";
  if (options.strategy == "greedy") options.writing.beams = 1;
  const torch::Device device = parse_device(options.device);
  const WriterBundle bundle = load_writer(options.model);
  bundle.writer->to(device);
  const Written written = options.files.empty() ? write_store(bundle, Store(options.data), options, device)
                                                : write_files(bundle, read, options, device);
  for (const std::string& reason : written.rejected) spdlog::warn("{}", reason);
  if (written.reports.empty()) fail("none of {} files could be read", options.files.size());
  if (!written.rejected.empty()) spdlog::warn("{} files were left out", written.rejected.size());
  if (!options.tokens.empty()) write_file_atomic(options.tokens, written.token_lines);
  if (!options.out.empty()) {
    save_written_reports(options.out, written.reports);
    spdlog::info("wrote {} reports to {}", written.reports.size(), options.out);
    return;
  }
  for (const WrittenReport& report : written.reports) std::cout << report.record << '\t' << report.text << '\n';
}

void add_write_command(CLI::App& report) {
  auto options = std::make_shared<WriteOptions>();
  auto read = std::make_shared<ReadOptions>();
  CLI::App* command = report.add_subcommand("write", "Write reports of a store's records, or of ECG files");
  command->add_option("--model", options->model, "Report writer: a folder of deri report train")->required();
  CLI::Option* data = command->add_option("--data", options->data, "Store");
  command->add_option("files", options->files, "ECG files of any format, instead of a store")->excludes(data);
  command
      ->add_option("--split", options->splits,
                   "train, validation, test (several with commas); score wants validation,test")
      ->delimiter(',')
      ->capture_default_str()
      ->needs(data);
  command->add_option("--out", options->out, "CSV to write; without it the reports are printed");
  command->add_option("--tokens", options->tokens, "JSON lines to write: each report's tokens with log-probabilities");
  command->add_option("--strategy", options->strategy, "beam, greedy, or nucleus (drawn at random, with --seed)")
      ->capture_default_str()
      ->check(CLI::IsMember({"beam", "greedy", "nucleus"}));
  WritingOptions& writing = options->writing;
  command->add_option("--beams", writing.beams, "Width of the beam search")->capture_default_str();
  command->add_option("--length-penalty", writing.length_penalty, "Beam scores are divided by length to this power")
      ->capture_default_str();
  command->add_option("--max-tokens", writing.max_tokens, "Longest report; by default as the writer was trained");
  command->add_option("--min-tokens", writing.min_tokens, "Shortest report");
  command->add_option("--no-repeat", writing.no_repeat, "No run of so many tokens appears twice; 0: any may")
      ->capture_default_str();
  command->add_option("--top-p", writing.top_p, "Nucleus: probability kept")->capture_default_str();
  command->add_option("--temperature", writing.temperature, "Nucleus: of the softmax")->capture_default_str();
  command->add_option("--seed", writing.seed, "Nucleus: of the draws")->capture_default_str();
  command->add_option("--batch", writing.batch_size, "ECGs at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  command->add_option("--precision", options->precision, "float32, or bfloat16 weights of the decoder")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  add_read_options(*command, read);
  command->footer(
      example("deri report write --model writer/best --data store --split validation,test --out reports.csv"));
  command->callback([options, read] { write_command(*options, *read); });
}

struct ScoreOptions {
  std::string reports, name = "writer", data, model, prompts, json, markdown, device = "cpu";
  std::vector<std::string> against, label_sets;
  ReportScoringInputs inputs;
  std::size_t examples = 20;
  std::uint64_t example_seed = 0;
};

// The encoder's folder of a report writer; any other folder as it is.
ModelBundle load_judge(const std::string& folder) {
  const fs::path encoder = fs::path(folder) / "encoder";
  return load_model(fs::is_directory(encoder) ? encoder : fs::path(folder));
}

std::vector<std::pair<std::string, std::vector<WrittenReport>>> read_systems(const std::vector<std::string>& against) {
  std::vector<std::pair<std::string, std::vector<WrittenReport>>> systems;
  for (const std::string& assignment : against) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) fail("--against {}: write NAME=FILE", assignment);
    systems.emplace_back(assignment.substr(0, equals), read_written_reports(assignment.substr(equals + 1)));
  }
  return systems;
}

std::vector<ReportExample> drawn_examples(const ReportScoring& scoring, const ScoreOptions& options) {
  std::vector<ReportExample> examples;
  for (const std::size_t i : random_examples(scoring.reports.size(), options.examples, options.example_seed))
    examples.push_back(scoring.reports[i]);
  return examples;
}

void score_command(ScoreOptions& options) {
  ReportScoringInputs& inputs = options.inputs;
  inputs.name = options.name;
  inputs.reports = read_written_reports(options.reports);
  inputs.against = read_systems(options.against);
  const torch::Device device = parse_device(options.device);
  std::optional<Store> store;
  if (!options.data.empty()) inputs.store = &store.emplace(options.data);
  std::optional<ModelBundle> judge;
  if (!options.model.empty()) {
    inputs.judge = &judge.emplace(load_judge(options.model));
    judge->model->to(device);
    if (!options.prompts.empty()) judge->prompts = Prompts::load(options.prompts);
  }
  inputs.label_sets = options.label_sets;
  if (store && inputs.label_sets.empty())
    for (const auto& entry : store->info().label_sets) inputs.label_sets.push_back(entry.first);
  const ReportScoring scoring = score_written_reports(inputs, device);

  std::cout << to_text(scoring.comparison);
  for (const std::string& missing : scoring.not_computed) spdlog::info("not computed: {}", missing);
  if (scoring.without_truth > 0)
    spdlog::warn("{} records have no true report and were left out", scoring.without_truth);
  if (!options.json.empty()) {
    Json json = to_json(scoring.comparison);
    json["reports"] = options.reports;
    json["split"] = inputs.split;
    json["judge"] = options.model;
    json["records_without_report"] = scoring.without_truth;
    save_json(options.json, json);
  }
  if (!options.markdown.empty())
    write_file_atomic(options.markdown,
                      to_markdown(scoring.comparison) + "\n" +
                          report_examples_markdown(drawn_examples(scoring, options), FindingExtractor()));
}

void add_score_command(CLI::App& report) {
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = report.add_subcommand(
      "score", "Score written reports: findings, clinical efficacy, word overlap, with baselines and intervals");
  command
      ->add_option("--reports", options->reports,
                   "CSV of deri report write, or with the columns record, split, truth, "
                   "generated")
      ->required();
  command->add_option("--name", options->name, "What to call them in the tables")->capture_default_str();
  command->add_option(
      "--against", options->against,
      "NAME=CSV of another system's reports on the same records (repeatable), such as a writer on a random "
      "encoder");
  command->add_option("--data", options->data, "Store: for the most frequent and the nearest report, and for labels");
  command->add_option("--model", options->model,
                      "Writer or encoder whose text tower judges, and whose embedding finds the nearest ECG");
  command->add_option("--prompts", options->prompts, "JSON of class prompts; by default the model's own");
  command->add_option("--labels", options->label_sets, "Label sets told from reports; by default all of the store")
      ->delimiter(',');
  command->add_option("--split", options->inputs.split, "train, validation or test")->capture_default_str();
  command->add_option("--json", options->json, "Write every number to this file");
  command->add_option("--markdown", options->markdown, "Write tables and examples to this file");
  command->add_option("--examples", options->examples, "Examples in the Markdown file, drawn at random")
      ->capture_default_str();
  command->add_option("--example-seed", options->example_seed, "Of the draw")->capture_default_str();
  command->add_flag("--present-only", options->inputs.options.present_only,
                    "Findings that a report calls possible do not count as positive");
  command->add_option("--resamples", options->inputs.options.bootstrap.resamples, "Bootstrap resamples")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--seed", options->inputs.options.bootstrap.seed, "Of the bootstrap")->capture_default_str();
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  command->footer(
      example("deri report score --reports reports.csv --data store --model writer/best --json report-scores.json"));
  command->callback([options] { score_command(*options); });
}

}  // namespace

void add_report_command(CLI::App& app) {
  CLI::App* report = app.add_subcommand("report", "Reports from ECGs: train a writer, write, score");
  report->require_subcommand(1);
  report->footer(example("deri report write --help"));
  add_train_command(*report);
  add_write_command(*report);
  add_score_command(*report);
}

}  // namespace deri
