#include "deri/nn/relational_decoder.hpp"

#include <cmath>

#include "deri/base/error.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr double kDeviationEpsilon = 1e-6;
constexpr double kConditionalBias = 0.1;
constexpr double kHiddenScore = -1e9;

// [B, t, heads * D] -> [B, heads, t, D]
Tensor relational_heads(const Tensor& x, std::int64_t heads) {
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

// (x - mean) / (deviation + epsilon) over the last dimension
Tensor standardised(const Tensor& x) {
  return (x - x.mean(-1, true)) / (x.std(-1, /*unbiased=*/true, /*keepdim=*/true) + kDeviationEpsilon);
}

// [1, positions, width]: sin(p / 10000^(2i/width)) in channel 2i, the cosine in channel 2i + 1.
Tensor sinusoidal_positions(std::int64_t positions, std::int64_t width) {
  const Tensor rates =
      torch::exp(torch::arange(0, width, 2).to(torch::kFloat32) * (-std::log(10000.0) / static_cast<double>(width)));
  const Tensor angles = torch::arange(positions).to(torch::kFloat32).unsqueeze(1) * rates;
  return torch::stack({angles.sin(), angles.cos()}, 2).flatten(1).unsqueeze(0);
}

// True where a token must not look, ahead of itself and at pads: [1 or B, 1, T, T].
Tensor hidden_tokens(const Tensor& ids, const Tensor& mask) {
  const std::int64_t tokens = ids.size(1);
  const Tensor ahead = torch::ones({1, 1, tokens, tokens}, ids.options().dtype(torch::kBool)).triu(1);
  if (!mask.defined()) return ahead;
  return ahead.logical_or(mask.logical_not().view({mask.size(0), 1, 1, tokens}));
}

class RelationalAttention : public torch::nn::Module {
 public:
  RelationalAttention(std::int64_t width, std::int64_t heads, double dropout)
      : query_(width, width),
        key_(width, width),
        value_(width, width),
        output_(width, width),
        heads_(heads),
        dropout_(dropout) {
    const auto linears = register_module("linears", torch::nn::ModuleList());
    for (const torch::nn::Linear& linear : {query_, key_, value_, output_}) linears->push_back(linear);
  }

  // x [B, t, width] -> [B, heads, t, D]
  Tensor query(const Tensor& x) { return relational_heads(query_(x), heads_); }
  Tensor key(const Tensor& x) { return relational_heads(key_(x), heads_); }
  Tensor value(const Tensor& x) { return relational_heads(value_(x), heads_); }

  // Of projected queries, keys and values -> [B, t, width]; nothing is seen where `hidden`, if defined, is true.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& hidden) {
    Tensor scores = query.matmul(key.transpose(2, 3)) / std::sqrt(static_cast<double>(query.size(3)));
    if (hidden.defined()) scores = scores.masked_fill(hidden, kHiddenScore);
    const Tensor weights = torch::dropout(scores.softmax(-1), dropout_, is_training());
    return output_(weights.matmul(value).transpose(1, 2).flatten(2));
  }

 private:
  torch::nn::Linear query_, key_, value_, output_;
  std::int64_t heads_;
  double dropout_;
};

// The norm that a relation steers.
class ConditionalNorm : public torch::nn::Module {
 public:
  ConditionalNorm(std::int64_t width, std::int64_t relation_width)
      : gamma_(register_parameter("gamma", torch::ones({width}))),
        beta_(register_parameter("beta", torch::zeros({width}))),
        mlp_gamma_(register_module("mlp_gamma", make_mlp(width, relation_width))),
        mlp_beta_(register_module("mlp_beta", make_mlp(width, relation_width))) {}

  // x [R, T, width], relation [R, T, relation_width]
  Tensor forward(const Tensor& x, const Tensor& relation) {
    return (gamma_ + mlp_gamma_->forward(relation)) * standardised(x) + (beta_ + mlp_beta_->forward(relation));
  }

 private:
  static torch::nn::Sequential make_mlp(std::int64_t width, std::int64_t relation_width) {
    torch::nn::Linear first(relation_width, width), second(width, width);
    torch::nn::init::constant_(first->bias, kConditionalBias);
    torch::nn::init::constant_(second->bias, kConditionalBias);
    return torch::nn::Sequential(first, torch::nn::ReLU(), second);
  }

  Tensor gamma_, beta_;
  torch::nn::Sequential mlp_gamma_, mlp_beta_;
};

class RelationalSublayer : public torch::nn::Module {
 public:
  explicit RelationalSublayer(const RelationalDecoderOptions& options)
      : norm_(register_module("norm", std::make_shared<ConditionalNorm>(options.width, options.slots * options.width))),
        dropout_(options.dropout) {}

  template <class Function>
  Tensor forward(const Tensor& x, const Tensor& relation, const Function& function) {
    return x + torch::dropout(function(norm_->forward(x, relation)), dropout_, is_training());
  }

 private:
  std::shared_ptr<ConditionalNorm> norm_;
  double dropout_;
};

