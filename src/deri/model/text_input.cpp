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

TextInput make_text_input(const std::vector<const std::vector<std::int32_t>*>& token_ids, const TextTowerConfig& config,
                          std::int32_t pad_id, const torch::Device& device) {
  DERI_CHECK(!token_ids.empty());
  std::size_t width = config.pad_to_max ? static_cast<std::size_t>(config.max_tokens) : 0;
  for (const auto* ids : token_ids) width = std::max(width, ids->size());
  const auto rows = static_cast<std::int64_t>(token_ids.size());
  const auto columns = static_cast<std::int64_t>(width);
  torch::Tensor ids = torch::full({rows, columns}, pad_id, torch::kInt64);
  torch::Tensor mask = torch::zeros({rows, columns}, torch::kBool);
  auto id_of = ids.accessor<std::int64_t, 2>();
  auto is_token = mask.accessor<bool, 2>();
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::vector<std::int32_t>& tokens = *token_ids[static_cast<std::size_t>(row)];
    for (std::size_t column = 0; column < tokens.size(); ++column) {
      id_of[row][static_cast<std::int64_t>(column)] = tokens[column];
      is_token[row][static_cast<std::int64_t>(column)] = true;
    }
  }
  return {ids.to(device), mask.to(device)};
}

}  // namespace deri
