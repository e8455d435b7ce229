// Forward through the network: a block at a time through all records in training, whose statistics need them all,
// otherwise a record at a time through all blocks.

#include <cmath>

#include "deri/nn/fused_resnet_pass.hpp"

namespace deri::fused {
namespace {

using torch::Tensor;

// Mean and sum of squared distances of several sets of numbers together (Chan et al. 1979).
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void add(double other_count, double other_mean, double other_squares) {
    const double distance = other_mean - mean, total = count + other_count;
    mean += distance * other_count / total;
    squares += other_squares + distance * distance * count * other_count / total;
    count = total;
  }
};

// scale and shift from mean and deviation.
void set_scaling(const Layer& layer, NormPass& norm) {
  const Tensor weight = layer.modules.norm->weight.detach().contiguous();
  const Tensor bias = layer.modules.norm->bias.detach().contiguous();
  for (std::size_t c = 0; c < norm.mean.size(); ++c) {
    norm.scale[c] = weight.data_ptr<float>()[c] / norm.deviation[c];
    norm.shift[c] = bias.data_ptr<float>()[c] - norm.mean[c] * norm.scale[c];
  }
}

}  // namespace

// Values of a record for each layer's output. That of a chain's last layer will hold gradients of all its layers.
template <typename Value>
std::vector<std::size_t> Pass<Value>::output_strides() const {
  std::vector<std::size_t> strides;
  for (const Layer& layer : plan_.layers) strides.push_back(layer.values());
  for (const Block& block : plan_.blocks)
    for (const std::size_t layer : block.chain)
      strides[block.chain.back()] = std::max(strides[block.chain.back()], plan_.layers[layer].values());
  return strides;
}

template <typename Value>
std::size_t Pass<Value>::forward_bytes() const {
  std::size_t bytes = 0;
  const auto add = [&](std::size_t size) { bytes += HugeBuffer::padded(size); };
  const auto add_slots = [&](std::size_t stride) { add(static_cast<std::size_t>(slots()) * stride * sizeof(Value)); };
  for (const std::size_t stride : output_strides()) add_slots(stride);
  for (const Block& block : plan_.blocks)
    if (keeps(block)) add_slots(plan_.last(block).values());
  add_slots(largest_record());
  if (training_)
    for (const Layer& layer : plan_.layers)
      add(static_cast<std::size_t>(batch()) * blocks_of(layer) * sizeof(RowMoments));
  for (std::int64_t thread = 0; thread < threads_.count; ++thread) add(largest_record() * sizeof(Value));
  return bytes;
}

template <typename Value>
void Pass<Value>::take_forward_memory(HugeBuffer& memory) {
  memory.reserve(forward_bytes());
  const auto take_slots = [&](std::size_t stride) {
    return Slots<Value>{memory.take<Value>(static_cast<std::size_t>(slots()) * stride), stride};
  };
  const std::vector<std::size_t> strides = output_strides();
  layers_.resize(plan_.layers.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].output = take_slots(strides[i]);
    if (training_)
      layers_[i].moments = memory.take<RowMoments>(static_cast<std::size_t>(batch()) * blocks_of(plan_.layers[i]));
  }
  current_ = take_slots(largest_record());
  for (const Block& block : plan_.blocks)
    block_outputs_.push_back(keeps(block) ? take_slots(plan_.last(block).values()) : current_);
  thread_memory_.resize(static_cast<std::size_t>(threads_.count));
  for (auto& mine : thread_memory_) mine.input = memory.take<Value>(largest_record());
}

template <typename Value>
Tensor Pass<Value>::forward(HugeBuffer& memory) {
  take_forward_memory(memory);
  set_weights();
  const Layer& last = plan_.last(plan_.blocks.back());
  Tensor result = torch::empty({batch(), static_cast<std::int64_t>(last.row()), last.channels()}, torch::kFloat32);
  if (!training_) {
    use_running_statistics();
    threads_.run([&](std::int64_t thread, std::int64_t first, std::int64_t end) {
      for (std::int64_t record = first; record < end; ++record) {
        const Place place{.record = record, .slot = thread, .thread = thread};
        for (std::size_t block = 0; block < plan_.blocks.size(); ++block) {
          begin_block(block, place);
          for (std::size_t i = 1; i < plan_.blocks[block].chain.size(); ++i) continue_chain(block, i, place);
          finish_block(block, place);
        }
        write_output(place, result);
      }
    });
    return result.transpose(1, 2);
  }
  const auto for_records = [&](const auto& step) {
    threads_.run([&](std::int64_t thread, std::int64_t first, std::int64_t end) {
      for (std::int64_t record = first; record < end; ++record)
        step(Place{.record = record, .slot = record, .thread = thread});
    });
  };
  for (std::size_t b = 0; b < plan_.blocks.size(); ++b) {
    const Block& block = plan_.blocks[b];
    for_records([&](const Place& place) {
      if (b > 0) finish_block(b - 1, place);
      begin_block(b, place);
    });
    finish_statistics(block.chain[0]);
    if (block.shortcut) finish_statistics(*block.shortcut);
    for (std::size_t i = 1; i < block.chain.size(); ++i) {
      for_records([&](const Place& place) { continue_chain(b, i, place); });
      finish_statistics(block.chain[i]);
    }
  }
  for_records([&](const Place& place) {
    finish_block(plan_.blocks.size() - 1, place);
    write_output(place, result);
  });
  return result.transpose(1, 2);
}

