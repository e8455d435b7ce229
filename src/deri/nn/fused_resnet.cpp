#include "deri/nn/fused_resnet.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

#include <omp.h>

#include "deri/base/error.hpp"
#include "deri/nn/blocked_convolution.hpp"
#include "deri/nn/blocked_rows.hpp"
#include "deri/nn/huge_buffer.hpp"

namespace deri {
namespace {

using torch::Tensor;

// A block's output is computed again in so many passes over a record at most: its own, and those of the blocks before
// it that it is added to. Every output that needed more is kept.
constexpr int kMostPasses = 2;

// A layer of the network for one length of input.
struct Layer {
  NormedConvolution modules;
  BlockedConvolution kernels;

  Layer(NormedConvolution from, const ConvolutionShape& shape, bool bfloat16)
      : modules(std::move(from)), kernels(shape, bfloat16) {}
  std::int64_t channels() const { return kernels.shape().out; }
  std::size_t row() const { return static_cast<std::size_t>(kernels.out_length()); }
  std::size_t values() const { return kernels.out_values(); }
};

// What a layer's batch-norm does in one pass, per channel: scale and shift are the normalisation; a, b, c its backward
// pass (combine_rows).
struct NormPass {
  std::vector<float> mean, deviation, scale, shift, a, b, c;

  explicit NormPass(const Layer& layer) {
    for (auto* values : {&mean, &deviation, &scale, &shift, &a, &b, &c})
      values->resize(static_cast<std::size_t>(layer.channels()));
  }
  RowScaling scaling(std::size_t channel) const { return {scale.data() + channel, shift.data() + channel}; }
};

struct Block {
  std::vector<std::size_t> chain;  // of Plan::layers
  std::optional<std::size_t> shortcut;
  bool residual;
  bool kept = false;  // whether its output stays in memory until the backward pass
};

// The network for one length of input and one type.
struct Plan {
  std::vector<Layer> layers;
  std::vector<Block> blocks;

  const Layer& last(const Block& block) const { return layers[block.chain.back()]; }
};

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

struct Threads {
  std::int64_t count;
  std::int64_t records;

  std::int64_t first(std::int64_t thread) const { return records * thread / count; }

  // body(thread, first record, end) in each thread.
  template <typename Body>
  void run(const Body& body) const {
#pragma omp parallel num_threads(static_cast <int>(count))
    {
      // OpenMP may give fewer threads than asked for.
      for (std::int64_t part = omp_get_thread_num(); part < count; part += omp_get_num_threads())
        body(part, first(part), first(part + 1));
    }
  }
};

// A place in memory for each record, or for each thread.
template <typename Value>
struct Slots {
  Value* first = nullptr;
  std::size_t stride = 0;

  Value* at(std::int64_t slot) const { return first + static_cast<std::size_t>(slot) * stride; }
};

// What a thread needs beside the activations.
template <typename Value>
struct ThreadMemory {
  ConvolutionScratch scratch;
  Value *input, *gradient, *shortcut_gradient, *back;  // records together, but one for `back`
  float* sum;                                          // of weight gradients
};

// One forward pass and its backward pass.
template <typename Value>
class Run {
 public:
  Run(Plan& plan, Tensor ecg, bool training)
      : plan_(plan),
        ecg_(std::move(ecg)),
        training_(training),
        threads_{.count = std::min<std::int64_t>(torch::get_num_threads(), ecg_.size(0)), .records = ecg_.size(0)},
        norms_(plan.layers.begin(), plan.layers.end()) {}

  Tensor forward(HugeBuffer& memory);
  // The gradients of all parameters: weight, norm's weight, norm's bias of every layer.
  std::vector<Tensor> backward(const Tensor& output_gradient, HugeBuffer& memory);

 private:
  // Where the activations of a record lie: in training each record has its own place, otherwise each thread.
  struct Place {
    std::int64_t record, slot, thread;
  };
  struct LayerMemory {
    Slots<Value> output;                     // of the convolution
    RowMoments* moments;                     // [records][channels / W]
    float *gradient_sum, *gradient_product;  // [records][channels]
  };

  std::int64_t batch() const { return threads_.records; }
  std::int64_t slots() const { return training_ ? batch() : threads_.count; }
  std::size_t blocks_of(const Layer& layer) const { return static_cast<std::size_t>(layer.channels() / width_); }
  bool keeps(const Block& block) const { return training_ && block.kept; }
  std::size_t largest_record() const;
  std::vector<std::size_t> output_strides() const;
  std::size_t forward_bytes() const;
  void take_forward_memory(HugeBuffer& memory);
  void take_thread_memory(HugeBuffer& memory);

