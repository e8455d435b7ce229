#include "deri/nn/gpt2.hpp"

#include <cmath>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "deri/base/error.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr double kGptDeviation = 0.02;

torch::nn::LayerNorm gpt_norm(std::int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(kGpt2NormEpsilon));
}

// A linear layer whose weight is stored [in, out], as GPT-2's are.
class Conv1D : public torch::nn::Module {
 public:
  Conv1D(std::int64_t in, std::int64_t out, double deviation = kGptDeviation)
      : weight_(register_parameter("weight", torch::randn({in, out}) * deviation)),
        bias_(register_parameter("bias", torch::zeros({out}))) {}

  // x [..., in] -> [..., out]
  Tensor forward(const Tensor& x) {
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = weight_.size(1);
    return torch::addmm(bias_, x.reshape({-1, weight_.size(0)}), weight_).view(shape);
  }

 private:
  Tensor weight_, bias_;
};

// [B, t, heads * D] -> [B, heads, t, D]
Tensor gpt_split_heads(const Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

// [B, heads, t, D] -> [B, t, heads * D]
Tensor gpt_merge_heads(const Tensor& x) {
  return x.transpose(1, 2).reshape({x.size(0), x.size(2), -1});
}

// Tells the observer, if there is one, of tensors under a name that begins with `prefix`.
class Watch {
 public:
  Watch(const Gpt2::Observer& observer, std::string prefix) : observer_(observer), prefix_(std::move(prefix)) {}

  void operator()(std::string_view name, const Tensor& value) const {
    if (observer_) observer_(fmt::format("{}{}", prefix_, name), value);
  }
  Watch within(std::string_view name) const {
    return {observer_, observer_ ? fmt::format("{}{}", prefix_, name) : std::string()};
  }

 private:
  const Gpt2::Observer& observer_;
  std::string prefix_;
};

// softmax(Q K^T / sqrt(D) + bias) V, heads side by side [B, T, heads * D]; `bias` is added where it is defined.
Tensor attend_with_bias(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& bias, double dropout,
                        const Watch& watch) {
  Tensor scores = query.matmul(key.transpose(2, 3)) / std::sqrt(static_cast<double>(query.size(3)));
  if (bias.defined()) scores = scores + bias;
  const Tensor weights = torch::softmax(scores, -1);
  const Tensor context = gpt_merge_heads(torch::dropout(weights, dropout, dropout > 0).matmul(value));
  watch(".query", query);
  watch(".key", key);
  watch(".value", value);
  watch(".scores", scores);
  watch(".weights", weights);
  watch(".context", context);
  return context;
}

class GptSelfAttention : public torch::nn::Module {
 public:
  GptSelfAttention(const Gpt2Options& options, double projection_deviation)
      : c_attn_(register_module("c_attn", std::make_shared<Conv1D>(options.width, 3 * options.width))),
        c_proj_(
            register_module("c_proj", std::make_shared<Conv1D>(options.width, options.width, projection_deviation))),
        heads_(options.heads),
        dropout_(options.dropout) {}

  // x [B, T, width], its tokens behind those of `past`, which takes them up. `bias` [.., T, all] is added to the
  // scores.
  Tensor forward(const Tensor& x, const Tensor& bias, DecoderState::Layer& past, const Watch& watch) {
    const auto qkv = c_attn_->forward(x).chunk(3, 2);
    const Tensor key = gpt_split_heads(qkv[1], heads_), value = gpt_split_heads(qkv[2], heads_);
    past.key = past.key.defined() ? torch::cat({past.key, key}, 2) : key;
    past.value = past.value.defined() ? torch::cat({past.value, value}, 2) : value;
    const double dropout = is_training() ? dropout_ : 0;
    const Tensor context =
        attend_with_bias(gpt_split_heads(qkv[0], heads_), past.key, past.value, bias, dropout, watch);
    return torch::dropout(c_proj_->forward(context), dropout_, is_training());
  }

 private:
  std::shared_ptr<Conv1D> c_attn_, c_proj_;
  std::int64_t heads_;
  double dropout_;
};

class GptCrossAttention : public torch::nn::Module {
 public:
  GptCrossAttention(const Gpt2Options& options, double projection_deviation)
      : c_attn_(register_module("c_attn", std::make_shared<Conv1D>(options.width, 2 * options.width))),
        q_attn_(register_module("q_attn", std::make_shared<Conv1D>(options.width, options.width))),
        c_proj_(
            register_module("c_proj", std::make_shared<Conv1D>(options.width, options.width, projection_deviation))),
        heads_(options.heads),
        dropout_(options.dropout) {}

  // Keys and values of memory [N, M, width].
  void remember(const Tensor& memory, DecoderState::Layer& layer) {
    const auto kv = c_attn_->forward(memory).chunk(2, 2);
    layer.memory_key = gpt_split_heads(kv[0], heads_);
    layer.memory_value = gpt_split_heads(kv[1], heads_);
  }

  // x [N, T, width]: all of a memory's tokens, of one text or of several.
  Tensor forward(const Tensor& x, const DecoderState::Layer& layer, const Watch& watch) {
    const double dropout = is_training() ? dropout_ : 0;
    const Tensor context = attend_with_bias(gpt_split_heads(q_attn_->forward(x), heads_), layer.memory_key,
                                            layer.memory_value, {}, dropout, watch);
    return torch::dropout(c_proj_->forward(context), dropout_, is_training());
  }

 private:
  std::shared_ptr<Conv1D> c_attn_, q_attn_, c_proj_;
  std::int64_t heads_;
  double dropout_;
};

class GptMlp : public torch::nn::Module {
 public:
  GptMlp(const Gpt2Options& options, double projection_deviation)
      : c_fc_(register_module("c_fc", std::make_shared<Conv1D>(options.width, 4 * options.width))),
        c_proj_(register_module("c_proj",
                                std::make_shared<Conv1D>(4 * options.width, options.width, projection_deviation))),
        dropout_(options.dropout) {}

  Tensor forward(const Tensor& x, const Watch& watch) {
    const Tensor inner = c_fc_->forward(x);
    const Tensor active = torch::gelu(inner, "tanh");
    watch(".c_fc", inner);
    watch(".gelu", active);
    return torch::dropout(c_proj_->forward(active), dropout_, is_training());
  }

 private:
  std::shared_ptr<Conv1D> c_fc_, c_proj_;
  double dropout_;
};

// Added to the scores of T tokens over themselves: lowest where a token must not look, ahead of itself and at pads.
// [1 or B, 1, T, T]
Tensor causal_bias(std::int64_t tokens, const Tensor& mask, const torch::TensorOptions& options) {
  Tensor hidden = torch::ones({tokens, tokens}, options.dtype(torch::kBool)).triu(1).view({1, 1, tokens, tokens});
  if (mask.defined()) hidden = hidden.logical_or(mask.logical_not().view({mask.size(0), 1, 1, tokens}));
  // bfloat16 rounds float's lowest to infinity.
  const float lowest = options.dtype() == torch::kBFloat16 ? float{std::numeric_limits<c10::BFloat16>::lowest()}
                                                           : std::numeric_limits<float>::lowest();
  return torch::zeros({1}, options).masked_fill(hidden, lowest);
}

}  // namespace

