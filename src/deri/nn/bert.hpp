#pragma once
// BERT (Devlin et al. 2019): post-norm transformer encoder with GELU (erf) and a tanh pooler.
// Tensor names and results are those of HuggingFace's BertModel with token types 0.

#include <cstdint>
#include <memory>

#include <torch/torch.h>

namespace deri {

struct BertOptions {
  std::int64_t vocabulary, hidden, layers, heads, intermediate, positions;
  double dropout;  // of embeddings, attention weights and both outputs of a layer, in training
  // The pooler reads the mean of the tokens between the first and the last of a row ([CLS] and [SEP]: with them the
  // mean would tell the text's length) instead of the first token.
  bool mean_pooling = false;
};

struct BertOutput {
  torch::Tensor hidden;  // [B, T, H]
  torch::Tensor pooled;  // [B, H]: tanh of a linear map of the first token, or of the tokens' mean
};

class BertEmbeddings;
class BertEncoder;
class BertPooler;

class Bert : public torch::nn::Module {
 public:
  // Weights ~ N(0, 0.02), biases 0, norms the identity: BERT's own start.
  explicit Bert(const BertOptions& options);

  // ids [B, T] int64 in [0, vocabulary), T <= positions; mask [B, T] bool, true = token (pads are
  // not attended to).
  BertOutput forward(const torch::Tensor& ids, const torch::Tensor& mask);

 private:
  std::shared_ptr<BertEmbeddings> embeddings_;
  std::shared_ptr<BertEncoder> encoder_;
  std::shared_ptr<BertPooler> pooler_;
  bool mean_pooling_;
};

}  // namespace deri
