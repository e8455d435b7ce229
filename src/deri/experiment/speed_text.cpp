#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/multiply_adds.hpp"
#include "deri/model/text_input.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::size_t kSortedBatch = 32;

// Reports by length, shortest first.
std::vector<std::vector<std::int32_t>> sorted_reports(const std::vector<SyntheticPair>& pairs,
                                                      const WordPiece& tokenizer, const TextTowerConfig& config) {
  std::vector<std::string> texts;
  for (const SyntheticPair& pair : pairs) texts.push_back(pair.report);
  auto reports = tokenize_texts(tokenizer, config, texts);
  std::sort(reports.begin(), reports.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return reports;
}

// Batches of at most `size`, padded to `columns` or their longest.
std::vector<TextInput> text_batches(const std::vector<std::vector<std::int32_t>>& reports, std::size_t size,
                                    std::size_t columns, std::int32_t pad_id) {
  std::vector<TextInput> batches;
  for (std::size_t first = 0; first < reports.size(); first += size) {
    std::vector<const std::vector<std::int32_t>*> rows;
    for (std::size_t i = first; i < std::min(first + size, reports.size()); ++i) rows.push_back(&reports[i]);
    batches.push_back(padded_batch(rows, columns, pad_id, torch::kCPU));
  }
  return batches;
}

Tensor pooled_features(Bert& tower, const std::vector<TextInput>& batches, const SpeedWay& way) {
  const torch::InferenceMode inference(!way.plain());
  const torch::NoGradGuard no_grad;
  const AutocastGuard autocast(way.precision, torch::kCPU);
  std::vector<Tensor> pooled;
  for (const TextInput& batch : batches) pooled.push_back(tower.forward(batch.ids, batch.mask).pooled);
  return torch::cat(pooled);
}

}  // namespace

void measure_text_features(SpeedRun& run) {
  const TextTowerConfig config = published_config().text;
  torch::manual_seed(1);
  Bert tower(bert_options(config));
  tower.eval();
  const std::vector<SyntheticPair> pairs = synthetic_pairs(run.scale().reports);
  const auto tokenizer = speed_tokenizer(pairs);
  const auto reports = sorted_reports(pairs, *tokenizer, config);
  const auto few = static_cast<std::size_t>(run.scale().network_batch);
  // The reference takes one batch, from the middle of the lengths.
  const auto middle = reports.begin() + static_cast<std::ptrdiff_t>((reports.size() - few) / 2);
  const std::vector<std::vector<std::int32_t>> some(middle, middle + static_cast<std::ptrdiff_t>(few));
  const auto padded = text_batches(some, few, static_cast<std::size_t>(config.max_tokens), tokenizer->pad_id());
  const auto same = text_batches(some, few, 0, tokenizer->pad_id());
  const auto sorted = text_batches(reports, kSortedBatch, 0, tokenizer->pad_id());
  double our_operations = 0;
  for (const auto& report : reports)
    our_operations +=
        2 * static_cast<double>(text_tower_multiply_adds(config, static_cast<std::int64_t>(report.size())).forward);

  const Tensor expected = computed(kReference, [&] { return pooled_features(tower, padded, kReference); });
  std::vector<TimedRow> rows;
  for (const SpeedWay& way : usable_ways()) {
    rows.push_back(timed_row(way, [&, way] { pooled_features(tower, way.plain() ? padded : sorted, way); }));
    SpeedRow& row = rows.back().row;
    row.work = static_cast<double>(way.plain() ? few : reports.size());
    row.operations = way.plain() ? 2 * static_cast<double>(few) *
                                       static_cast<double>(text_tower_multiply_adds(config, config.max_tokens).forward)
                                 : our_operations;
    row.difference = greatest_difference(
        computed(way, [&] { return pooled_features(tower, way.plain() ? padded : same, way); }), expected);
    row.note = way.reference() ? fmt::format("one batch of {}, padded to {} tokens", few, config.max_tokens) : "";
  }
  SpeedWorkload workload;
  workload.key = "text";
  workload.title = fmt::format("text features: {} reports through BERT-base, sorted by length", reports.size());
  workload.unit = "reports";
  workload.difference_of = "pooled features, over the reference's greatest value";
  run.measure(std::move(workload), std::move(rows), Repeated::kSteps);
}

}  // namespace deri