  Value* output(std::size_t layer, std::int64_t slot) const { return layers_[layer].output.at(slot); }
  Value* block_output(std::size_t block, std::int64_t slot) const { return block_outputs_[block].at(slot); }
  // The gradients of a block's output, and inside its chain. They take the place of what their computation was the last
  // to need: the output that the forward pass wrote last, and that of the chain's last convolution.
  Value* block_gradient(std::int64_t record) const { return current_.at(record); }
  Value* chain_gradient(const Block& block, std::int64_t record) const { return output(block.chain.back(), record); }

  // Forward.
  void set_weights();
  void use_running_statistics();
  void finish_statistics(std::size_t layer);
  void convolve(std::size_t layer, const Value* input, const Place& place);
  void begin_block(std::size_t block, const Place& place);
  void continue_chain(std::size_t block, std::size_t position, const Place& place);
  void finish_block(std::size_t block, const Place& place) const;
  void write_block_output(std::size_t block, std::int64_t slot, const Value* before, Value* out) const;
  void normalised_output(std::size_t layer, std::int64_t slot, Value* out) const;
  void block_ecg(std::int64_t record, Value* out) const;
  void write_output(const Place& place, Tensor& result) const;

  // Backward.
  void take_output_gradient(const Tensor& output_gradient);
  const Value* output_again(std::size_t block, std::int64_t record, Value* room) const;
  const Value* prepare_input(std::size_t block, std::size_t position, std::int64_t first, std::int64_t count,
                             Value* room) const;
  void reduce_into_block(std::size_t block, std::int64_t record, const Value* out, Value* gradient);
  std::int64_t records_together(const Block& block, std::size_t position) const;
  void backward_chain(std::size_t block, std::size_t position);
  void backward_records(std::size_t block, std::size_t position, std::int64_t thread, std::int64_t first,
                        std::int64_t count, bool first_time);
  void back_to_chain(std::size_t block, std::size_t position, std::int64_t record, const Value* gradient,
                     ThreadMemory<Value>& mine);
  void back_to_input(std::size_t block, std::int64_t record, std::int64_t offset, const Value* input,
                     ThreadMemory<Value>& mine);
  void norm_gradient(std::size_t layer);
  void combine(std::size_t layer, const Value* gradient, std::int64_t record, Value* out) const;
  void finish_weight_gradient(std::size_t layer, std::size_t offset);

