#pragma once
// The reports of a store, tokenised once per distinct text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/data/store.hpp"
#include "deri/model/config.hpp"
#include "deri/model/ecg_text_model.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

class ReportSet {
 public:
  ReportSet(const Store& store, const WordPiece& tokenizer, const TextTowerConfig& config);

  // Number of different reports (after cleaning) among these records.
  std::size_t distinct(const std::vector<std::size_t>& records) const;
  // The reports of these records as one batch.
  TextInput batch(const std::vector<std::size_t>& records, const torch::Device& device) const;
  // The same with tokens left out, see AugmentConfig::token_dropout; drawn from `seed`.
  TextInput batch_with_dropout(const std::vector<std::size_t>& records, double token_dropout, std::uint64_t seed,
                               const torch::Device& device) const;
  // Which report a record has: a number from 0.
  std::size_t report_of(std::size_t record) const { return report_of_record_.at(record); }
  // Of a report, as the tower reads them.
  const std::vector<std::int32_t>& token_ids(std::size_t report) const { return token_ids_.at(report); }
  std::int32_t pad_id() const { return pad_id_; }
  // T of batch(): how many columns the reports of these records need.
  std::int64_t columns(const std::vector<std::size_t>& records) const;
  // [B,B] bool: true where two of these records have the same report.
  torch::Tensor same_report(const std::vector<std::size_t>& records, const torch::Device& device) const;

 private:
  TextTowerConfig config_;
  std::int32_t pad_id_;
  std::vector<std::size_t> report_of_record_;
  std::vector<std::vector<std::int32_t>> token_ids_;
};

// Records of a split whose report says anything.
std::vector<std::size_t> records_with_report(const Store& store, const char* split);

// The reports of a split's records, cleaned: the corpus a vocabulary is learnt from.
std::vector<std::string> cleaned_reports(const Store& store, const std::vector<std::size_t>& records);

}  // namespace deri
