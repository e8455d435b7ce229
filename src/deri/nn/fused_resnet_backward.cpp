// Backward through the network. Everything that a record needs is done while it is in the cache of its thread.

#include "deri/base/error.hpp"
#include "deri/nn/fused_resnet_pass.hpp"

namespace deri::fused {

template <typename Value>
std::vector<torch::Tensor> Pass<Value>::backward(const torch::Tensor& output_gradient, HugeBuffer& memory) {
  DERI_CHECK(!spent_);
  spent_ = true;
  take_thread_memory(memory);
  for (const Layer& layer : plan_.layers) {
    parameter_gradients_.push_back(torch::empty_like(layer.modules.convolution->weight, at::MemoryFormat::Contiguous));
    parameter_gradients_.push_back(torch::empty_like(layer.modules.norm->weight));
    parameter_gradients_.push_back(torch::empty_like(layer.modules.norm->bias));
  }
  take_output_gradient(output_gradient.transpose(1, 2).to(torch::kFloat32).contiguous());
  for (std::size_t block = plan_.blocks.size(); block-- > 0;) {
    const auto& chain = plan_.blocks[block].chain;
    if (plan_.blocks[block].shortcut) norm_gradient(*plan_.blocks[block].shortcut);
    for (std::size_t position = chain.size(); position-- > 0;) {
      norm_gradient(chain[position]);
      backward_chain(block, position);
    }
  }
  return std::move(parameter_gradients_);
}

template <typename Value>
void Pass<Value>::take_thread_memory(HugeBuffer& memory) {
  const std::size_t record = largest_record();
  std::size_t together = 1;
  for (const Block& block : plan_.blocks)
    for (std::size_t i = 0; i < block.chain.size(); ++i)
      together = std::max(together, static_cast<std::size_t>(records_together(block, i)));
  std::size_t weights = 0;
  for (const Layer& layer : plan_.layers) weights = std::max(weights, layer.kernels.weight_gradient_values());
  std::size_t bytes = static_cast<std::size_t>(threads_.count) *
                      (3 * HugeBuffer::padded(together * record * sizeof(Value)) +
                       HugeBuffer::padded(record * sizeof(Value)) + HugeBuffer::padded(2 * weights * sizeof(float)));
  for (const Layer& layer : plan_.layers)
    bytes += 2 * HugeBuffer::padded(static_cast<std::size_t>(batch() * layer.channels()) * sizeof(float));
  memory.reserve(bytes);
  for (auto& mine : thread_memory_) {
    mine.input = memory.take<Value>(together * record);
    mine.gradient = memory.take<Value>(together * record);
    mine.shortcut_gradient = memory.take<Value>(together * record);
    mine.back = memory.take<Value>(record);
    mine.sum = memory.take<float>(2 * weights);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto sums = static_cast<std::size_t>(batch() * plan_.layers[i].channels());
    layers_[i].gradient_sum = memory.take<float>(sums);
    layers_[i].gradient_product = memory.take<float>(sums);
    std::fill_n(layers_[i].gradient_sum, sums, 0.0F);
    std::fill_n(layers_[i].gradient_product, sums, 0.0F);
  }
}

template <typename Value>
void Pass<Value>::take_output_gradient(const torch::Tensor& output_gradient) {
  const auto steps = static_cast<std::size_t>(output_gradient.size(1));
  const auto channels = static_cast<std::size_t>(output_gradient.size(2));
  const std::size_t last = plan_.blocks.size() - 1;
  threads_.run([&](std::int64_t thread, std::int64_t first, std::int64_t end) {
    Value* gradient = thread_memory_[static_cast<std::size_t>(thread)].back;
    for (std::int64_t record = first; record < end; ++record) {
      block_record(output_gradient.data_ptr<float>() + static_cast<std::size_t>(record) * steps * channels, channels,
                   steps, 1, channels, static_cast<int>(width_), gradient);
      reduce_into_block(last, record, block_output(last, record), gradient);
      std::copy_n(gradient, channels * steps, block_gradient(record));
    }
  });
}

// A block's output where it was kept, or computed again in `room`.
template <typename Value>
const Value* Pass<Value>::output_again(std::size_t index, std::int64_t record, Value* room) const {
  const Block& block = plan_.blocks[index];
  if (block.kept) return block_output(index, record);
  const bool adds_before = block.residual && !block.shortcut;
  write_block_output(index, record, adds_before ? output_again(index - 1, record, room) : nullptr, room);
  return room;
}

// What `count` records brought to a convolution, one after another, if need be in `room`.
template <typename Value>
const Value* Pass<Value>::prepare_input(std::size_t index, std::size_t position, std::int64_t first, std::int64_t count,
                                        Value* room) const {
  const Block& block = plan_.blocks[index];
  if (position == 0 && index > 0 && plan_.blocks[index - 1].kept) return block_output(index - 1, first);
  const std::size_t values = plan_.layers[block.chain[position]].kernels.in_values();
  for (std::int64_t i = 0; i < count; ++i) {
    Value* to = room + static_cast<std::size_t>(i) * values;
    if (position > 0)
      normalised_output(block.chain[position - 1], first + i, to);
    else if (index > 0)
      output_again(index - 1, first + i, to);
    else
      block_ecg(first + i, to);
  }
  return room;
}

// The gradient of a block's output `out` is complete: back through its ReLU, and the sums that the norms before it
// need.
template <typename Value>
void Pass<Value>::reduce_into_block(std::size_t index, std::int64_t record, const Value* out, Value* gradient) {
  const Block& block = plan_.blocks[index];
  const Layer& layer = plan_.last(block);
  const std::size_t row = layer.row() * width_;
  const int width = static_cast<int>(width_);
  const auto reduce = [&](std::size_t from, std::size_t i) {
    const std::size_t at = static_cast<std::size_t>(record * layer.channels()) + i * width_;
    reduce_row<Value>(gradient + i * row, output(from, record) + i * row, norms_[from].mean.data() + i * width_,
                      layer.row(), width, layers_[from].gradient_sum + at, layers_[from].gradient_product + at);
  };
  for (std::size_t i = 0; i < blocks_of(layer); ++i) {
    mask_row<Value>(out + i * row, layer.row(), width, gradient + i * row);
    reduce(block.chain.back(), i);
    if (block.shortcut) reduce(*block.shortcut, i);
  }
}

// A norm's own gradients, and how its input's follows from its output's, from the sums over the batch:
//   dx = scale (dy - mean(dy) - (x - mean) / deviation^2 * mean(dy (x - mean))).
template <typename Value>
void Pass<Value>::norm_gradient(std::size_t index) {
  const Layer& layer = plan_.layers[index];
  NormPass& norm = norms_[index];
  const auto channels = static_cast<std::size_t>(layer.channels());
  const double count = static_cast<double>(batch()) * static_cast<double>(layer.row());
  auto* weight_gradient = parameter_gradients_[3 * index + 1].template data_ptr<float>();
  auto* bias_gradient = parameter_gradients_[3 * index + 2].template data_ptr<float>();
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, product = 0;
    for (std::int64_t record = 0; record < batch(); ++record) {
      sum += layers_[index].gradient_sum[static_cast<std::size_t>(record) * channels + c];
      product += layers_[index].gradient_product[static_cast<std::size_t>(record) * channels + c];
    }
    const double deviation = norm.deviation[c], a = norm.scale[c], b = -a / (deviation * deviation) * product / count;
    weight_gradient[c] = static_cast<float>(product / deviation);
    bias_gradient[c] = static_cast<float>(sum);
    norm.a[c] = static_cast<float>(a);
    norm.b[c] = static_cast<float>(b);
    norm.c[c] = static_cast<float>(-a * sum / count - b * norm.mean[c]);
  }
}