class RelationalFeedForward : public torch::nn::Module {
 public:
  explicit RelationalFeedForward(const RelationalDecoderOptions& options)
      : w_1_(register_module("w_1", torch::nn::Linear(options.width, options.feed_forward))),
        w_2_(register_module("w_2", torch::nn::Linear(options.feed_forward, options.width))),
        dropout_(options.dropout) {}

  Tensor forward(const Tensor& x) { return w_2_(torch::dropout(w_1_(x).relu(), dropout_, is_training())); }

 private:
  torch::nn::Linear w_1_, w_2_;
  double dropout_;
};

}  // namespace

class RelationalMemory : public torch::nn::Module {
 public:
  explicit RelationalMemory(const RelationalDecoderOptions& options)
      : attention_(register_module(
            "attn", std::make_shared<RelationalAttention>(options.width, options.relation_heads, options.dropout))),
        mlp_(register_module(
            "mlp", torch::nn::Sequential(torch::nn::Linear(options.width, options.width), torch::nn::ReLU(),
                                         torch::nn::Linear(options.width, options.width), torch::nn::ReLU()))),
        token_gates_(register_module("W", torch::nn::Linear(options.width, 2 * options.width))),
        memory_gates_(register_module("U", torch::nn::Linear(options.width, 2 * options.width))),
        slots_(options.slots) {}

  // The relation before the first token, of each of so many texts: [texts, slots * width].
  Tensor start(std::int64_t texts) const {
    const Tensor& weight = token_gates_->weight;
    const Tensor memory = torch::eye(slots_, weight.size(1), torch::kFloat32).to(weight.options());
    return memory.flatten().expand({texts, memory.numel()});
  }

  // The relation after each token: tokens [R, T, width], relation [R, slots * width] before them
  // -> [R, T, slots * width].
  Tensor forward(const Tensor& tokens, const Tensor& relation) {
    // What hangs on the tokens alone is computed for all of them at once: the loop is the training's slowest part.
    const Tensor keys = attention_->key(tokens), values = attention_->value(tokens), gates = token_gates_(tokens);
    Tensor memory = relation.reshape({relation.size(0), slots_, tokens.size(2)});
    std::vector<Tensor> relations;
    for (std::int64_t t = 0; t < tokens.size(1); ++t) {
      memory = advance(memory, keys.narrow(2, t, 1), values.narrow(2, t, 1), gates.narrow(1, t, 1));
      relations.push_back(memory.flatten(1));
    }
    return torch::stack(relations, 1);
  }

 private:
  // memory [R, slots, width]; of one token its key and value [R, heads, 1, D] and its part of the gates
  // [R, 1, 2 * width].
  Tensor advance(const Tensor& memory, const Tensor& token_key, const Tensor& token_value, const Tensor& token_gates) {
    const Tensor key = torch::cat({attention_->key(memory), token_key}, 2);
    const Tensor value = torch::cat({attention_->value(memory), token_value}, 2);
    const Tensor attended = memory + attention_->forward(attention_->query(memory), key, value, {});
    const Tensor next = attended + mlp_->forward(attended);
    const auto gates = (token_gates + memory_gates_(memory.tanh())).sigmoid().chunk(2, 2);
    return gates[0] * next.tanh() + gates[1] * memory;
  }

  std::shared_ptr<RelationalAttention> attention_;
  torch::nn::Sequential mlp_;
  torch::nn::Linear token_gates_, memory_gates_;
  std::int64_t slots_;
};

class RelationalLayer : public torch::nn::Module {
 public:
  explicit RelationalLayer(const RelationalDecoderOptions& options)
      : self_attention_(register_module("self_attn", make_attention(options))),
        source_attention_(register_module("src_attn", make_attention(options))),
        feed_forward_(register_module("feed_forward", std::make_shared<RelationalFeedForward>(options))) {
    const auto list = register_module("sublayer", torch::nn::ModuleList());
    for (int i = 0; i < 3; ++i) {
      sublayers_.push_back(std::make_shared<RelationalSublayer>(options));
      list->push_back(sublayers_.back());
    }
  }

  // Keys and values of memory [N, M, width].
  void remember(const Tensor& memory, DecoderState::Layer& layer) {
    layer.memory_key = source_attention_->key(memory);
    layer.memory_value = source_attention_->value(memory);
  }

  // x [N * beams, T, width], its tokens behind those of `past`, which takes them up.
  Tensor forward(Tensor x, const Tensor& relation, const Tensor& hidden, DecoderState::Layer& past,
                 std::int64_t beams) {
    x = sublayers_[0]->forward(x, relation, [&](const Tensor& y) { return attend_to_self(y, hidden, past); });
    x = sublayers_[1]->forward(x, relation, [&](const Tensor& y) { return attend_to_source(y, past, beams); });
    return sublayers_[2]->forward(x, relation, [&](const Tensor& y) { return feed_forward_->forward(y); });
  }

 private:
  static std::shared_ptr<RelationalAttention> make_attention(const RelationalDecoderOptions& options) {
    return std::make_shared<RelationalAttention>(options.width, options.heads, options.dropout);
  }

