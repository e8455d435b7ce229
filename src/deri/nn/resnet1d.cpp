#include "deri/nn/resnet1d.hpp"

#include <utility>

#include <fmt/format.h>

#include "deri/nn/blocked_convolution.hpp"
#include "deri/nn/kernels.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::int64_t kBottleneckExpansion = 4;
constexpr std::int64_t kUnusedClasses = 10;
constexpr int kHalvings = 4;  // conv1 and the stages 2, 3, 4 have stride 2

torch::nn::Conv1d make_conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return torch::nn::Conv1d(torch::nn::Conv1dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

// A 1-d convolution on [B, C, 1, L], a shape that any memory layout of images applies to.
Tensor convolve(const torch::nn::Conv1d& conv, const Tensor& x) {
  const auto& options = conv->options;
  const std::int64_t kernel = conv->weight.size(2);
  const std::array<std::int64_t, 2> stride{1, options.stride()->at(0)}, padding{0, kernel / 2};
  return torch::conv2d(x, conv->weight.unsqueeze(2), /*bias=*/{}, stride, padding);
}

// The identity, or a strided 1x1 convolution with batch-norm where the shape changes. Names: 0
// (convolution), 1 (norm).
class Shortcut : public torch::nn::Module {
 public:
  Shortcut(std::int64_t in, std::int64_t out, std::int64_t stride) {
    if (in == out && stride == 1) return;
    conv_ = register_module("0", make_conv(in, out, 1, stride));
    norm_ = register_module("1", torch::nn::BatchNorm2d(out));
  }

  Tensor forward(const Tensor& x) { return conv_ ? norm_(convolve(conv_, x)) : x; }

  std::optional<NormedConvolution> layer() const {
    return conv_ ? std::optional(NormedConvolution{conv_, norm_}) : std::nullopt;
  }

 private:
  torch::nn::Conv1d conv_{nullptr};
  torch::nn::BatchNorm2d norm_{nullptr};
};

class BasicBlock : public ResidualBlock {
 public:
  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1_(register_module("conv1", make_conv(in, width, 3, stride))),
        conv2_(register_module("conv2", make_conv(width, width, 3, 1))),
        bn1_(register_module("bn1", torch::nn::BatchNorm2d(width))),
        bn2_(register_module("bn2", torch::nn::BatchNorm2d(width))),
        shortcut_(register_module("shortcut", std::make_shared<Shortcut>(in, width, stride))) {}

  Tensor forward(const Tensor& x) override {
    const Tensor hidden = bn1_(convolve(conv1_, x)).relu_();
    return (bn2_(convolve(conv2_, hidden)) + shortcut_->forward(x)).relu_();
  }

  FusedBlock layers() const override {
    return {.chain = {{conv1_, bn1_}, {conv2_, bn2_}}, .shortcut = shortcut_->layer()};
  }

 private:
  torch::nn::Conv1d conv1_, conv2_;
  torch::nn::BatchNorm2d bn1_, bn2_;
  std::shared_ptr<Shortcut> shortcut_;
};

class Bottleneck : public ResidualBlock {
 public:
  Bottleneck(std::int64_t in, std::int64_t width, std::int64_t stride)
      : conv1_(register_module("conv1", make_conv(in, width, 1, 1))),
        conv2_(register_module("conv2", make_conv(width, width, 3, stride))),
        conv3_(register_module("conv3", make_conv(width, width * kBottleneckExpansion, 1, 1))),
        bn1_(register_module("bn1", torch::nn::BatchNorm2d(width))),
        bn2_(register_module("bn2", torch::nn::BatchNorm2d(width))),
        bn3_(register_module("bn3", torch::nn::BatchNorm2d(width * kBottleneckExpansion))),
        shortcut_(register_module("shortcut", std::make_shared<Shortcut>(in, width * kBottleneckExpansion, stride))) {}

  Tensor forward(const Tensor& x) override {
    Tensor hidden = bn1_(convolve(conv1_, x)).relu_();
    hidden = bn2_(convolve(conv2_, hidden)).relu_();
    return (bn3_(convolve(conv3_, hidden)) + shortcut_->forward(x)).relu_();
  }

  FusedBlock layers() const override {
    return {.chain = {{conv1_, bn1_}, {conv2_, bn2_}, {conv3_, bn3_}}, .shortcut = shortcut_->layer()};
  }

 private:
  torch::nn::Conv1d conv1_, conv2_, conv3_;
  torch::nn::BatchNorm2d bn1_, bn2_, bn3_;
  std::shared_ptr<Shortcut> shortcut_;
};

}  // namespace

