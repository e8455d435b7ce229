#pragma once
// Texts of different lengths as rows of one matrix, without padding.

#include <cstdint>

#include <torch/torch.h>

#include "deri/nn/attention.hpp"

namespace deri {

struct RaggedBatch {
  Sequences sequences;
  torch::Tensor sequence_of_row;  // [R] int64; rows of no sequence: the number of sequences

  // R is rounded() up: kernels are made for numbers of rows, and few numbers shall occur.
  explicit RaggedBatch(Sequences from);
  static std::int64_t rounded(std::int64_t rows);

  // The tokens of a padded batch: mask [B, T] bool, true = token.
  static RaggedBatch of_mask(const torch::Tensor& mask);

  // x [B, T, d] of that mask -> [R, d]; rows of no sequence repeat the first.
  torch::Tensor rows(const torch::Tensor& x, const torch::Tensor& mask) const;
  // The mean of each sequence: [R, d] -> [B, d].
  torch::Tensor means(const torch::Tensor& rows) const;
};

}  // namespace deri