class Gpt2Block : public torch::nn::Module {
 public:
  Gpt2Block(const Gpt2Options& options, double projection_deviation)
      : ln_1_(register_module("ln_1", gpt_norm(options.width))),
        attn_(register_module("attn", std::make_shared<GptSelfAttention>(options, projection_deviation))),
        ln_2_(register_module("ln_2", gpt_norm(options.width))) {
    if (options.cross_attention) {
      crossattention_ =
          register_module("crossattention", std::make_shared<GptCrossAttention>(options, projection_deviation));
      ln_cross_attn_ = register_module("ln_cross_attn", gpt_norm(options.width));
    }
    mlp_ = register_module("mlp", std::make_shared<GptMlp>(options, projection_deviation));
  }

  void remember(const Tensor& memory, DecoderState::Layer& layer) {
    if (crossattention_) crossattention_->remember(memory, layer);
  }

  // x [N * beams, T, width]
  Tensor forward(Tensor x, const Tensor& bias, DecoderState::Layer& layer, std::int64_t beams, const Watch& watch) {
    const Tensor normed = ln_1_(x);
    const Tensor attended = attn_->forward(normed, bias, layer, watch.within(".attn"));
    watch(".ln_1", normed);
    watch(".attn", attended);
    x = x + attended;
    if (crossattention_) {
      const Tensor by_memory = ln_cross_attn_(x).view({x.size(0) / beams, beams * x.size(1), x.size(2)});
      const Tensor seen = crossattention_->forward(by_memory, layer, watch.within(".crossattention"));
      watch(".ln_cross_attn", by_memory);
      watch(".crossattention", seen);
      x = x + seen.view(x.sizes());
    }
    const Tensor normed_again = ln_2_(x);
    const Tensor thought = mlp_->forward(normed_again, watch.within(".mlp"));
    watch(".ln_2", normed_again);
    watch(".mlp", thought);
    x = x + thought;
    watch("", x);
    return x;
  }

