#pragma once
// Scaled dot-product attention (Vaswani et al. 2017), shared by every network here.

#include <cstdint>

#include <torch/torch.h>

namespace deri {

// softmax(Q K^T / sqrt(D)) V for each of `heads` heads of D channels.
//   query [B, Tq, heads * D], key and value [B, Tk, heads * D] -> [B, Tq, heads * D]
//   key_mask [B, Tk] bool, true = attend to this key; undefined: attend to all. A row without any
//   key gets their mean. dropout: probability of dropping an attention weight; 0 outside training.
torch::Tensor attend(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                     std::int64_t heads, const torch::Tensor& key_mask = {}, double dropout = 0);

// Mean of x [B, T, d] over the T where mask [B, T] is true; over all T if mask is undefined.
torch::Tensor mean_of_tokens(const torch::Tensor& x, const torch::Tensor& mask);

}  // namespace deri
