#pragma once
// Scaled dot-product attention (Vaswani et al. 2017), shared by every network here.

#include <cstdint>
#include <vector>

#include <torch/torch.h>

namespace deri {

// softmax(Q K^T / sqrt(D)) V for each of `heads` heads of D channels.
//   query [B, Tq, heads * D], key and value [B, Tk, heads * D] -> [B, Tq, heads * D]
//   key_mask [B, Tk] bool, true = attend to this key; undefined: attend to all. A row without any
//   key gets their mean. dropout: probability of dropping an attention weight; 0 outside training.
torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                     std::int64_t heads, const torch::Tensor& key_mask = {}, double dropout = 0);

// Where the sequences of a ragged batch lie in its rows: sequence b has rows [offsets[b], offsets[b + 1]). Rows behind
// the last sequence belong to none.
struct Sequences {
  std::vector<std::int64_t> offsets{0};

  std::int64_t count() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::int64_t length(std::int64_t b) const {
    return offsets[static_cast<std::size_t>(b) + 1] - offsets[static_cast<std::size_t>(b)];
  }
  // `count` sequences of `length` each.
  static Sequences equal(std::int64_t count, std::int64_t length);
};

// Self-attention of each sequence: qkv [R, 3 heads D], a row holding query, key and value of a token -> [R, heads D]
// float32; rows of no sequence give 0. With the fast kernels for float32 on the CPU alone (see fast_type()). Under
// autocast products take bfloat16.
torch::Tensor attend_within(const torch::Tensor& qkv, std::int64_t heads, const Sequences& sequences);

// The same for a dense batch: qkv [B, T, 3 heads D] -> [B, T, heads D], with key_mask as in attend(). By whichever
// kernels apply.
torch::Tensor attend_within(const torch::Tensor& qkv, std::int64_t heads, const torch::Tensor& key_mask = {});

// Mean of x [B, T, d] over the T where mask [B, T] is true; over all T if mask is undefined.
torch::Tensor mean_of_tokens(const torch::Tensor& x, const torch::Tensor& mask);

}  // namespace deri
