// The network's plan, and what the forward and the backward half both compute.

#include "deri/nn/fused_resnet_pass.hpp"

namespace deri::fused {
namespace {

// A block's output is computed again in so many passes over a record at most: its own, and those of the blocks before
// it that it is added to. Every output that needed more is kept.
constexpr int kMostPasses = 2;

void choose_kept(std::vector<Block>& blocks) {
  int passes = 0;
  // The backward pass begins with the last one's, which the forward pass has left.
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
    Block& block = blocks[i];
    passes = block.residual && !block.shortcut ? passes + 1 : 1;
    block.kept = passes > kMostPasses;
    if (block.kept) passes = 0;
  }
}

std::int64_t kernel_size(const NormedConvolution& modules) {
  return modules.convolution->weight.size(2);
}

std::size_t add_layer(Plan& plan, const NormedConvolution& modules, std::int64_t length, bool bfloat16) {
  const auto& options = modules.convolution->options;
  const ConvolutionShape shape{.in = options.in_channels(),
                               .out = options.out_channels(),
                               .kernel = kernel_size(modules),
                               .stride = options.stride()->at(0),
                               .length = length};
  plan.layers.emplace_back(modules, shape, bfloat16);
  return plan.layers.size() - 1;
}

}  // namespace

Plan make_plan(const std::vector<FusedBlock>& blocks, std::int64_t length, bool bfloat16) {
  Plan plan;
  for (const FusedBlock& from : blocks) {
    Block block{.chain = {}, .shortcut = {}, .residual = from.residual};
    std::int64_t steps = length;
    for (const NormedConvolution& modules : from.chain) {
      block.chain.push_back(add_layer(plan, modules, steps, bfloat16));
      steps = plan.layers.back().kernels.out_length();
    }
    if (from.shortcut) block.shortcut = add_layer(plan, *from.shortcut, length, bfloat16);
    plan.blocks.push_back(block);
    length = steps;
  }
  choose_kept(plan.blocks);
  return plan;
}

template <typename Value>
std::size_t Pass<Value>::largest_record() const {
  std::size_t largest = 0;
  for (const Layer& layer : plan_.layers) largest = std::max({largest, layer.values(), layer.kernels.in_values()});
  return (largest + 127) / 128 * 128;
}

// relu(norm(a layer's convolution)).
template <typename Value>
void Pass<Value>::normalised_output(std::size_t index, std::int64_t slot, Value* out) const {
  const Layer& layer = plan_.layers[index];
  const Value* from = output(index, slot);
  const std::size_t row = layer.row() * width_;
  for (std::size_t i = 0; i < blocks_of(layer); ++i)
    normalise_row<Value>(from + i * row, norms_[index].scaling(i * width_), nullptr, layer.row(),
                         static_cast<int>(width_), out + i * row);
}

// `before`: the output of the block before it, which `out` may replace.
template <typename Value>
void Pass<Value>::write_block_output(std::size_t index, std::int64_t slot, const Value* before, Value* out) const {
  const Block& block = plan_.blocks[index];
  if (!block.residual) {
    normalised_output(block.chain.back(), slot, out);
    return;
  }
  const Layer& layer = plan_.last(block);
  const Value* from = output(block.chain.back(), slot);
  const Value* other = block.shortcut ? output(*block.shortcut, slot) : before;
  const std::size_t row = layer.row() * width_;
  const NormPass& norm = norms_[block.chain.back()];
  for (std::size_t i = 0; i < blocks_of(layer); ++i) {
    const std::size_t channel = i * width_, at = i * row;
    if (block.shortcut)
      normalise_rows_and_add(from + at, norm.scaling(channel), other + at, norms_[*block.shortcut].scaling(channel),
                             layer.row(), static_cast<int>(width_), out + at);
    else
      normalise_row(from + at, norm.scaling(channel), other + at, layer.row(), static_cast<int>(width_), out + at);
  }
}

template <typename Value>
void Pass<Value>::block_ecg(std::int64_t record, Value* out) const {
  const auto leads = static_cast<std::size_t>(ecg_.size(1)), samples = static_cast<std::size_t>(ecg_.size(2));
  block_record(ecg_.data_ptr<float>() + static_cast<std::size_t>(record) * leads * samples, leads, samples, samples, 1,
               static_cast<int>(width_), out);
}

template std::size_t Pass<float>::largest_record() const;
template void Pass<float>::normalised_output(std::size_t layer, std::int64_t slot, float* out) const;
template void Pass<float>::write_block_output(std::size_t block, std::int64_t slot, const float* before,
                                              float* out) const;
template void Pass<float>::block_ecg(std::int64_t record, float* out) const;
template std::size_t Pass<BFloat16>::largest_record() const;
template void Pass<BFloat16>::normalised_output(std::size_t layer, std::int64_t slot, BFloat16* out) const;
template void Pass<BFloat16>::write_block_output(std::size_t block, std::int64_t slot, const BFloat16* before,
                                                 BFloat16* out) const;
template void Pass<BFloat16>::block_ecg(std::int64_t record, BFloat16* out) const;

}  // namespace deri::fused
