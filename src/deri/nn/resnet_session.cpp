#include "deri/nn/resnet_session.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include <omp.h>

#include "deri/base/error.hpp"
#include "deri/nn/blocked_rows.hpp"
#include "deri/nn/huge_buffer.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/single_thread.hpp"

namespace deri {
namespace {

using torch::Tensor;

// Whole numbers reach to twice the greatest value seen in calibration: what is beyond the last one is lost, and there
// are records with greater artefacts than any of a few dozen. Measured on PTB-XL: the least cosine with float32 is 0.86
// without headroom, 0.991 with twice, and 0.997 with four times, which however costs every other record more.
constexpr float kHeadroom = 2;

constexpr std::size_t kActivationBuffers = 3;  // of a record: a layer's input, its output, and the residual

float largest_size(const float* values, std::size_t count) {
  float largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest;
}

std::vector<float> float_values(const Tensor& tensor) {
  const Tensor plain = tensor.to(torch::kCPU, torch::kFloat32).contiguous();
  return {plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel()};
}

// norm(conv x) = (w * scale) x + (bias - mean * scale), scale = weight / sqrt(variance + eps), per output channel.
InferenceWeights folded(const NormedConvolution& modules) {
  const auto& norm = *modules.norm;
  const auto exact = [](const Tensor& tensor) { return tensor.detach().to(torch::kCPU, torch::kFloat64); };
  const Tensor scale = exact(norm.weight) / (exact(norm.running_var) + norm.options.eps()).sqrt();
  std::vector<float> weights = float_values(modules.convolution->weight);
  const auto* scales = scale.data_ptr<double>();
  const std::size_t row = weights.size() / static_cast<std::size_t>(scale.numel());
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(weights[i] * scales[i / row]);
  return {std::move(weights), float_values(exact(norm.bias) - exact(norm.running_mean) * scale)};
}

}  // namespace

InferencePrecision parse_inference_precision(const std::string& name) {
  if (name == "float32") return InferencePrecision::kFloat32;
  if (name == "bfloat16") return InferencePrecision::kBfloat16;
  if (name == "int8") return InferencePrecision::kInt8;
  fail("precision: '{}' is not one of float32, bfloat16, int8", name);
}

struct ResNetSession::Layer {
  std::int64_t in, out, kernel, stride;
  bool relu;
  InferenceWeights weights;
  std::optional<std::size_t> sum = {};  // the layer whose output is added
  float scale = 1;                      // of the output in whole numbers
};

struct ResNetSession::Block {
  std::vector<std::size_t> chain;  // of layers_
  std::optional<std::size_t> shortcut;
};

// Kernels for one length of input and some number of threads, and the memory they work in.
struct ResNetSession::Plan {
  struct Slot {
    void* input;  // of the first layer
    std::array<void*, kActivationBuffers> buffers;
    void* scratch;
  };

  InferencePrecision precision;
  std::int64_t length;
  std::vector<InferenceConvolution> kernels;  // by layer
  std::vector<std::size_t> out_values;
  HugeBuffer memory;
  std::vector<Slot> slots;  // one for each record that is computed at the same time

