#pragma once
// One pass of FusedResNet over a batch: what its forward half (fused_resnet_forward.cpp) and its backward half
// (fused_resnet_backward.cpp) share. Internal to the fused network.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <omp.h>
#include <torch/torch.h>

#include "deri/nn/blocked_convolution.hpp"
#include "deri/nn/blocked_rows.hpp"
#include "deri/nn/fused_resnet.hpp"
#include "deri/nn/huge_buffer.hpp"

namespace deri::fused {

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

// Of a network whose input has `length` steps, with activations in bfloat16 or float32.
Plan make_plan(const std::vector<FusedBlock>& blocks, std::int64_t length, bool bfloat16);

// Records divided among threads.
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
class Pass {
 public:
  Pass(Plan& plan, torch::Tensor ecg, bool training)
      : plan_(plan),
        ecg_(std::move(ecg)),
        training_(training),
        threads_{.count = std::min<std::int64_t>(torch::get_num_threads(), ecg_.size(0)), .records = ecg_.size(0)},
        norms_(plan.layers.begin(), plan.layers.end()) {}

  torch::Tensor forward(HugeBuffer& memory);
  // The gradients of all parameters: weight, norm's weight, norm's bias of every layer.
  std::vector<torch::Tensor> backward(const torch::Tensor& output_gradient, HugeBuffer& memory);

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
  void write_output(const Place& place, torch::Tensor& result) const;

  // Backward.
  void take_output_gradient(const torch::Tensor& output_gradient);
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
  torch::Tensor ecg_;
  bool training_;
  Threads threads_;
  std::size_t width_ = static_cast<std::size_t>(BlockedConvolution::block_width());
  std::vector<NormPass> norms_;  // by layer
  std::vector<LayerMemory> layers_;
  // Of the block that is being computed, in the place of the one before it.
  Slots<Value> current_;
  std::vector<Slots<Value>> block_outputs_;  // own memory of those that are kept, otherwise current_
  std::vector<ThreadMemory<Value>> thread_memory_;
  std::vector<torch::Tensor> parameter_gradients_;
  bool spent_ = false;  // the backward pass leaves no activations
};

}  // namespace deri::fused