ResNet1d::ResNet1d(std::int64_t leads, const ResNet1dOptions& options) {
  conv1_ = register_module("conv1", make_conv(leads, features_, 7, 2));
  bn1_ = register_module("bn1", torch::nn::BatchNorm2d(features_));
  for (std::size_t stage = 0; stage < options.blocks.size(); ++stage)
    register_module(fmt::format("layer{}", stage + 1), make_stage(std::int64_t{64} << stage, options.blocks[stage],
                                                                  stage == 0 ? 1 : 2, options.bottleneck));
  // The published weights hold a classification head that nothing uses.
  register_module("linear", torch::nn::Linear(features_, kUnusedClasses));
}

torch::nn::ModuleList ResNet1d::make_stage(std::int64_t width, int blocks, std::int64_t stride, bool bottleneck) {
  torch::nn::ModuleList stage;
  for (int i = 0; i < blocks; ++i) {
    const std::int64_t block_stride = i == 0 ? stride : 1;
    std::shared_ptr<ResidualBlock> block;
    if (bottleneck)
      block = std::make_shared<Bottleneck>(features_, width, block_stride);
    else
      block = std::make_shared<BasicBlock>(features_, width, block_stride);
    features_ = bottleneck ? width * kBottleneckExpansion : width;
    stage->push_back(block);
    blocks_.push_back(block);
  }
  return stage;
}

Tensor ResNet1d::forward(const Tensor& ecg) {
  const bool constant_norms = !is_training() && torch::GradMode::is_enabled();  // a gradient we have no kernels for
  const bool reduced = conv1_->weight.scalar_type() != torch::kFloat32;         // converted as a whole, autocast aside
  const bool plain_loops = is_training() && !BlockedConvolution::has_backward_kernels();  // slower than libtorch
  const auto type = ecg.requires_grad() || constant_norms || reduced || plain_loops ? std::nullopt : fast_type(ecg);
  if (type) return fused().forward(ecg, *type, is_training());
  // Channels last is the layout that convolutions compute in without reordering, but libtorch's batch statistics lose
  // digits in it (plain float32 sums over all time steps), and its backward pass gains nothing.
  const bool contiguous = is_training() || kernels() == Kernels::kPlain;
  Tensor x =
      ecg.unsqueeze(2).contiguous(contiguous ? torch::MemoryFormat::Contiguous : torch::MemoryFormat::ChannelsLast);
  x = bn1_(convolve(conv1_, x)).relu_();
  for (const auto& block : blocks_) x = block->forward(x);
  return x.squeeze(2);
}

std::vector<FusedBlock> ResNet1d::layers() const {
  std::vector<FusedBlock> blocks{{.chain = {{conv1_, bn1_}}, .residual = false}};
  for (const auto& block : blocks_) blocks.push_back(block->layers());
  return blocks;
}

FusedResNet& ResNet1d::fused() {
  if (!fused_) fused_ = std::make_unique<FusedResNet>(layers());
  return *fused_;
}

std::int64_t ResNet1d::tokens(std::int64_t samples) const {
  for (int i = 0; i < kHalvings; ++i) samples = (samples + 1) / 2;
  return samples;
}

}  // namespace deri
