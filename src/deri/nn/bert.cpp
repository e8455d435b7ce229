#include "deri/nn/bert.hpp"

#include <vector>

#include "deri/base/error.hpp"
#include "deri/nn/attention.hpp"
#include "deri/nn/linear.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr double kLayerNormEpsilon = 1e-12;
constexpr double kInitialDeviation = 0.02;
constexpr std::int64_t kTokenTypes = 2;

torch::nn::LayerNorm make_norm(std::int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(kLayerNormEpsilon));
}

// The three projections of a layer's attention; published name `attention.self`.
class BertSelfAttention : public torch::nn::Module {
 public:
  explicit BertSelfAttention(const BertOptions& options)
      : query_(register_module("query", torch::nn::Linear(options.hidden, options.hidden))),
        key_(register_module("key", torch::nn::Linear(options.hidden, options.hidden))),
        value_(register_module("value", torch::nn::Linear(options.hidden, options.hidden))),
        heads_(options.heads),
        dropout_(options.dropout) {}

  Tensor forward(const Tensor& x, const Tensor& mask) {
    return attend(linear_map(x, query_), linear_map(x, key_), linear_map(x, value_), heads_, mask,
                  is_training() ? dropout_ : 0);
  }

 private:
  torch::nn::Linear query_, key_, value_;
  std::int64_t heads_;
  double dropout_;
};

// norm(residual + drop(dense x)): how both halves of a layer end.
class BertResidual : public torch::nn::Module {
 public:
  BertResidual(std::int64_t in, std::int64_t hidden, double dropout)
      : dense_(register_module("dense", torch::nn::Linear(in, hidden))),
        norm_(register_module("LayerNorm", make_norm(hidden))),
        dropout_(dropout) {}

  Tensor forward(const Tensor& x, const Tensor& residual) {
    return norm_(torch::dropout(linear_map(x, dense_), dropout_, is_training()) + residual);
  }

 private:
  torch::nn::Linear dense_;
  torch::nn::LayerNorm norm_;
  double dropout_;
};

class BertAttention : public torch::nn::Module {
 public:
  explicit BertAttention(const BertOptions& options)
      : self_(register_module("self", std::make_shared<BertSelfAttention>(options))),
        output_(register_module("output",
                                std::make_shared<BertResidual>(options.hidden, options.hidden, options.dropout))) {}

  Tensor forward(const Tensor& x, const Tensor& mask) { return output_->forward(self_->forward(x, mask), x); }

 private:
  std::shared_ptr<BertSelfAttention> self_;
  std::shared_ptr<BertResidual> output_;
};

class BertIntermediate : public torch::nn::Module {
 public:
  explicit BertIntermediate(const BertOptions& options)
      : dense_(register_module("dense", torch::nn::Linear(options.hidden, options.intermediate))) {}

  Tensor forward(const Tensor& x) { return torch::gelu(linear_map(x, dense_)); }

 private:
  torch::nn::Linear dense_;
};

class BertLayer : public torch::nn::Module {
 public:
  explicit BertLayer(const BertOptions& options)
      : attention_(register_module("attention", std::make_shared<BertAttention>(options))),
        intermediate_(register_module("intermediate", std::make_shared<BertIntermediate>(options))),
        output_(register_module(
            "output", std::make_shared<BertResidual>(options.intermediate, options.hidden, options.dropout))) {}

  Tensor forward(const Tensor& x, const Tensor& mask) {
    const Tensor attended = attention_->forward(x, mask);
    return output_->forward(intermediate_->forward(attended), attended);
  }

 private:
  std::shared_ptr<BertAttention> attention_;
  std::shared_ptr<BertIntermediate> intermediate_;
  std::shared_ptr<BertResidual> output_;
};

void initialise(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  if (auto* linear = module.as<torch::nn::LinearImpl>()) {
    linear->weight.normal_(0, kInitialDeviation);
    linear->bias.zero_();
  } else if (auto* embedding = module.as<torch::nn::EmbeddingImpl>()) {
    embedding->weight.normal_(0, kInitialDeviation);
  }
}

}  // namespace

class BertEmbeddings : public torch::nn::Module {
 public:
  explicit BertEmbeddings(const BertOptions& options)
      : words_(register_module("word_embeddings", torch::nn::Embedding(options.vocabulary, options.hidden))),
        positions_(register_module("position_embeddings", torch::nn::Embedding(options.positions, options.hidden))),
        types_(register_module("token_type_embeddings", torch::nn::Embedding(kTokenTypes, options.hidden))),
        norm_(register_module("LayerNorm", make_norm(options.hidden))),
        dropout_(options.dropout) {}

