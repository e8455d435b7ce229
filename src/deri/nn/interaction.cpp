#include "deri/nn/interaction.hpp"

#include <algorithm>

#include <ATen/Parallel.h>

#include "deri/base/error.hpp"
#include "deri/nn/gating.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/linear.hpp"
#include "deri/nn/transformer_block.hpp"

namespace deri {

using torch::Tensor;

GatedMlp::GatedMlp(std::int64_t in, std::int64_t hidden, std::int64_t out, double dropout)
    : fc1_(register_module("fc1", torch::nn::Linear(in, hidden))),
      fc2_(register_module("fc2", torch::nn::Linear(hidden, out))),
      fc3_(register_module("fc3", torch::nn::Linear(in, hidden))),
      dropout_(dropout) {}

namespace {

// keep SiLU(gate) value with one dropout: that of both factors, whose masks multiply.
class GateFunction : public torch::autograd::Function<GateFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& gate, const Tensor& value,
                        std::int64_t seed, double rate) {
    context->save_for_backward({gate, value});
    context->saved_data["seed"] = seed;
    context->saved_data["rate"] = rate;
    return compute(gate, value, {.seed = static_cast<std::uint32_t>(seed), .rate = rate});
  }

  static Tensor compute(const Tensor& gate, const Tensor& value, const DropoutMask& mask) {
    Tensor out = torch::empty_like(gate);
    at::parallel_for(0, gate.numel(), kGrain, [&](std::int64_t first, std::int64_t end) {
      gate_values(gate.data_ptr<float>(), value.data_ptr<float>(), mask, first, end, out.data_ptr<float>());
    });
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const DropoutMask mask{.seed = static_cast<std::uint32_t>(context->saved_data["seed"].toInt()),
                           .rate = context->saved_data["rate"].toDouble()};
    const Tensor slope = gradients[0].contiguous();
    Tensor gate_slope = torch::empty_like(saved[0]), value_slope = torch::empty_like(saved[1]);
    at::parallel_for(0, slope.numel(), kGrain, [&](std::int64_t first, std::int64_t end) {
      gate_gradients(saved[0].data_ptr<float>(), saved[1].data_ptr<float>(), slope.data_ptr<float>(), mask, first, end,
                     gate_slope.data_ptr<float>(), value_slope.data_ptr<float>());
    });
    return {gate_slope, value_slope, Tensor(), Tensor()};
  }

 private:
  static constexpr std::int64_t kGrain = 16384;
};

}  // namespace

Tensor GatedMlp::forward(const Tensor& x) {
  const double rate = is_training() ? dropout_ : 0;
  if (fast_type(x)) {
    const Tensor gate = linear_map(x, fc1_), value = linear_map(x, fc3_);
    const std::int64_t seed =
        rate > 0 ? torch::randint(std::int64_t{1} << 32, {1}, torch::kInt64).item<std::int64_t>() : 0;
    const double both = 1 - (1 - rate) * (1 - rate);
    if (torch::GradMode::is_enabled()) return linear_map(GateFunction::apply(gate, value, seed, both), fc2_);
    const DropoutMask mask{.seed = static_cast<std::uint32_t>(seed), .rate = both};
    return linear_map(GateFunction::compute(gate, value, mask), fc2_);
  }
  Tensor gate = torch::silu(linear_map(x, fc1_));
  Tensor value = linear_map(x, fc3_);
  if (rate > 0) {
    gate = torch::dropout(gate, rate, /*train=*/true);
    value = torch::dropout(value, rate, /*train=*/true);
  }
  return linear_map(gate * value, fc2_);
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

  Tensor forward(Tensor rows, const RaggedBatch& batch) {
    rows = rows + dropped(attn_->forward(rows, batch.sequences), batch);
    return rows + dropped(ff_->forward(rows), batch);
  }

 private:
  // Stochastic depth: a sequence's rows share their fate.
  Tensor dropped(const Tensor& branch, const RaggedBatch& batch) const {
    if (!is_training() || drop_path_rate_ <= 0) return branch;
    const Tensor kept =
        drop_path(torch::ones({batch.sequences.count() + 1, 1}, branch.options()), drop_path_rate_, true);
    return branch * kept.index_select(0, batch.sequence_of_row);
  }

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

Tensor Interaction::forward(const Tensor& rows, const RaggedBatch& batch) {
  const std::int64_t last_position = pos_embedding_.size(1) - 1, separator = rows.size(0);
  // Each sequence framed by separators: rows of [rows; separator] and their positions.
  std::vector<std::int64_t> sources, positions, back(static_cast<std::size_t>(separator), 0);
  Sequences framed;
  for (std::int64_t b = 0; b < batch.sequences.count(); ++b) {
    DERI_CHECK(batch.sequences.length(b) < last_position);
    sources.push_back(separator);
    positions.push_back(0);
    for (std::int64_t i = 0; i < batch.sequences.length(b); ++i) {
      const std::int64_t row = batch.sequences.offsets[static_cast<std::size_t>(b)] + i;
      back[static_cast<std::size_t>(row)] = static_cast<std::int64_t>(sources.size());
      sources.push_back(row);
      positions.push_back(i + 1);
    }
    sources.push_back(separator);
    positions.push_back(last_position);
    framed.offsets.push_back(static_cast<std::int64_t>(sources.size()));
  }
  sources.resize(static_cast<std::size_t>(RaggedBatch::rounded(framed.offsets.back())), separator);
  positions.resize(sources.size(), 0);
  const RaggedBatch framed_batch(framed);
  Tensor x =
      torch::cat({to_patch_->forward(rows), sep_embedding_.unsqueeze(0)}).index_select(0, torch::tensor(sources)) +
      pos_embedding_[0].index_select(0, torch::tensor(positions));
  for (const auto& block : blocks_) x = block->forward(x, framed_batch);
  return head_->forward(norm_(x.index_select(0, torch::tensor(back))));
}

}  // namespace deri
