#include "deri/nn/vit1d.hpp"

#include "deri/base/error.hpp"
#include "deri/nn/linear.hpp"
#include "deri/nn/transformer_block.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::int64_t kPatchSamples = 50;
constexpr std::int64_t kMlpExpansion = 4;

std::int64_t patches(std::int64_t samples) {
  if (samples < kPatchSamples)
    fail("a vit backbone needs at least {} samples, not {}: choose a resnet or longer input", kPatchSamples, samples);
  return samples / kPatchSamples;
}

// Linear, GELU, linear; as `net.0` and `net.3`, the published names (1, 2 and 4 hold no weights).
class Mlp : public torch::nn::Module {
 public:
  Mlp(std::int64_t width, std::int64_t hidden)
      : net_(register_module("net", std::make_shared<Net>())),
        expand_(net_->register_module("0", torch::nn::Linear(width, hidden))),
        contract_(net_->register_module("3", torch::nn::Linear(hidden, width))) {}

  Tensor forward(const Tensor& x) { return linear_map(torch::gelu(linear_map(x, expand_)), contract_); }

 private:
  class Net : public torch::nn::Module {};

  std::shared_ptr<Net> net_;
  torch::nn::Linear expand_, contract_;
};

}  // namespace

class VitBlock : public torch::nn::Module {
 public:
  VitBlock(std::int64_t width, std::int64_t heads)
      : attn_(register_module("attn", std::make_shared<PreNorm<SelfAttention>>(
                                          width, std::make_shared<SelfAttention>(width, heads, width / heads)))),
        ff_(register_module(
            "ff", std::make_shared<PreNorm<Mlp>>(width, std::make_shared<Mlp>(width, kMlpExpansion * width)))) {}

  Tensor forward(Tensor x) {
    x = x + attn_->forward(x);
    return x + ff_->forward(x);
  }

 private:
  std::shared_ptr<PreNorm<SelfAttention>> attn_;
  std::shared_ptr<PreNorm<Mlp>> ff_;
};

Vit1d::Vit1d(std::int64_t leads, std::int64_t samples, const Vit1dOptions& options)
    : width_(options.width),
      to_patch_embedding_(register_module(
          "to_patch_embedding",
          torch::nn::Conv1d(
              torch::nn::Conv1dOptions(leads, options.width, kPatchSamples).stride(kPatchSamples).bias(false)))),
      pos_embedding_(register_parameter("pos_embedding", torch::randn({1, patches(samples), options.width}))),
      norm_(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.width})))) {
  for (std::int64_t i = 0; i < options.depth; ++i)
    blocks_.push_back(
        register_module(fmt::format("block{}", i), std::make_shared<VitBlock>(options.width, options.heads)));
}

Tensor Vit1d::encode(const Tensor& ecg) {
  Tensor x = to_patch_embedding_(ecg).transpose(1, 2);
  DERI_CHECK(x.size(1) <= pos_embedding_.size(1));
  x = x + pos_embedding_.slice(1, 0, x.size(1));
  for (const auto& block : blocks_) x = block->forward(x);
  return x;
}

Tensor Vit1d::forward(const Tensor& ecg) {
  return norm_(encode(ecg)).transpose(1, 2);
}

Tensor Vit1d::pooled(const Tensor& ecg) {
  return norm_(encode(ecg).mean(1));
}

std::int64_t Vit1d::tokens(std::int64_t samples) const {
  return patches(samples);
}

}  // namespace deri
