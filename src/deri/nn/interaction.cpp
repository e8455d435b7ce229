#include "deri/nn/interaction.hpp"

#include <algorithm>

#include "deri/base/error.hpp"
#include "deri/nn/transformer_block.hpp"

namespace deri {

using torch::Tensor;

GatedMlp::GatedMlp(std::int64_t in, std::int64_t hidden, std::int64_t out, double dropout)
    : fc1_(register_module("fc1", torch::nn::Linear(in, hidden))),
      fc2_(register_module("fc2", torch::nn::Linear(hidden, out))),
      fc3_(register_module("fc3", torch::nn::Linear(in, hidden))),
      dropout_(dropout) {}

Tensor GatedMlp::forward(const Tensor& x) {
  Tensor gate = torch::silu(fc1_(x));
  Tensor value = fc3_(x);
  if (dropout_ > 0 && is_training()) {
    gate = torch::dropout(gate, dropout_, /*train=*/true);
    value = torch::dropout(value, dropout_, /*train=*/true);
  }
  return fc2_(gate * value);
}

class InteractionBlock : public torch::nn::Module {
 public:
  InteractionBlock(const InteractionOptions& options, double drop_path_rate)
      : attn_(register_module("attn", std::make_shared<PreNorm<SelfAttention>>(
                                          options.width, std::make_shared<SelfAttention>(options.width, options.heads,
                                                                                         options.head_width)))),
        ff_(register_module("ff", std::make_shared<PreNorm<GatedMlp>>(
                                      options.width, std::make_shared<GatedMlp>(options.width, options.width,
                                                                                options.width, /*dropout=*/0)))),
        drop_path_rate_(drop_path_rate) {}

  Tensor forward(Tensor x, const Tensor& mask) {
    x = x + drop_path(attn_->forward(x, mask), drop_path_rate_, is_training());
    return x + drop_path(ff_->forward(x), drop_path_rate_, is_training());
  }

 private:
  std::shared_ptr<PreNorm<SelfAttention>> attn_;
  std::shared_ptr<PreNorm<GatedMlp>> ff_;
  double drop_path_rate_;
};

Interaction::Interaction(const InteractionOptions& options)
    : pos_embedding_(register_parameter("pos_embedding", torch::randn({1, options.positions + 2, options.width}))),
      sep_embedding_(register_parameter("sep_embedding", torch::randn({options.width}))),
      to_patch_(register_module(
          "to_patch", std::make_shared<GatedMlp>(options.width, options.width, options.width, options.dropout))),
      norm_(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.width})))),
      head_(register_module("head",
                            std::make_shared<GatedMlp>(options.width, options.width, options.out, options.dropout))) {
  const auto last = static_cast<double>(std::max<std::int64_t>(options.depth - 1, 1));
  for (std::int64_t i = 0; i < options.depth; ++i) {
    const double rate = options.drop_path * static_cast<double>(i) / last;
    blocks_.push_back(register_module(fmt::format("block{}", i), std::make_shared<InteractionBlock>(options, rate)));
  }
}

Tensor Interaction::forward(const Tensor& tokens, const Tensor& mask) {
  const std::int64_t count = tokens.size(1);
  DERI_CHECK(count + 2 <= pos_embedding_.size(1));
  const Tensor separator = sep_embedding_.expand({tokens.size(0), 1, sep_embedding_.size(0)});
  const Tensor positions = torch::cat({pos_embedding_.slice(1, 0, count + 1), pos_embedding_.slice(1, -1)}, 1);
  Tensor x = torch::cat({separator, to_patch_->forward(tokens), separator}, 1) + positions;
  const Tensor framed_mask = mask.defined() ? torch::constant_pad_nd(mask, {1, 1}, 1) : mask;
  for (const auto& block : blocks_) x = block->forward(x, framed_mask);
  return head_->forward(norm_(x.slice(1, 1, count + 1)));
}

}  // namespace deri
