#include "deri/nn/ragged_batch.hpp"

#include <utility>
#include <vector>

namespace deri {

using torch::Tensor;

RaggedBatch::RaggedBatch(Sequences from) : sequences(std::move(from)) {
  std::vector<std::int64_t> of_row(static_cast<std::size_t>(rounded(sequences.offsets.back())), sequences.count());
  for (std::int64_t b = 0; b < sequences.count(); ++b)
    for (std::int64_t i = 0; i < sequences.length(b); ++i)
      of_row[static_cast<std::size_t>(sequences.offsets[static_cast<std::size_t>(b)] + i)] = b;
  sequence_of_row = torch::tensor(of_row, torch::kInt64);
}

std::int64_t RaggedBatch::rounded(std::int64_t rows) {
  constexpr std::int64_t kMultiple = 64;
  return (rows + kMultiple - 1) / kMultiple * kMultiple;
}

RaggedBatch RaggedBatch::of_mask(const Tensor& mask) {
  const Tensor lengths = mask.sum(1).to(torch::kInt64).contiguous();
  Sequences sequences;
  for (std::int64_t b = 0; b < lengths.size(0); ++b)
    sequences.offsets.push_back(sequences.offsets.back() + lengths.data_ptr<std::int64_t>()[b]);
  return RaggedBatch(std::move(sequences));
}

Tensor RaggedBatch::rows(const Tensor& x, const Tensor& mask) const {
  const Tensor tokens = mask.reshape({-1}).nonzero().squeeze(1);
  Tensor index = torch::zeros({sequence_of_row.size(0)}, torch::kInt64);
  index.slice(0, 0, tokens.size(0)).copy_(tokens);
  return x.reshape({-1, x.size(2)}).index_select(0, index);
}

Tensor RaggedBatch::means(const Tensor& rows) const {
  std::vector<float> weights;
  for (std::int64_t b = 0; b < sequences.count(); ++b)
    weights.push_back(1.0F / static_cast<float>(sequences.length(b)));
  const Tensor sums = torch::zeros({sequences.count() + 1, rows.size(1)}, rows.options())
                          .index_add(0, sequence_of_row, rows)
                          .slice(0, 0, sequences.count());
  return sums * torch::tensor(weights).unsqueeze(1);
}

}  // namespace deri
