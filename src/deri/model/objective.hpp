#pragma once
// The contrastive objective and its weighted sum.

#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "deri/model/config.hpp"

namespace deri {

// The terms a model computed, unweighted: name as in ObjectiveConfig, value [].
using LossTerms = std::vector<std::pair<std::string, torch::Tensor>>;

// CLIP's loss (Radford et al. 2021), rows plus columns: with x and y L2-normalised and S = x y^T / temperature,
//   -mean_i log softmax_j(S)_ii - mean_j log softmax_i(S)_jj.
// x, y [B, d]; the result is a scalar. Computed in float32 at least, also under autocast.
// same_report [B, B] bool (optional), true where two records have the same report: those pairs off the diagonal are
// left out of the denominators, being neither positives nor true negatives.
torch::Tensor clip(const torch::Tensor& x, const torch::Tensor& y, double temperature,
                   const torch::Tensor& same_report = {});

// The weight the objective gives to a term. A name it does not have is an internal error.
double term_weight(const ObjectiveConfig& objective, const std::string& name);

// sum of weight * term. Throws Error if there is no term (all that the model has are of weight 0).
torch::Tensor total_loss(const LossTerms& terms, const ObjectiveConfig& objective);

// Adds clip(x, y) to `terms` as `name`, unless its weight is 0.
void add_clip_term(LossTerms& terms, const std::string& name, const torch::Tensor& x, const torch::Tensor& y,
                   const ObjectiveConfig& objective, const torch::Tensor& same_report);

}  // namespace deri
