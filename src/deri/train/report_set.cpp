#include "deri/train/report_set.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "deri/base/random.hpp"
#include "deri/model/text_input.hpp"
#include "deri/text/report.hpp"

namespace deri {

ReportSet::ReportSet(const Store& store, const WordPiece& tokenizer, const TextTowerConfig& config)
    : config_(config), pad_id_(tokenizer.pad_id()) {
  std::unordered_map<std::string, std::size_t> known;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < store.size(); ++i) {
    std::string text = clean_report(store.record(i).report);
    const auto [entry, is_new] = known.try_emplace(text, texts.size());
    if (is_new) texts.push_back(std::move(text));
    report_of_record_.push_back(entry->second);
  }
  token_ids_ = tokenize_texts(tokenizer, config, texts);
}

std::size_t ReportSet::distinct(const std::vector<std::size_t>& records) const {
  std::unordered_set<std::size_t> reports;
  for (const std::size_t record : records) reports.insert(report_of_record_.at(record));
  return reports.size();
}

TextInput ReportSet::batch(const std::vector<std::size_t>& records, const torch::Device& device) const {
  std::vector<const std::vector<std::int32_t>*> rows;
  rows.reserve(records.size());
  for (const std::size_t record : records) rows.push_back(&token_ids_[report_of_record_.at(record)]);
  return make_text_input(rows, config_, pad_id_, device);
}

TextInput ReportSet::batch_with_dropout(const std::vector<std::size_t>& records, double token_dropout,
                                        std::uint64_t seed, const torch::Device& device) const {
  Rng rng(seed);
  std::vector<std::vector<std::int32_t>> thinned;
  thinned.reserve(records.size());
  for (const std::size_t record : records) {
    const std::vector<std::int32_t>& tokens = token_ids_[report_of_record_.at(record)];
    std::vector<std::int32_t>& kept = thinned.emplace_back();
    const double dropout = rng.uniform(0, token_dropout);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (i == 0 || i + 1 == tokens.size() || !rng.chance(dropout)) kept.push_back(tokens[i]);
  }
  std::vector<const std::vector<std::int32_t>*> rows;
  rows.reserve(thinned.size());
  for (const auto& tokens : thinned) rows.push_back(&tokens);
  return make_text_input(rows, config_, pad_id_, device);
}

std::int64_t ReportSet::columns(const std::vector<std::size_t>& records) const {
  if (config_.pad_to_max) return config_.max_tokens;
  std::size_t longest = 0;
  for (const std::size_t record : records) longest = std::max(longest, token_ids_[report_of_record_.at(record)].size());
  return static_cast<std::int64_t>(longest);
}

torch::Tensor ReportSet::same_report(const std::vector<std::size_t>& records, const torch::Device& device) const {
  std::vector<std::int64_t> reports;
  reports.reserve(records.size());
  for (const std::size_t record : records) reports.push_back(static_cast<std::int64_t>(report_of_record_.at(record)));
  const torch::Tensor ids = torch::tensor(reports, torch::kInt64).to(device);
  return ids.unsqueeze(0) == ids.unsqueeze(1);
}

std::vector<std::size_t> records_with_report(const Store& store, const char* split) {
  std::vector<std::size_t> records;
  for (const std::size_t record : store.split(split))
    if (count_words(store.record(record).report) > 0) records.push_back(record);
  return records;
}

std::vector<std::string> cleaned_reports(const Store& store, const std::vector<std::size_t>& records) {
  std::vector<std::string> texts;
  texts.reserve(records.size());
  for (const std::size_t record : records) texts.push_back(clean_report(store.record(record).report));
  return texts;
}

}  // namespace deri
