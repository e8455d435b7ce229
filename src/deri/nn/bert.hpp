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
class BertTransform;

class Bert : public torch::nn::Module {
 public:
  // Weights ~ N(0, 0.02), biases 0, norms the identity: BERT's own start.
  explicit Bert(const BertOptions& options);

  // ids [B, T] int64 in [0, vocabulary), T <= positions; mask [B, T] bool, true = token (pads are
  // not attended to).
  BertOutput forward(const torch::Tensor& ids, const torch::Tensor& mask);

  // [vocabulary, hidden]
  torch::Tensor word_embeddings() const;

 private:
  std::shared_ptr<BertEmbeddings> embeddings_;
  std::shared_ptr<BertEncoder> encoder_;
  std::shared_ptr<BertPooler> pooler_;
  bool mean_pooling_;
};

// A Bert that guesses masked tokens, with the tensor names of HuggingFace's BertForMaskedLM: "bert.…" and
// "cls.predictions.…". The decoder's weight is the word embeddings themselves.
class BertForMaskedLm : public torch::nn::Module {
 public:
  explicit BertForMaskedLm(const BertOptions& options);

  // Logits [n, vocabulary] = norm(gelu(W h + b)) E^T + c, with h the hidden states of the n positions where `masked`
  // [B, T] bool is true, row by row. ids and mask as Bert::forward() takes them.
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& masked);

  Bert& bert() { return *bert_; }

 private:
  std::shared_ptr<Bert> bert_;
  std::shared_ptr<BertTransform> transform_;
  torch::Tensor bias_;  // c [vocabulary]
};

}  // namespace deri