 private:
  torch::nn::LayerNorm ln_1_;
  std::shared_ptr<GptSelfAttention> attn_;
  torch::nn::LayerNorm ln_2_, ln_cross_attn_{nullptr};
  std::shared_ptr<GptCrossAttention> crossattention_;
  std::shared_ptr<GptMlp> mlp_;
};

Gpt2::Gpt2(const Gpt2Options& options) : options_(options) {
  DERI_CHECK(options.width % options.heads == 0);
  const auto transformer = register_module("transformer", std::make_shared<torch::nn::Module>());
  wte_ = transformer->register_module("wte", torch::nn::Embedding(options.vocabulary, options.width));
  wpe_ = transformer->register_module("wpe", torch::nn::Embedding(options.positions, options.width));
  {
    const torch::NoGradGuard no_grad;
    wte_->weight.normal_(0, kGptDeviation);
    wpe_->weight.normal_(0, kGptDeviation);
  }
  const auto list = transformer->register_module("h", torch::nn::ModuleList());
  const double projection_deviation = kGptDeviation / std::sqrt(2.0 * static_cast<double>(options.layers));
  for (std::int64_t i = 0; i < options.layers; ++i) {
    blocks_.push_back(std::make_shared<Gpt2Block>(options, projection_deviation));
    list->push_back(blocks_.back());
  }
  ln_f_ = transformer->register_module("ln_f", gpt_norm(options.width));
}

Tensor Gpt2::embed(const Tensor& ids, std::int64_t first_position) {
  DERI_CHECK(first_position + ids.size(1) <= options_.positions);
  const Tensor positions = wpe_->weight.slice(0, first_position, first_position + ids.size(1));
  return torch::dropout(wte_(ids) + positions, options_.dropout, is_training());
}

DecoderState Gpt2::start(const Tensor& memory, std::int64_t beams) {
  DecoderState state;
  state.beams = beams;
  state.layers.resize(blocks_.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) blocks_[i]->remember(memory, state.layers[i]);
  return state;
}

Tensor Gpt2::run_blocks(Tensor x, const Tensor& bias, DecoderState& state) {
  const Watch watch(observer_, "");
  watch("embeddings", x);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    x = blocks_[i]->forward(x, bias, state.layers[i], state.beams, watch.within(fmt::format("h.{}", i)));
  const Tensor hidden = ln_f_(x);
  watch("ln_f", hidden);
  return torch::nn::functional::linear(hidden, wte_->weight);
}

Tensor Gpt2::forward(const Tensor& ids, const Tensor& mask, const Tensor& memory) {
  const Tensor x = embed(ids, 0);
  DecoderState state = start(memory, 1);
  return run_blocks(x, causal_bias(ids.size(1), mask, x.options().requires_grad(false)), state);
}

Tensor Gpt2::step(const Tensor& ids, DecoderState& state) {
  const Tensor logits = run_blocks(embed(ids.unsqueeze(1), state.tokens), {}, state);
  ++state.tokens;
  return logits.squeeze(1);
}

}  // namespace deri