  Tensor attend_to_self(const Tensor& x, const Tensor& hidden, DecoderState::Layer& past) {
    const Tensor key = self_attention_->key(x), value = self_attention_->value(x);
    past.key = past.key.defined() ? torch::cat({past.key, key}, 2) : key;
    past.value = past.value.defined() ? torch::cat({past.value, value}, 2) : value;
    return self_attention_->forward(self_attention_->query(x), past.key, past.value, hidden);
  }

  // The texts of one memory stand in a row, so that its keys and values are there once for all of them.
  Tensor attend_to_source(const Tensor& x, const DecoderState::Layer& past, std::int64_t beams) {
    const Tensor by_memory = x.reshape({x.size(0) / beams, beams * x.size(1), x.size(2)});
    const Tensor attended = source_attention_->forward(source_attention_->query(by_memory), past.memory_key,
                                                       past.memory_value, /*hidden=*/{});
    return attended.view(x.sizes());
  }

  std::shared_ptr<RelationalAttention> self_attention_, source_attention_;
  std::shared_ptr<RelationalFeedForward> feed_forward_;
  std::vector<std::shared_ptr<RelationalSublayer>> sublayers_;
};

// R2Gen's plain norm, the last one.
class RelationalNorm : public torch::nn::Module {
 public:
  explicit RelationalNorm(std::int64_t width)
      : gamma_(register_parameter("gamma", torch::ones({width}))),
        beta_(register_parameter("beta", torch::zeros({width}))) {}

  Tensor forward(const Tensor& x) { return gamma_ * standardised(x) + beta_; }

 private:
  Tensor gamma_, beta_;
};

RelationalDecoder::RelationalDecoder(const RelationalDecoderOptions& options) : options_(options) {
  DERI_CHECK(options.width % 2 == 0 && options.width % options.heads == 0 &&
             options.width % options.relation_heads == 0);
  // Modules that hold nothing but others give the tensors their published names.
  const auto holder = [] { return std::make_shared<torch::nn::Module>(); };
  const auto model = register_module("model", holder());
  const auto decoder = model->register_module("decoder", holder());
  const auto list = decoder->register_module("layers", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < options.layers; ++i) {
    layers_.push_back(std::make_shared<RelationalLayer>(options));
    list->push_back(layers_.back());
  }
  norm_ = decoder->register_module("norm", std::make_shared<RelationalNorm>(options.width));
  const auto text_embed = model->register_module("tgt_embed", holder());
  lut_ = text_embed->register_module("0", holder())
             ->register_module("lut", torch::nn::Embedding(options.vocabulary, options.width));
  position_codes_ = text_embed->register_module("1", holder())
                        ->register_buffer("pe", sinusoidal_positions(options.positions, options.width));
  relational_memory_ = model->register_module("rm", std::make_shared<RelationalMemory>(options));
  for (const Tensor& parameter : model->parameters())
    if (parameter.dim() > 1) torch::nn::init::xavier_uniform_(parameter);
  att_embed_ = register_module(
      "att_embed", torch::nn::Sequential(torch::nn::Linear(options.memory_width, options.width), torch::nn::ReLU(),
                                         torch::nn::Dropout(options.memory_dropout)));
  logit_ = register_module("logit", torch::nn::Linear(options.width, options.vocabulary));
}

Tensor RelationalDecoder::embed(const Tensor& ids, std::int64_t first_position) {
  DERI_CHECK(first_position + ids.size(1) <= options_.positions);
  return lut_(ids) * std::sqrt(static_cast<double>(options_.width)) +
         position_codes_.narrow(1, first_position, ids.size(1));
}

Tensor RelationalDecoder::advance(const Tensor& ids, const Tensor& hidden, DecoderState& state) {
  const Tensor embedded = embed(ids, state.tokens);
  // As in R2Gen, the relational memory and the layers see the embeddings through a dropout each.
  const auto dropped = [&] { return torch::dropout(embedded, options_.dropout, is_training()); };
  const Tensor relation = relational_memory_->forward(dropped(), state.relation);
  Tensor x = dropped();
  for (std::size_t i = 0; i < layers_.size(); ++i)
    x = layers_[i]->forward(x, relation, hidden, state.layers[i], state.beams);
  state.relation = relation.select(1, relation.size(1) - 1);
  state.tokens += ids.size(1);
  return logit_(norm_->forward(x));
}

DecoderState RelationalDecoder::start(const Tensor& memory, std::int64_t beams) {
  DecoderState state;
  state.beams = beams;
  state.layers.resize(layers_.size());
  const Tensor embedded = att_embed_->forward(memory);
  for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i]->remember(embedded, state.layers[i]);
  state.relation = relational_memory_->start(memory.size(0) * beams);
  return state;
}

Tensor RelationalDecoder::forward(const Tensor& ids, const Tensor& mask, const Tensor& memory) {
  DecoderState state = start(memory, 1);
  return advance(ids, hidden_tokens(ids, mask), state);
}

Tensor RelationalDecoder::step(const Tensor& ids, DecoderState& state) {
  return advance(ids.unsqueeze(1), /*hidden=*/{}, state).squeeze(1);
}

}  // namespace deri