template <typename Value>
void Pass<Value>::set_weights() {
  for (Layer& layer : plan_.layers)
    layer.kernels.set_weights(layer.modules.convolution->weight.detach().contiguous().template data_ptr<float>(),
                              training_);
}

template <typename Value>
void Pass<Value>::use_running_statistics() {
  for (std::size_t index = 0; index < norms_.size(); ++index) {
    const auto& from = *plan_.layers[index].modules.norm;
    const Tensor mean = from.running_mean.contiguous(), variance = from.running_var.contiguous();
    NormPass& norm = norms_[index];
    for (std::size_t c = 0; c < norm.mean.size(); ++c) {
      norm.mean[c] = mean.data_ptr<float>()[c];
      norm.deviation[c] = static_cast<float>(std::sqrt(variance.data_ptr<float>()[c] + from.options.eps()));
    }
    set_scaling(plan_.layers[index], norm);
  }
}

// The batch's mean and deviation of a layer out of its records', and the running ones with them.
template <typename Value>
void Pass<Value>::finish_statistics(std::size_t index) {
  const Layer& layer = plan_.layers[index];
  NormPass& norm = norms_[index];
  auto& running = *layer.modules.norm;
  const double momentum = running.options.momentum().value();
  auto* running_mean = running.running_mean.data_ptr<float>();
  auto* running_variance = running.running_var.data_ptr<float>();
  const std::size_t blocks = blocks_of(layer);
  for (std::size_t c = 0; c < norm.mean.size(); ++c) {
    Moments all;
    for (std::int64_t record = 0; record < batch(); ++record) {
      const RowMoments& moments = layers_[index].moments[static_cast<std::size_t>(record) * blocks + c / width_];
      all.add(static_cast<double>(layer.row()), moments.mean[c % width_], moments.squares[c % width_]);
    }
    norm.mean[c] = static_cast<float>(all.mean);
    norm.deviation[c] = static_cast<float>(std::sqrt(all.squares / all.count + running.options.eps()));
    const double unbiased = all.squares / std::max(all.count - 1, 1.0);
    running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * all.mean);
    running_variance[c] = static_cast<float>((1 - momentum) * running_variance[c] + momentum * unbiased);
  }
  const torch::NoGradGuard no_grad;
  running.num_batches_tracked.add_(1);
  set_scaling(layer, norm);
}

template <typename Value>
void Pass<Value>::convolve(std::size_t index, const Value* input, const Place& place) {
  const Layer& layer = plan_.layers[index];
  Value* out = output(index, place.slot);
  layer.kernels.forward(input, out, thread_memory_[static_cast<std::size_t>(place.thread)].scratch);
  if (!training_) return;
  const std::size_t row = layer.row() * width_, blocks = blocks_of(layer);
  for (std::size_t i = 0; i < blocks; ++i)
    row_moments(out + i * row, layer.row(), static_cast<int>(width_),
                layers_[index].moments[static_cast<std::size_t>(place.record) * blocks + i]);
}

template <typename Value>
void Pass<Value>::begin_block(std::size_t index, const Place& place) {
  const Block& block = plan_.blocks[index];
  Value* input = nullptr;
  if (index == 0) {
    input = thread_memory_[static_cast<std::size_t>(place.thread)].input;
    block_ecg(place.record, input);
  } else {
    input = block_output(index - 1, place.slot);
  }
  convolve(block.chain[0], input, place);
  if (block.shortcut) convolve(*block.shortcut, input, place);
}

template <typename Value>
void Pass<Value>::continue_chain(std::size_t index, std::size_t position, const Place& place) {
  const Block& block = plan_.blocks[index];
  Value* input = thread_memory_[static_cast<std::size_t>(place.thread)].input;
  normalised_output(block.chain[position - 1], place.slot, input);
  convolve(block.chain[position], input, place);
}

template <typename Value>
void Pass<Value>::finish_block(std::size_t index, const Place& place) const {
  write_block_output(index, place.slot, index > 0 ? block_output(index - 1, place.slot) : nullptr,
                     block_output(index, place.slot));
}

template <typename Value>
void Pass<Value>::write_output(const Place& place, Tensor& result) const {
  const auto steps = static_cast<std::size_t>(result.size(1)), channels = static_cast<std::size_t>(result.size(2));
  unblock_record(block_output(plan_.blocks.size() - 1, place.slot), channels, steps, 1, channels,
                 static_cast<int>(width_),
                 result.data_ptr<float>() + static_cast<std::size_t>(place.record) * steps * channels);
}

template Tensor Pass<float>::forward(HugeBuffer& memory);
template Tensor Pass<BFloat16>::forward(HugeBuffer& memory);

}  // namespace deri::fused
