#include "deri/eval/run_page.hpp"

#include <algorithm>
#include <limits>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/html_page.hpp"
#include "deri/eval/report_comparison.hpp"
#include "deri/eval/report_examples.hpp"
#include "deri/eval/report_scoring.hpp"
#include "deri/eval/svg.hpp"
#include "deri/eval/written_reports.hpp"
#include "deri/text/findings.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr int kNearest = 3;

double number(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

Estimate estimate(const Json& value) {
  return {number(value.at("value")), number(value.at("low")), number(value.at("high"))};
}

// The lines of metrics.jsonl of one kind.
std::vector<Json> metric_lines(const fs::path& run, const std::string& kind) {
  const fs::path file = run / "metrics.jsonl";
  std::istringstream text(read_file(file));
  std::vector<Json> lines;
  for (std::string line; std::getline(text, line);) {
    Json json = parse_json(line, file.string());
    if (json.value("kind", "") == kind) lines.push_back(std::move(json));
  }
  return lines;
}

// One value of every line, against the line's number from 1 (the epoch).
Series epoch_series(const std::vector<Json>& lines, const std::string& key, const std::string& name) {
  Series series{name, {}, {}};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    series.x.push_back(static_cast<double>(i + 1));
    series.y.push_back(number(lines[i].value(key, Json())));
  }
  return series;
}

void add_headlines(HtmlPage& page, const Json& label_sets) {
  std::vector<Headline> headlines;
  for (const auto& [set, result] : label_sets.items()) {
    const Estimate trained = estimate(result.at("trained").at("macro_auroc"));
    const Estimate untrained = estimate(result.at("untrained").at("macro_auroc"));
    headlines.push_back({format_number(trained.value), "zero-shot macro AUROC, " + set,
                         fmt::format("95 % interval {} to {}; untrained {}", format_number(trained.low),
                                     format_number(trained.high), format_number(untrained.value))});
  }
  page.headlines(headlines);
}

void add_curves(HtmlPage& page, const fs::path& run) {
  const auto training = metric_lines(run, "epoch_train");
  const auto validation = metric_lines(run, "epoch_validation");
  page.section("Learning");
  page.figure(
      line_chart_svg({"Loss",
                      "epoch",
                      "loss",
                      {epoch_series(training, "loss", "training"), epoch_series(validation, "loss", "validation")}}),
      "Sum of the objective's terms. Training: mean over the epoch, in training mode; validation: at its end.");
  Series auroc = epoch_series(validation, "zero_shot_auroc", "validation");
  if (std::any_of(auroc.y.begin(), auroc.y.end(), [](double y) { return std::isfinite(y); }))
    page.figure(line_chart_svg({"Zero-shot macro AUROC on the validation split", "epoch", "AUROC", {std::move(auroc)}}),
                "The best epoch by this curve is the model shown here; the test split was not looked at.");
}