template <typename Value>
void Pass<Value>::combine(std::size_t index, const Value* gradient, std::int64_t record, Value* out) const {
  const Layer& layer = plan_.layers[index];
  const NormPass& norm = norms_[index];
  const std::size_t row = layer.row() * width_;
  for (std::size_t i = 0; i < blocks_of(layer); ++i) {
    const std::size_t c = i * width_;
    combine_rows<Value>(gradient + i * row, output(index, record) + i * row, norm.a.data() + c, norm.b.data() + c,
                        norm.c.data() + c, layer.row(), static_cast<int>(width_), out + i * row);
  }
}

// Records whose weight gradients are computed by one call.
template <typename Value>
std::int64_t Pass<Value>::records_together(const Block& block, std::size_t position) const {
  std::int64_t most = plan_.layers[block.chain[position]].kernels.most_records();
  if (position == 0 && block.shortcut) most = std::min(most, plan_.layers[*block.shortcut].kernels.most_records());
  return most;
}

template <typename Value>
void Pass<Value>::backward_chain(std::size_t index, std::size_t position) {
  const Block& block = plan_.blocks[index];
  Layer& layer = plan_.layers[block.chain[position]];
  Layer* shortcut = position == 0 && block.shortcut ? &plan_.layers[*block.shortcut] : nullptr;
  layer.kernels.prepare_backward();
  if (shortcut != nullptr) shortcut->kernels.prepare_backward();
  const std::int64_t together = records_together(block, position);
  threads_.run([&](std::int64_t thread, std::int64_t first, std::int64_t end) {
    for (std::int64_t record = first; record < end; record += together)
      backward_records(index, position, thread, record, std::min(together, end - record), record == first);
  });
  finish_weight_gradient(block.chain[position], 0);
  if (shortcut != nullptr) finish_weight_gradient(*block.shortcut, layer.kernels.weight_gradient_values());
}