  Tensor forward(const Tensor& ids) {
    DERI_CHECK(ids.size(1) <= positions_->weight.size(0));
    const Tensor sum = words_(ids) + positions_->weight.slice(0, 0, ids.size(1)) + types_->weight.slice(0, 0, 1);
    return torch::dropout(norm_(sum), dropout_, is_training());
  }

  const Tensor& words() const { return words_->weight; }

 private:
  torch::nn::Embedding words_, positions_, types_;
  torch::nn::LayerNorm norm_;
  double dropout_;
};

class BertEncoder : public torch::nn::Module {
 public:
  explicit BertEncoder(const BertOptions& options) {
    const auto list = register_module("layer", torch::nn::ModuleList());
    for (std::int64_t i = 0; i < options.layers; ++i) {
      layers_.push_back(std::make_shared<BertLayer>(options));
      list->push_back(layers_.back());
    }
  }

  Tensor forward(Tensor x, const Tensor& mask) {
    for (const auto& layer : layers_) x = layer->forward(x, mask);
    return x;
  }

 private:
  std::vector<std::shared_ptr<BertLayer>> layers_;
};

// mask [B, T] without the first and the last token of each row; a row of two tokens or fewer keeps them.
Tensor content_mask(const Tensor& mask) {
  const Tensor none = torch::zeros_like(mask.slice(1, 0, 1));
  Tensor content = mask.logical_and(torch::cat({mask.slice(1, 1), none}, 1));  // a token with one behind it
  content = torch::cat({none, content.slice(1, 1)}, 1);
  return torch::where(content.any(1, true), content, mask);
}

class BertPooler : public torch::nn::Module {
 public:
  explicit BertPooler(const BertOptions& options)
      : dense_(register_module("dense", torch::nn::Linear(options.hidden, options.hidden))) {}

  Tensor forward(const Tensor& summary) { return torch::tanh(dense_(summary)); }

 private:
  torch::nn::Linear dense_;
};

Bert::Bert(const BertOptions& options)
    : embeddings_(register_module("embeddings", std::make_shared<BertEmbeddings>(options))),
      encoder_(register_module("encoder", std::make_shared<BertEncoder>(options))),
      pooler_(register_module("pooler", std::make_shared<BertPooler>(options))),
      mean_pooling_(options.mean_pooling) {
  apply(initialise);
}

BertOutput Bert::forward(const Tensor& ids, const Tensor& mask) {
  BertOutput output;
  output.hidden = encoder_->forward(embeddings_->forward(ids), mask);
  output.pooled =
      pooler_->forward(mean_pooling_ ? mean_of_tokens(output.hidden, content_mask(mask)) : output.hidden.select(1, 0));
  return output;
}

torch::Tensor Bert::word_embeddings() const {
  return embeddings_->words();
}

// norm(gelu(dense h)): published name `cls.predictions.transform`.
class BertTransform : public torch::nn::Module {
 public:
  explicit BertTransform(std::int64_t hidden)
      : dense_(register_module("dense", torch::nn::Linear(hidden, hidden))),
        norm_(register_module("LayerNorm", make_norm(hidden))) {}

  Tensor forward(const Tensor& hidden) { return norm_(torch::gelu(dense_(hidden))); }

 private:
  torch::nn::Linear dense_;
  torch::nn::LayerNorm norm_;
};

BertForMaskedLm::BertForMaskedLm(const BertOptions& options)
    : bert_(register_module("bert", std::make_shared<Bert>(options))),
      transform_(std::make_shared<BertTransform>(options.hidden)) {
  // Two modules that hold nothing but others, for the published names.
  const auto cls = register_module("cls", std::make_shared<torch::nn::Module>());
  const auto predictions = cls->register_module("predictions", std::make_shared<torch::nn::Module>());
  predictions->register_module("transform", transform_);
  bias_ = predictions->register_parameter("bias", torch::zeros({options.vocabulary}));
  transform_->apply(initialise);
}

torch::Tensor BertForMaskedLm::forward(const Tensor& ids, const Tensor& mask, const Tensor& masked) {
  const Tensor hidden = bert_->forward(ids, mask).hidden.index({masked});
  return torch::nn::functional::linear(transform_->forward(hidden), bert_->word_embeddings(), bias_);
}

}  // namespace deri