  Plan& plan_;
  Tensor ecg_;
  bool training_;
  Threads threads_;
  std::size_t width_ = static_cast<std::size_t>(BlockedConvolution::block_width());
  std::vector<NormPass> norms_;  // by layer
  std::vector<LayerMemory> layers_;
  // Of the block that is being computed, in the place of the one before it.
  Slots<Value> current_;
  std::vector<Slots<Value>> block_outputs_;  // own memory of those that are kept, otherwise current_
  std::vector<ThreadMemory<Value>> thread_memory_;
  std::vector<Tensor> parameter_gradients_;
  bool spent_ = false;  // the backward pass leaves no activations
};

template <typename Value>
std::size_t Run<Value>::largest_record() const {
  std::size_t largest = 0;
  for (const Layer& layer : plan_.layers) largest = std::max({largest, layer.values(), layer.kernels.in_values()});
  return (largest + 127) / 128 * 128;
}

// Values of a record for each layer's output. That of a chain's last layer will hold gradients of all its layers.
template <typename Value>
std::vector<std::size_t> Run<Value>::output_strides() const {
  std::vector<std::size_t> strides;
  for (const Layer& layer : plan_.layers) strides.push_back(layer.values());
  for (const Block& block : plan_.blocks)
    for (const std::size_t layer : block.chain)
      strides[block.chain.back()] = std::max(strides[block.chain.back()], plan_.layers[layer].values());
  return strides;
}

template <typename Value>
std::size_t Run<Value>::forward_bytes() const {
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
void Run<Value>::take_forward_memory(HugeBuffer& memory) {
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
Tensor Run<Value>::forward(HugeBuffer& memory) {
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
void Run<Value>::set_weights() {
  for (Layer& layer : plan_.layers)
    layer.kernels.set_weights(layer.modules.convolution->weight.detach().contiguous().template data_ptr<float>(),
                              training_);
}

// scale and shift from mean and deviation.
void set_scaling(const Layer& layer, NormPass& norm) {
  const Tensor weight = layer.modules.norm->weight.detach().contiguous();
  const Tensor bias = layer.modules.norm->bias.detach().contiguous();
  for (std::size_t c = 0; c < norm.mean.size(); ++c) {
    norm.scale[c] = weight.data_ptr<float>()[c] / norm.deviation[c];
    norm.shift[c] = bias.data_ptr<float>()[c] - norm.mean[c] * norm.scale[c];
  }
}

template <typename Value>
void Run<Value>::use_running_statistics() {
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
void Run<Value>::finish_statistics(std::size_t index) {
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
void Run<Value>::convolve(std::size_t index, const Value* input, const Place& place) {
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
void Run<Value>::begin_block(std::size_t index, const Place& place) {
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
void Run<Value>::continue_chain(std::size_t index, std::size_t position, const Place& place) {
  const Block& block = plan_.blocks[index];
  Value* input = thread_memory_[static_cast<std::size_t>(place.thread)].input;
  normalised_output(block.chain[position - 1], place.slot, input);
  convolve(block.chain[position], input, place);
}

// relu(norm(a layer's convolution)).
template <typename Value>
void Run<Value>::normalised_output(std::size_t index, std::int64_t slot, Value* out) const {
  const Layer& layer = plan_.layers[index];
  const Value* from = output(index, slot);
  const std::size_t row = layer.row() * width_;
  for (std::size_t i = 0; i < blocks_of(layer); ++i)
    normalise_row<Value>(from + i * row, norms_[index].scaling(i * width_), nullptr, layer.row(),
                         static_cast<int>(width_), out + i * row);
}

template <typename Value>
void Run<Value>::finish_block(std::size_t index, const Place& place) const {
  write_block_output(index, place.slot, index > 0 ? block_output(index - 1, place.slot) : nullptr,
                     block_output(index, place.slot));
}

// `before`: the output of the block before it, which `out` may replace.
template <typename Value>
void Run<Value>::write_block_output(std::size_t index, std::int64_t slot, const Value* before, Value* out) const {
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
void Run<Value>::block_ecg(std::int64_t record, Value* out) const {
  const auto leads = static_cast<std::size_t>(ecg_.size(1)), samples = static_cast<std::size_t>(ecg_.size(2));
  block_record(ecg_.data_ptr<float>() + static_cast<std::size_t>(record) * leads * samples, leads, samples, samples, 1,
               static_cast<int>(width_), out);
}

template <typename Value>
void Run<Value>::write_output(const Place& place, Tensor& result) const {
  const auto steps = static_cast<std::size_t>(result.size(1)), channels = static_cast<std::size_t>(result.size(2));
  unblock_record(block_output(plan_.blocks.size() - 1, place.slot), channels, steps, 1, channels,
                 static_cast<int>(width_),
                 result.data_ptr<float>() + static_cast<std::size_t>(place.record) * steps * channels);
}

template <typename Value>
std::vector<Tensor> Run<Value>::backward(const Tensor& output_gradient, HugeBuffer& memory) {
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
void Run<Value>::take_thread_memory(HugeBuffer& memory) {
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
void Run<Value>::take_output_gradient(const Tensor& output_gradient) {
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
const Value* Run<Value>::output_again(std::size_t index, std::int64_t record, Value* room) const {
  const Block& block = plan_.blocks[index];
  if (block.kept) return block_output(index, record);
  const bool adds_before = block.residual && !block.shortcut;
  write_block_output(index, record, adds_before ? output_again(index - 1, record, room) : nullptr, room);
  return room;
}

// What `count` records brought to a convolution, one after another, if need be in `room`.
template <typename Value>
const Value* Run<Value>::prepare_input(std::size_t index, std::size_t position, std::int64_t first, std::int64_t count,
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
void Run<Value>::reduce_into_block(std::size_t index, std::int64_t record, const Value* out, Value* gradient) {
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
void Run<Value>::norm_gradient(std::size_t index) {
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
void Run<Value>::combine(std::size_t index, const Value* gradient, std::int64_t record, Value* out) const {
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
std::int64_t Run<Value>::records_together(const Block& block, std::size_t position) const {
  std::int64_t most = plan_.layers[block.chain[position]].kernels.most_records();
  if (position == 0 && block.shortcut) most = std::min(most, plan_.layers[*block.shortcut].kernels.most_records());
  return most;
}

template <typename Value>
void Run<Value>::backward_chain(std::size_t index, std::size_t position) {
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
void Run<Value>::backward_records(std::size_t index, std::size_t position, std::int64_t thread, std::int64_t first,
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
void Run<Value>::back_to_chain(std::size_t index, std::size_t position, std::int64_t record, const Value* gradient,
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
void Run<Value>::back_to_input(std::size_t index, std::int64_t record, std::int64_t offset, const Value* input,
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
void Run<Value>::finish_weight_gradient(std::size_t index, std::size_t offset) {
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

}  // namespace

// Plans and memory of one network, which its steps use again.
class FusedResNet::Engine {
 public:
  explicit Engine(std::vector<FusedBlock> blocks) : blocks_(std::move(blocks)) {}

  Plan& plan(std::int64_t length, bool bfloat16) {
    const std::pair key(length, bfloat16);
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    return plans_.emplace(key, make_plan(blocks_, length, bfloat16)).first->second;
  }

  std::unique_ptr<HugeBuffer> take_memory() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<HugeBuffer>();
    auto memory = std::move(free_.back());
    free_.pop_back();
    return memory;
  }

  void give_back(std::unique_ptr<HugeBuffer> memory) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(memory));
  }

  // Weight, norm's weight and norm's bias of every layer, in the order of a plan's layers.
  std::vector<Tensor> parameters() const {
    std::vector<Tensor> all;
    const auto add = [&](const NormedConvolution& layer) {
      all.insert(all.end(), {layer.convolution->weight, layer.norm->weight, layer.norm->bias});
    };
    for (const FusedBlock& block : blocks_) {
      for (const NormedConvolution& layer : block.chain) add(layer);
      if (block.shortcut) add(*block.shortcut);
    }
    return all;
  }

 private:
  std::vector<FusedBlock> blocks_;
  std::map<std::pair<std::int64_t, bool>, Plan> plans_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HugeBuffer>> free_;
};

namespace {

// A pass whose backward pass may come: its memory goes back to the engine when the graph forgets it.
class PendingPass : public torch::CustomClassHolder {
 public:
  PendingPass(std::shared_ptr<FusedResNet::Engine> engine, const Tensor& ecg, bool bfloat16, bool training)
      : engine_(std::move(engine)), memory_(engine_->take_memory()) {
    Plan& plan = engine_->plan(ecg.size(2), bfloat16);
    if (bfloat16)
      half_.emplace(plan, ecg, training);
    else
      single_.emplace(plan, ecg, training);
  }
  ~PendingPass() override { engine_->give_back(std::move(memory_)); }
  PendingPass(const PendingPass&) = delete;
  PendingPass& operator=(const PendingPass&) = delete;

  Tensor forward() { return half_ ? half_->forward(*memory_) : single_->forward(*memory_); }
  std::vector<Tensor> backward(const Tensor& output_gradient) {
    auto memory = engine_->take_memory();
    auto gradients = half_ ? half_->backward(output_gradient, *memory) : single_->backward(output_gradient, *memory);
    engine_->give_back(std::move(memory));
    return gradients;
  }

 private:
  std::shared_ptr<FusedResNet::Engine> engine_;
  std::unique_ptr<HugeBuffer> memory_;
  std::optional<Run<float>> single_;
  std::optional<Run<BFloat16>> half_;
};

class FusedResNetFunction : public torch::autograd::Function<FusedResNetFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, at::TensorList parameters,
                        const c10::intrusive_ptr<PendingPass>& pass) {
    context->save_for_backward(parameters.vec());  // for torch's check that they have not changed
    context->saved_data["pass"] = c10::IValue::make_capsule(pass);
    return pass->forward();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    context->get_saved_variables();
    const auto pass = c10::static_intrusive_pointer_cast<PendingPass>(context->saved_data["pass"].toCapsule());
    auto result = pass->backward(gradients[0]);
    result.emplace_back();  // for the pass itself
    return result;
  }
};

}  // namespace

FusedResNet::FusedResNet(std::vector<FusedBlock> blocks) : engine_(std::make_shared<Engine>(std::move(blocks))) {}
FusedResNet::~FusedResNet() = default;

Tensor FusedResNet::forward(const Tensor& ecg, torch::ScalarType type, bool training) {
  const auto pass = c10::make_intrusive<PendingPass>(engine_, ecg.to(torch::kFloat32).contiguous(),
                                                     type == torch::kBFloat16, training);
  if (!training || !torch::GradMode::is_enabled()) return pass->forward();
  return FusedResNetFunction::apply(at::TensorList(engine_->parameters()), pass);
}

}  // namespace deri
