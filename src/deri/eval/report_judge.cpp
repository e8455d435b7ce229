#include "deri/eval/report_judge.hpp"

#include <unordered_map>

#include "deri/base/error.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

constexpr std::int64_t kEcgBatch = 64;

// Reports are often the same: each text goes through the tower once.
torch::Tensor embed_reports(const ModelBundle& bundle, const std::vector<std::string>& reports,
                            const torch::Device& device) {
  std::unordered_map<std::string, std::int64_t> known;
  std::vector<std::string> distinct;
  std::vector<std::int64_t> rows;
  for (const std::string& report : reports) {
    const auto [entry, is_new] = known.try_emplace(report, static_cast<std::int64_t>(distinct.size()));
    if (is_new) distinct.push_back(report);
    rows.push_back(entry->second);
  }
  return embed_texts(bundle, distinct, device).index_select(0, torch::tensor(rows, torch::kInt64));
}

}  // namespace

ReportJudge::ReportJudge(const ModelBundle& bundle, const torch::Device& device)
    : bundle_(bundle), device_(device), labels_(bundle.prompts.labels()) {
  if (labels_.empty()) fail("the judge's model has no prompts.json: name class prompts with --prompts");
  classes_ = class_embeddings(bundle, labels_, device);
}

std::vector<int> ReportJudge::classes(const std::vector<std::string>& reports) const {
  const torch::Tensor nearest = embed_reports(bundle_, reports, device_).matmul(classes_.t()).argmax(1);
  std::vector<int> classes;
  classes.reserve(reports.size());
  for (std::int64_t i = 0; i < nearest.size(0); ++i) classes.push_back(nearest[i].item<int>());
  return classes;
}

ScoredLabels ReportJudge::scored(const Store& store, const std::string& label_set,
                                 const std::vector<std::size_t>& records,
                                 const std::vector<std::string>& reports) const {
  DERI_CHECK(records.size() == reports.size());
  const LabelMatrix labels = label_matrix(store, records, label_set);
  std::unordered_map<std::size_t, const std::string*> report_of;
  for (std::size_t i = 0; i < records.size(); ++i) report_of[records[i]] = &reports[i];
  std::vector<std::string> labelled;
  for (const std::size_t record : labels.indices) labelled.push_back(*report_of.at(record));
  if (labelled.empty()) fail("{}: no record to score has a label of the set '{}'", store.path().string(), label_set);
  return zero_shot_scores(embed_reports(bundle_, labelled, device_), class_embeddings(bundle_, labels.labels, device_),
                          labels);
}

LabelSetScores ReportJudge::label_set(const Store& store, const std::string& label_set,
                                      const std::vector<std::size_t>& records, const std::vector<std::string>& reports,
                                      const std::vector<std::size_t>& validation_records,
                                      const std::vector<std::string>& validation_reports,
                                      const BootstrapOptions& options) const {
  const ScoredLabels test = scored(store, label_set, records, reports);
  const MultiLabelMetrics metrics =
      evaluate_multilabel(test, scored(store, label_set, validation_records, validation_reports));
  const MultiLabelIntervals intervals = bootstrap_intervals(test, metrics, options);
  return {label_set, intervals.macro.auroc, intervals.macro.f1};
}

std::vector<std::string> nearest_reports(const ModelBundle& bundle, const Store& store,
                                         const std::vector<std::size_t>& training,
                                         const std::vector<std::size_t>& records) {
  const SignalReader reader = make_reader(store, bundle.config.input);
  EcgSession session(*bundle.model);
  const torch::Tensor known = embed_ecgs(session, reader, training);
  const torch::Tensor asked = embed_ecgs(session, reader, records);
  std::vector<std::string> reports;
  // In blocks: all cosines of a large archive at once would fill the memory.
  for (std::int64_t first = 0; first < asked.size(0); first += kEcgBatch) {
    const torch::Tensor nearest = asked.slice(0, first, first + kEcgBatch).matmul(known.t()).argmax(1);
    for (std::int64_t i = 0; i < nearest.size(0); ++i)
      reports.push_back(
          clean_report(store.record(training.at(static_cast<std::size_t>(nearest[i].item<std::int64_t>()))).report));
  }
  return reports;
}

}  // namespace deri
