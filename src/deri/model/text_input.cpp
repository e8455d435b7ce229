#include "deri/model/text_input.hpp"

#include <algorithm>

#include "deri/base/error.hpp"
#include "deri/text/report.hpp"

namespace deri {

std::vector<std::vector<std::int32_t>> tokenize_texts(const WordPiece& tokenizer, const TextTowerConfig& config,
                                                      const std::vector<std::string>& texts) {
  std::vector<std::vector<std::int32_t>> token_ids;
  token_ids.reserve(texts.size());
  for (const std::string& text : texts)
    token_ids.push_back(tokenizer.encode(clean_report(text), static_cast<std::size_t>(config.max_tokens)));
  return token_ids;
}

TextInput padded_batch(const std::vector<const std::vector<std::int32_t>*>& token_ids, std::size_t columns,
                       std::int32_t pad_id, const torch::Device& device) {
  DERI_CHECK(!token_ids.empty());
  for (const auto* ids : token_ids) columns = std::max(columns, ids->size());
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(token_ids.size()),
                                        static_cast<std::int64_t>(columns)};
  torch::Tensor ids = torch::full(shape, pad_id, torch::kInt64);
  torch::Tensor mask = torch::zeros(shape, torch::kBool);
  auto id_of = ids.accessor<std::int64_t, 2>();
  auto is_token = mask.accessor<bool, 2>();
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    const std::vector<std::int32_t>& tokens = *token_ids[static_cast<std::size_t>(row)];
    for (std::size_t column = 0; column < tokens.size(); ++column) {
      id_of[row][static_cast<std::int64_t>(column)] = tokens[column];
      is_token[row][static_cast<std::int64_t>(column)] = true;
    }
  }
  return {ids.to(device), mask.to(device)};
}

TextInput make_text_input(const std::vector<const std::vector<std::int32_t>*>& token_ids, const TextTowerConfig& config,
                          std::int32_t pad_id, const torch::Device& device) {
  return padded_batch(token_ids, config.pad_to_max ? static_cast<std::size_t>(config.max_tokens) : 0, pad_id, device);
}

}  // namespace deri