void add_label_set(HtmlPage& page, const std::string& set, const Json& result) {
  const Json& trained = result.at("trained");
  const Json& untrained = result.at("untrained");
  Table table;
  table.header = {"label", "positives", "AUROC", "untrained", "AUPRC", "prevalence", "F1"};
  IntervalChart chart{fmt::format("AUROC per label, {}", set), "AUROC", {}, {{"trained", {}}, {"untrained", {}}}, 0.5};
  const auto add_row = [&](const std::string& name, const Json& ours, const Json& theirs, const std::string& positives,
                           const std::string& prevalence, const Json& auprc, const Json& f1) {
    table.rows.push_back({name, positives, estimate_cell(estimate(ours)), estimate_cell(estimate(theirs)),
                          estimate_cell(estimate(auprc)), prevalence, format_number(number(f1))});
    chart.rows.push_back(name);
    chart.series[0].values.push_back(estimate(ours));
    chart.series[1].values.push_back(estimate(theirs));
  };
  for (std::size_t i = 0; i < trained.at("labels").size(); ++i) {
    const Json& label = trained.at("labels")[i];
    const std::string name = label.at("label").get<std::string>() + (label.at("frequent").get<bool>() ? "" : " (rare)");
    add_row(name, label.at("auroc"), untrained.at("labels").at(i).at("auroc"), label.at("positives").dump(),
            format_number(number(label.at("prevalence"))), label.at("auprc"), label.at("f1"));
  }
  table.summary_rows = {table.rows.size(), table.rows.size() + 1};
  add_row("macro", trained.at("macro_auroc"), untrained.at("macro_auroc"), "", "", trained.at("macro_auprc"),
          trained.at("macro_f1"));
  add_row("macro, ≥ 10 positives", trained.at("macro_auroc_frequent"), untrained.at("macro_auroc_frequent"), "", "",
          trained.at("macro_auprc_frequent"), Json());
  const Json& difference = result.at("macro_auroc_trained_minus_untrained");
  table.caption =
      fmt::format("{}: {} records. Trained minus untrained, macro AUROC: {} [{}, {}].", set,
                  result.at("records").dump(), format_number(number(difference.at("difference"))),
                  format_number(number(difference.at("low"))), format_number(number(difference.at("high"))));
  page.subsection(fmt::format("Label set: {}", set));
  page.table(table);
  page.figure(interval_chart_svg(chart), "Dots with 95 % bootstrap intervals; the dashed line is chance.");
}

// Reports of a split, each distinct text once, with their embeddings.
struct ReportIndex {
  std::vector<std::string> texts;
  torch::Tensor embeddings;  // [texts, width]
};

ReportIndex index_reports(const ModelBundle& bundle, const Store& store, const std::vector<std::size_t>& records) {
  ReportIndex index;
  std::unordered_set<std::string> seen;
  for (const std::size_t record : records) {
    const std::string text = clean_report(store.record(record).report);
    if (count_words(text) > 0 && seen.insert(text).second) index.texts.push_back(text);
  }
  index.embeddings = embed_texts(bundle, index.texts, torch::kCPU);
  return index;
}

SignalMatrix millivolts(const Store& store, std::size_t record) {
  const auto signal = store.signal(record);
  SignalMatrix matrix{store.info().leads, static_cast<std::size_t>(store.info().samples), store.info().rate, {}};
  matrix.values.reserve(signal.size());
  for (const std::int16_t microvolts : signal) matrix.values.push_back(static_cast<float>(microvolts) / 1000.0F);
  return matrix;
}

void add_examples(HtmlPage& page, const RunPageInputs& inputs) {
  const Store& store = *inputs.store;
  const ModelBundle& bundle = *inputs.bundle;
  std::vector<std::size_t> test = store.split(kTest);
  const ReportIndex reports = index_reports(bundle, store, test);
  Rng(inputs.seed).shuffle(test);
  test.resize(std::min(test.size(), static_cast<std::size_t>(inputs.examples)));
  EcgSession session(*bundle.model);
  const torch::Tensor ecgs = embed_ecgs(session, make_reader(store, bundle.config.input), test);
  const torch::Tensor scores = ecgs.matmul(reports.embeddings.t());

  page.section("ECGs and the reports the model finds nearest");
  page.paragraph(
      fmt::format("{} test records drawn at random (not chosen), each with its own report and, of the {} different "
                  "reports of the test split, "
                  "the {} whose embeddings lie nearest to the ECG's.",
                  test.size(), reports.texts.size(), kNearest));
  for (std::size_t i = 0; i < test.size(); ++i) {
    const StoreRecord& record = store.record(test[i]);
    page.subsection("Record " + record.id);
    page.figure(ecg_paper_svg(millivolts(store, test[i]), "ECG of record " + record.id),
                "25 mm/s, 10 mm/mV. Its report: " + clean_report(record.report));
    const auto best = scores[static_cast<std::int64_t>(i)].topk(std::min<std::int64_t>(kNearest, scores.size(1)));
    Table table{{"nearest report", "cosine"}, {}, "", 1, {}};
    for (std::int64_t rank = 0; rank < std::get<1>(best).size(0); ++rank) {
      const auto report = std::get<1>(best)[rank].item<std::int64_t>();
      table.rows.push_back(
          {reports.texts[static_cast<std::size_t>(report)], format_number(std::get<0>(best)[rank].item<double>())});
    }
    page.table(table);
  }
}