  void take_memory(int count) {
    std::size_t activations = 0, scratch = 0;
    for (const InferenceConvolution& kernel : kernels) {
      activations = std::max(activations, kernel.out_bytes());
      scratch = std::max(scratch, kernel.scratch_bytes());
    }
    const std::size_t input = kernels.front().in_bytes();
    memory.reserve(static_cast<std::size_t>(count) *
                   (HugeBuffer::padded(input) + kActivationBuffers * HugeBuffer::padded(activations) +
                    HugeBuffer::padded(scratch)));
    for (int i = 0; i < count; ++i) {
      Slot slot{.input = memory.take<std::byte>(input), .buffers = {}, .scratch = nullptr};
      for (void*& buffer : slot.buffers) buffer = memory.take<std::byte>(activations);
      slot.scratch = memory.take<std::byte>(scratch);
      slots.push_back(slot);
    }
  }
};

bool ResNetSession::usable(InferencePrecision precision) {
  return fast_kernels(precision == InferencePrecision::kBfloat16 ? torch::kBFloat16 : torch::kFloat32);
}

ResNetSession::ResNetSession(const std::vector<FusedBlock>& blocks, InferencePrecision precision,
                             const Tensor& calibration)
    : precision_(precision) {
  const torch::NoGradGuard no_grad;
  std::size_t before = 0;  // the layer that put out a block's input
  for (const FusedBlock& from : blocks) {
    Block block;
    for (const NormedConvolution& modules : from.chain) block.chain.push_back(add_layer(modules, true));
    if (from.shortcut) block.shortcut = add_layer(*from.shortcut, false);
    if (from.residual) layers_[block.chain.back()].sum = block.shortcut.value_or(before);
    before = block.chain.back();
    blocks_.push_back(std::move(block));
  }
  DERI_CHECK(blocks_.front().chain.size() == 1 && !layers_.front().sum);
  if (precision_ == InferencePrecision::kInt8) calibrate(calibration);
}

ResNetSession::~ResNetSession() = default;

std::size_t ResNetSession::add_layer(const NormedConvolution& modules, bool relu) {
  const auto& options = modules.convolution->options;
  layers_.push_back({.in = options.in_channels(),
                     .out = options.out_channels(),
                     .kernel = modules.convolution->weight.size(2),
                     .stride = options.stride()->at(0),
                     .relu = relu,
                     .weights = folded(modules)});
  return layers_.size() - 1;
}

std::unique_ptr<ResNetSession::Plan> ResNetSession::make_plan(std::int64_t length, InferencePrecision precision,
                                                              int slots) {
  auto plan = std::make_unique<Plan>();
  plan->precision = precision;
  plan->length = length;
  const bool whole = precision == InferencePrecision::kInt8;
  const auto type = precision == InferencePrecision::kBfloat16 ? ActivationType::kBfloat16 : ActivationType::kFloat32;
  const auto output_type = [&](std::size_t index) {
    if (!whole || index == 0) return type;
    return layers_[index].relu ? ActivationType::kU8 : ActivationType::kS8;
  };
  std::size_t before = 0;
  const auto add_kernel = [&](std::size_t index, std::size_t from, std::int64_t in_length) {
    Layer& layer = layers_[index];
    InferenceLayer what{.shape = {.in = layer.in,
                                  .out = layer.out,
                                  .kernel = layer.kernel,
                                  .stride = layer.stride,
                                  .length = in_length},
                        .from = whole && index > 0 ? ActivationType::kU8 : type,
                        .to = output_type(index),
                        .relu = layer.relu};
    // The first layer's output is made whole behind it.
    if (layer.sum) what.sum = whole && *layer.sum == 0 ? ActivationType::kU8 : output_type(*layer.sum);
    if (whole && index > 0) {
      what.from_scale = layers_[from].scale;
      what.to_scale = layer.scale;
      if (layer.sum) what.sum_scale = layers_[*layer.sum].scale;
    }
    plan->kernels.emplace_back(what, layer.weights);
    const std::int64_t out_length = what.shape.out_length();
    plan->out_values.push_back(static_cast<std::size_t>(layer.out * out_length));
    return out_length;
  };
  for (const Block& block : blocks_) {
    std::int64_t steps = length;
    std::size_t from = before;
    for (const std::size_t index : block.chain) {
      steps = add_kernel(index, from, steps);
      from = index;
    }
    if (block.shortcut) add_kernel(*block.shortcut, before, length);
    before = from;
    length = steps;
  }
  plan->take_memory(slots);
  return plan;
}

ResNetSession::Plan& ResNetSession::plan(std::int64_t length, InferencePrecision precision, int slots) {
  auto& known = plans_[{length, omp_get_max_threads(), slots}];
  if (!known) known = make_plan(length, precision, slots);
  return *known;
}

void ResNetSession::calibrate(const Tensor& records) {
  DERI_CHECK(records.defined() && records.size(0) > 0);
  const Tensor ecg = records.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto exact = make_plan(ecg.size(2), InferencePrecision::kFloat32, 1);
  std::vector<float> out(exact->out_values[blocks_.back().chain.back()]);
  std::vector<float> greatest(layers_.size());
  for (std::int64_t record = 0; record < ecg.size(0); ++record)
    run(*exact, 0, ecg.data_ptr<float>() + record * ecg.stride(0), out.data(), &greatest);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const int levels = layers_[i].relu ? InferenceConvolution::largest_u8() : 127;
    if (greatest[i] > 0) layers_[i].scale = kHeadroom * greatest[i] / static_cast<float>(levels);
  }
}

