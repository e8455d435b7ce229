#include "deri/nn/gpt2_session.hpp"

#include <algorithm>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/nn/cached_attention.hpp"

namespace deri {
namespace {

using torch::Tensor;

// Tokens that a state has room for at first; it doubles when they are used up.
constexpr std::int64_t kFirstRoom = 64;

// A network's parameters by name, float32.
class Weights {
 public:
  explicit Weights(const Gpt2& network) : parameters_(network.named_parameters()) {}
  Tensor operator()(const std::string& name) const { return parameters_[name].detach().to(torch::kFloat32); }

 private:
  torch::OrderedDict<std::string, Tensor> parameters_;
};

// [room, R, width] with the first `tokens` of `before`.
Tensor with_room(const Tensor& before, std::int64_t room, std::int64_t rows, std::int64_t width) {
  Tensor larger = torch::empty({room, rows, width});
  if (before.defined()) larger.slice(0, 0, before.size(0)).copy_(before);
  return larger;
}

}  // namespace

Tensor Gpt2Session::Norm::operator()(const Tensor& x) const {
  return torch::layer_norm(x, {x.size(1)}, weight, bias, kGpt2NormEpsilon);
}

Gpt2Session::Gpt2Session(const Gpt2& network, torch::ScalarType type) : options_(network.options()) {
  const torch::NoGradGuard no_grad;
  const Weights weights(network);
  const auto norm = [&](const std::string& name) {
    return Norm{weights(name + ".weight").clone(), weights(name + ".bias").clone()};
  };
  const auto linear = [&](const std::string& name, bool gelu = false) {
    return PackedLinear(weights(name + ".weight"), weights(name + ".bias"), type, gelu);
  };
  const auto crossing = [&](const std::string& name) {
    return options_.cross_attention ? std::make_unique<PackedLinear>(linear(name)) : nullptr;
  };
  for (std::int64_t i = 0; i < options_.layers; ++i) {
    const std::string h = fmt::format("transformer.h.{}", i);
    blocks_.push_back({norm(h + ".ln_1"), options_.cross_attention ? norm(h + ".ln_cross_attn") : Norm{},
                       norm(h + ".ln_2"), linear(h + ".attn.c_attn"), linear(h + ".attn.c_proj"),
                       linear(h + ".mlp.c_fc", true), linear(h + ".mlp.c_proj"), crossing(h + ".crossattention.q_attn"),
                       crossing(h + ".crossattention.c_attn"), crossing(h + ".crossattention.c_proj")});
  }
  ln_f_ = norm("transformer.ln_f");
  token_embeddings_ = weights("transformer.wte.weight").clone();
  position_embeddings_ = weights("transformer.wpe.weight").clone();
  head_ = std::make_unique<PackedLinear>(token_embeddings_.t(), Tensor(), type);
}

Tensor Gpt2Session::forward(const Tensor&, const Tensor&, const Tensor&) {
  DERI_CHECK(false);
}

DecoderState Gpt2Session::start(const Tensor& memory, std::int64_t beams) {
  DecoderState state;
  state.beams = beams;
  state.layers.resize(blocks_.size());
  state.history = torch::empty({memory.size(0) * beams, 0}, torch::kInt32);
  if (!options_.cross_attention) return state;
  const Tensor flat = memory.to(torch::kFloat32).flatten(0, 1);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Tensor both = blocks_[i].cross_memory->forward(flat).view({memory.size(0), memory.size(1), -1});
    state.layers[i].memory_key = both.slice(2, 0, options_.width).contiguous();
    state.layers[i].memory_value = both.slice(2, options_.width).contiguous();
  }
  return state;
}

Tensor Gpt2Session::attend_to_past(Block& block, const Tensor& x, DecoderState::Layer& layer,
                                   const DecoderState& state) const {
  const std::int64_t rows = x.size(0), width = options_.width, tokens = state.tokens + 1;
  const Tensor qkv = block.attention_in.forward(block.ln_1(x));
  if (!layer.key.defined() || layer.key.size(0) < tokens) {
    const std::int64_t room = std::max(kFirstRoom, 2 * state.tokens);
    const std::int64_t first_rows = layer.key.defined() ? layer.key.size(1) : rows;
    layer.key = with_room(layer.key, room, first_rows, width);
    layer.value = with_room(layer.value, room, first_rows, width);
  }
  layer.key[state.tokens].slice(0, 0, rows).copy_(qkv.slice(1, width, 2 * width));
  layer.value[state.tokens].slice(0, 0, rows).copy_(qkv.slice(1, 2 * width));
  Tensor context = torch::empty({rows, width});
  const float* query = qkv.data_ptr<float>();
  const auto* history = state.history.data_ptr<std::int32_t>();
  float* result = context.data_ptr<float>();
  const AttendedTokens all{layer.key.data_ptr<float>(), layer.value.data_ptr<float>(), tokens,
                           layer.key.size(1) * width};
  at::parallel_for(0, rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scores(static_cast<std::size_t>(tokens));
    for (std::int64_t row = begin; row < end; ++row) {
      AttendedTokens past = all;
      past.rows = history + row * tokens;
      attend_to_tokens(query + row * 3 * width, past, options_.heads, width, scores, result + row * width);
    }
  });
  return block.attention_out.forward(context);
}

Tensor Gpt2Session::attend_to_memory(Block& block, const Tensor& x, const DecoderState::Layer& layer,
                                     std::int64_t beams) const {
  const std::int64_t rows = x.size(0), width = options_.width, tokens = layer.memory_key.size(1);
  const Tensor queries = block.cross_query->forward(block.ln_cross(x));
  Tensor context = torch::empty({rows, width});
  const float *query = queries.data_ptr<float>(), *keys = layer.memory_key.data_ptr<float>(),
              *values = layer.memory_value.data_ptr<float>();
  float* result = context.data_ptr<float>();
  at::parallel_for(0, rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scores(static_cast<std::size_t>(tokens));
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t memory = row / beams * tokens * width;
      attend_to_tokens(query + row * width, {keys + memory, values + memory, tokens, width}, options_.heads, width,
                       scores, result + row * width);
    }
  });
  return block.cross_out->forward(context);
}

Tensor Gpt2Session::step(const Tensor& ids, DecoderState& state) {
  DERI_CHECK(state.tokens < options_.positions);
  const std::int64_t rows = ids.size(0);
  // The new token of text r is written to row r of its place.
  state.history = torch::cat({state.history, torch::arange(rows, torch::kInt32).unsqueeze(1)}, 1).contiguous();
  Tensor x = token_embeddings_.index_select(0, ids) + position_embeddings_[state.tokens];
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = blocks_[i];
    x.add_(attend_to_past(block, x, state.layers[i], state));
    if (block.cross_query) x.add_(attend_to_memory(block, x, state.layers[i], state.beams));
    x.add_(block.mlp_out.forward(block.mlp_in.forward(block.ln_2(x))));
  }
  ++state.tokens;
  return head_->forward(ln_f_(x));
}

}  // namespace deri