// The written reports' scores and some of them, drawn at random, with their ECGs.
void add_written_reports(HtmlPage& page, const RunPageInputs& inputs) {
  const Store& store = *inputs.store;
  ReportScoringInputs scoring_inputs;
  scoring_inputs.reports = read_written_reports(inputs.reports_csv);
  scoring_inputs.store = &store;
  scoring_inputs.judge = inputs.bundle;
  ReportScoring scoring = score_written_reports(scoring_inputs, torch::kCPU);
  page.section("Reports written by the model");
  add_to_page(page, scoring.comparison);
  page.subsection("Some of them, drawn at random (not chosen)");
  add_report_example_legend(page);
  std::unordered_map<std::string, std::size_t> index;
  for (const std::size_t record : store.split(kTest)) index[store.record(record).id] = record;
  const FindingExtractor extractor;
  for (const std::size_t i :
       random_examples(scoring.reports.size(), static_cast<std::size_t>(inputs.examples), inputs.seed)) {
    ReportExample& example = scoring.reports[i];
    example.ecg_svg = ecg_paper_svg(millivolts(store, index.at(example.record)), "ECG of record " + example.record);
    add_report_example(page, example, extractor);
  }
}

}  // namespace

std::string run_page(const RunPageInputs& inputs) {
  const ModelBundle& bundle = *inputs.bundle;
  const Json zero_shot = load_json(inputs.zero_shot_json);
  const Json summary = load_json(inputs.run / "summary.json");
  try {
    const Json& label_sets = zero_shot.at("label_sets");
    HtmlPage page(fmt::format("{} on {}", bundle.config.kind == "merl" ? "MERL" : "DERI",
                              inputs.store->path().filename().string()),
                  "An ECG encoder that learnt from reports, measured without training on labels");
    add_headlines(page, label_sets);
    page.paragraph(fmt::format(
        "{} with a text tower of {} layers, trained on {} ECG-report pairs for {} epochs; the epoch kept is {}. Input: "
        "{} leads, {} s "
        "at {} Hz, scaling {}. Text tower: {}.",
        bundle.config.backbone, bundle.config.text.layers, summary.at("training_records").dump(),
        summary.at("epochs").dump(), summary.at("best_epoch").dump(), bundle.config.input.leads.size(),
        bundle.config.input.seconds, bundle.config.input.rate, bundle.config.input.scaling,
        bundle.config.text.pretrained.empty() ? "our own, small, learnt from these reports alone" : "pretrained"));
    if (!inputs.note.empty()) page.note(inputs.note);
    add_curves(page, inputs.run);
    page.section(fmt::format("Zero-shot classification, {} split", zero_shot.at("split").get<std::string>()));
    page.paragraph(fmt::format(
        "A record's score for a label is the cosine of its embedding with the label's prompt. Intervals: {}. "
        "F1 thresholds chosen on the {} split. Untrained: the same networks with random weights.",
        zero_shot.at("interval").get<std::string>(), zero_shot.at("threshold_chosen_on").get<std::string>()));
    for (const auto& [set, result] : label_sets.items()) add_label_set(page, set, result);
    add_examples(page, inputs);
    if (!inputs.reports_csv.empty()) add_written_reports(page, inputs);
    page.footer(fmt::format("Written by deri {}. Not a medical device: for research only.", DERI_VERSION));
    return page.str();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not what `deri zeroshot --json` writes: {}", inputs.zero_shot_json.string(), error.what());
  }
}

}  // namespace deri