void ResNetSession::run(const Plan& plan, int slot, const float* ecg, float* out, std::vector<float>* greatest) const {
  const Plan::Slot& memory = plan.slots[static_cast<std::size_t>(slot)];
  const int width = BlockedConvolution::block_width();
  const bool whole = plan.precision == InferencePrecision::kInt8;
  const bool half = plan.precision == InferencePrecision::kBfloat16;
  const auto compute = [&](std::size_t index, const void* from, void* to) {
    plan.kernels[index].run(from, to, memory.scratch);
    if (greatest != nullptr)
      (*greatest)[index] =
          std::max((*greatest)[index], largest_size(static_cast<const float*>(to), plan.out_values[index]));
  };

  const Layer& first = layers_.front();
  const auto leads = static_cast<std::size_t>(first.in), samples = static_cast<std::size_t>(plan.length);
  if (half)
    block_record(ecg, leads, samples, samples, 1, width, static_cast<BFloat16*>(memory.input));
  else
    block_record(ecg, leads, samples, samples, 1, width, static_cast<float*>(memory.input));
  const auto buffer = [&](std::size_t index) { return memory.buffers[index]; };
  std::size_t current = 0;
  compute(0, memory.input, buffer(current));
  if (whole) {
    const auto channels = static_cast<std::size_t>(first.out);
    quantise_record(static_cast<const float*>(buffer(0)), channels, plan.out_values[0] / channels, width, first.scale,
                    InferenceConvolution::largest_u8(), static_cast<std::uint8_t*>(buffer(1)));
    current = 1;
  }
  for (std::size_t b = 1; b < blocks_.size(); ++b) {
    const Block& block = blocks_[b];
    // The last layer adds to what is in its output's memory: the block's input, or the shortcut's output.
    const std::size_t target = block.shortcut ? (current + 1) % kActivationBuffers : current;
    if (block.shortcut) compute(*block.shortcut, buffer(current), buffer(target));
    for (const std::size_t index : block.chain) {
      const std::size_t spare =
          target == current ? (current + 1) % kActivationBuffers : kActivationBuffers - target - current;
      const std::size_t to = index == block.chain.back() ? target : spare;
      compute(index, buffer(current), buffer(to));
      current = to;
    }
  }
  const std::size_t last = blocks_.back().chain.back();
  const auto channels = static_cast<std::size_t>(layers_[last].out), steps = plan.out_values[last] / channels;
  if (whole)
    dequantise_values(static_cast<const std::uint8_t*>(buffer(current)), plan.out_values[last], layers_[last].scale,
                      out);
  else if (half)
    unblock_record(static_cast<const BFloat16*>(buffer(current)), channels, steps, 1, channels, width, out);
  else
    unblock_record(static_cast<const float*>(buffer(current)), channels, steps, 1, channels, width, out);
}

std::int64_t ResNetSession::out_length(std::int64_t length) const {
  for (const Block& block : blocks_)
    for (const std::size_t index : block.chain) length = convolved_length(length, layers_[index].stride);
  return length;
}

Tensor ResNetSession::forward(const Tensor& ecg) {
  const torch::NoGradGuard no_grad;
  DERI_CHECK(ecg.dim() == 3 && ecg.size(1) == layers_.front().in);
  const Tensor records = ecg.to(torch::kCPU, torch::kFloat32).contiguous();
  const std::int64_t count = records.size(0), length = records.size(2);
  const int threads = omp_get_max_threads();
  // What is left when every thread has had as many records is computed by all together, if they are few.
  const std::int64_t left = 2 * (count % threads) <= threads ? count % threads : 0;
  const Tensor out = torch::empty({count, out_length(length), layers_[blocks_.back().chain.back()].out});
  const auto compute = [&](const Plan& plan, int slot, std::int64_t record) {
    run(plan, slot, records.data_ptr<float>() + record * records.stride(0),
        out.data_ptr<float>() + record * out.stride(0), nullptr);
  };
  if (count > left) {
    const Plan* whole = nullptr;
    {
      const SingleThread kernels_of_one_thread;
      whole = &plan(length, precision_, threads);
    }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (std::int64_t record = 0; record < count - left; ++record) compute(*whole, omp_get_thread_num(), record);
  }
  if (left > 0) {
    const Plan& together = plan(length, precision_, 1);
    for (std::int64_t record = count - left; record < count; ++record) compute(together, 0, record);
  }
  return out.transpose(1, 2);
}

}  // namespace deri