template <typename Value>
void Pass<Value>::backward_records(std::size_t index, std::size_t position, std::int64_t thread, std::int64_t first,
                                   std::int64_t count, bool first_time) {
  const Block& block = plan_.blocks[index];
  const std::size_t layer_index = block.chain[position];
  const Layer& layer = plan_.layers[layer_index];
  auto& mine = thread_memory_[static_cast<std::size_t>(thread)];
  const bool last = position + 1 == block.chain.size();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t record = first + i;
    combine(layer_index, last ? block_gradient(record) : chain_gradient(block, record), record,
            mine.gradient + static_cast<std::size_t>(i) * layer.values());
  }
  const Value* input = prepare_input(index, position, first, count, mine.input);
  layer.kernels.backward_weights(input, mine.gradient, count, !first_time, mine.sum, mine.scratch);
  if (position == 0 && block.shortcut) {
    const Layer& shortcut = plan_.layers[*block.shortcut];
    for (std::int64_t i = 0; i < count; ++i)
      combine(*block.shortcut, block_gradient(first + i), first + i,
              mine.shortcut_gradient + static_cast<std::size_t>(i) * shortcut.values());
    shortcut.kernels.backward_weights(input, mine.shortcut_gradient, count, !first_time,
                                      mine.sum + layer.kernels.weight_gradient_values(), mine.scratch);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (position > 0)
      back_to_chain(index, position, first + i, mine.gradient + static_cast<std::size_t>(i) * layer.values(), mine);
    else if (index > 0)
      back_to_input(index, first + i, i, input + static_cast<std::size_t>(i) * layer.kernels.in_values(), mine);
  }
}

// Back through a convolution inside a chain, and through the ReLU and norm before it.
template <typename Value>
void Pass<Value>::back_to_chain(std::size_t index, std::size_t position, std::int64_t record, const Value* gradient,
                                ThreadMemory<Value>& mine) {
  const Block& block = plan_.blocks[index];
  Value* before = chain_gradient(block, record);
  plan_.layers[block.chain[position]].kernels.backward_data(gradient, before, mine.scratch);
  const std::size_t from = block.chain[position - 1];
  const Layer& layer = plan_.layers[from];
  const std::size_t row = layer.row() * width_;
  const Value* out = output(from, record);
  const NormPass& norm = norms_[from];
  for (std::size_t i = 0; i < blocks_of(layer); ++i) {
    const std::size_t at = static_cast<std::size_t>(record * layer.channels()) + i * width_;
    mask_row<Value>(out + i * row, norm.scaling(i * width_), layer.row(), static_cast<int>(width_), before + i * row);
    reduce_row<Value>(before + i * row, out + i * row, norm.mean.data() + i * width_, layer.row(),
                      static_cast<int>(width_), layers_[from].gradient_sum + at, layers_[from].gradient_product + at);
  }
}

// Back through a block's first convolution and its shortcut into the block before it, whose output was `input`.
template <typename Value>
void Pass<Value>::back_to_input(std::size_t index, std::int64_t record, std::int64_t offset, const Value* input,
                                ThreadMemory<Value>& mine) {
  const Block& block = plan_.blocks[index];
  const Layer& layer = plan_.layers[block.chain[0]];
  const auto at = static_cast<std::size_t>(offset);
  Value* total = block_gradient(record);
  layer.kernels.backward_data(mine.gradient + at * layer.values(), mine.back, mine.scratch);
  if (block.shortcut) {
    const Layer& shortcut = plan_.layers[*block.shortcut];
    shortcut.kernels.backward_data(mine.shortcut_gradient + at * shortcut.values(), total, mine.scratch);
  }
  add_values(mine.back, layer.kernels.in_values(), total);
  reduce_into_block(index - 1, record, input, total);
}

// The threads' sums together, in plain order. `offset`: where in the threads' memory they lie.
template <typename Value>
void Pass<Value>::finish_weight_gradient(std::size_t index, std::size_t offset) {
  const Layer& layer = plan_.layers[index];
  float* total = thread_memory_[0].sum + offset;
  constexpr std::int64_t kPiece = 4096;
  const auto values = static_cast<std::int64_t>(layer.kernels.weight_gradient_values());
#pragma omp parallel for
  for (std::int64_t first = 0; first < values; first += kPiece)
    for (std::size_t thread = 1; thread < thread_memory_.size(); ++thread)
      add_values(thread_memory_[thread].sum + offset + first,
                 static_cast<std::size_t>(std::min(kPiece, values - first)), total + first);
  layer.kernels.unpack_weight_gradient(total, parameter_gradients_[3 * index].template data_ptr<float>());
}

template std::vector<torch::Tensor> Pass<float>::backward(const torch::Tensor& output_gradient, HugeBuffer& memory);
template std::vector<torch::Tensor> Pass<BFloat16>::backward(const torch::Tensor& output_gradient, HugeBuffer& memory);

}  // namespace deri::fused
