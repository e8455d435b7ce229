#include "deri/nn/blocked_convolution.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/nn/blocked_rows.hpp"
#include "deri/nn/single_thread.hpp"
#include "deri/nn/winograd_convolution.hpp"

#if DERI_WITH_ONEDNN
#include "deri/nn/onednn.hpp"
#endif

namespace deri {

WinogradOutputs winograd_outputs(const ConvolutionShape& shape, bool bfloat16, ConvolutionMethod method) {
  if (method == ConvolutionMethod::kDirect || shape.kernel != 3 || shape.stride != 1 ||
      BlockedConvolution::block_width() != 16 || !WinogradConvolution::available(shape.in, shape.out, bfloat16))
    return {};
  if (!bfloat16) return {.data = 4, .weights = 4};
  // bfloat16: what the greater m adds to the error of a weight gradient is nothing beside the error that the gradients
  // of activations bring with them; those it would make worse. On few channels the transforms cost what m = 2 saves,
  // unless all stays in the core's cache.
  constexpr std::int64_t kFewChannels = 64, kLong = 1024;
  const bool pays = std::max(shape.in, shape.out) > kFewChannels || shape.length <= kLong;
  return {.data = pays || method == ConvolutionMethod::kWinograd ? 2 : 0, .weights = 4};
}

#if DERI_WITH_ONEDNN

namespace {

using Layout = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

}  // namespace

struct ConvolutionScratch::State {
  dnnl::stream stream{onednn_engine()};
  AlignedBuffer buffer, gradient;
};

struct BlockedConvolution::Kernels {
  ConvolutionShape shape;
  std::int64_t in;
  Type type;
  Tag rows;
  dnnl::convolution_forward::primitive_desc forward_description;
  dnnl::convolution_forward forward;
  dnnl::convolution_backward_data::primitive_desc data_description;
  dnnl::convolution_backward_data backward_data;
  dnnl::convolution_backward_weights::primitive_desc gradient_description;
  dnnl::convolution_backward_weights gradient_kernel;  // made when it is first needed
  dnnl::memory forward_weights, backward_weights;
  bool spread = false;  // whether backward_data computes with stride 1, from a gradient with zeros in between
  // In place of the above.
  std::optional<WinogradConvolution> winograd_data, winograd_weights;

  Layout x_layout() const { return {{1, in, shape.length}, type, rows}; }
  Layout weight_layout(Type weight_type, Tag tag) const { return {{shape.out, in, shape.kernel}, weight_type, tag}; }

  // The convolution with some stride, in any of its three directions; `kind` is what a direction asks besides.
  template <typename Description, typename... Kind>
  Description described(Type weight_type, std::int64_t stride, Kind... kind) const {
    const std::int64_t padding = shape.kernel / 2;
    return {kind...,
            dnnl::algorithm::convolution_direct,
            x_layout(),
            weight_layout(weight_type, Tag::any),
            {{1, shape.out, convolved_length(shape.length, stride)}, type, rows},
            {stride},
            {padding},
            {padding}};
  }

  dnnl::convolution_forward::primitive_desc describe_forward(std::int64_t stride) const {
    return {described<dnnl::convolution_forward::desc>(type, stride, dnnl::prop_kind::forward_training),
            user_scratchpad(), onednn_engine()};
  }

  dnnl::convolution_backward_data::primitive_desc describe_backward_data(
      std::int64_t stride, const dnnl::convolution_forward::primitive_desc& forward_with_it) const {
    return {described<dnnl::convolution_backward_data::desc>(type, stride), user_scratchpad(), onednn_engine(),
            forward_with_it};
  }

  void describe_data() {
    forward_description = describe_forward(shape.stride);
    forward = dnnl::convolution_forward(forward_description);
    data_description = describe_backward_data(shape.stride, forward_description);
    // Without AVX-512 oneDNN has a plain loop for strides, hundreds of times slower. Twice the operations are nothing
    // beside that.
    spread = shape.stride > 1 && std::strncmp(data_description.impl_info_str(), "ref", 3) == 0;
    if (spread) data_description = describe_backward_data(1, describe_forward(1));
    backward_data = dnnl::convolution_backward_data(data_description);
  }

  // The gradient of y with stride - 1 zeros behind every step: [out / W][length][W].
  void spread_gradient(const void* y_gradient, void* wide) const {
    const std::size_t step = static_cast<std::size_t>(block_width()) * dnnl::memory::data_type_size(type);
    const auto blocks = static_cast<std::size_t>(shape.out / block_width());
    const auto steps = static_cast<std::size_t>(shape.out_length()), length = static_cast<std::size_t>(shape.length);
    const auto stride = static_cast<std::size_t>(shape.stride);
    std::memset(wide, 0, blocks * length * step);
    for (std::size_t block = 0; block < blocks; ++block)
      for (std::size_t t = 0; t < steps; ++t)
        std::memcpy(static_cast<char*>(wide) + (block * length + t * stride) * step,
                    static_cast<const char*>(y_gradient) + (block * steps + t) * step, step);
  }

  void describe_weight_gradient() {
    gradient_description = {described<dnnl::convolution_backward_weights::desc>(Type::f32, shape.stride),
                            user_scratchpad(), onednn_engine(), describe_forward(shape.stride)};
  }
};

int BlockedConvolution::block_width() {
  return dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core ? 16 : 8;
}

bool BlockedConvolution::has_backward_kernels() {
  return dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx2;
}

BlockedConvolution::BlockedConvolution(const ConvolutionShape& shape, bool bfloat16, ConvolutionMethod method)
    : shape_(shape), kernels_(std::make_unique<Kernels>()) {
  const SingleThread one_thread;
  const std::int64_t width = block_width();
  in_ = (shape.in + width - 1) / width * width;
  DERI_CHECK(shape.out % width == 0 && shape.kernel % 2 == 1);
  Kernels& k = *kernels_;
  k.shape = shape;
  k.in = in_;
  k.type = bfloat16 ? Type::bf16 : Type::f32;
  k.rows = width == 16 ? Tag::nCw16c : Tag::nCw8c;
  const WinogradOutputs outputs = winograd_outputs(shape, bfloat16, method);
  if (outputs.data > 0)
    k.winograd_data.emplace(shape.in, shape.out, shape.length, bfloat16, outputs.data);
  else
    k.describe_data();
  if (outputs.weights > 0)
    k.winograd_weights.emplace(shape.in, shape.out, shape.length, bfloat16, outputs.weights);
  else
    k.describe_weight_gradient();
}

void BlockedConvolution::set_weights(const float* weights, bool for_backward) {
  Kernels& k = *kernels_;
  if (k.winograd_data) {
    k.winograd_data->set_weights(weights, for_backward);
    return;
  }
  const auto row = static_cast<std::size_t>(shape_.in * shape_.kernel);
  const auto padded_row = static_cast<std::size_t>(in_ * shape_.kernel);
  std::vector<float> padded;
  if (in_ != shape_.in) {
    padded.resize(static_cast<std::size_t>(shape_.out) * padded_row);
    for (std::size_t o = 0; o < static_cast<std::size_t>(shape_.out); ++o)
      std::copy_n(weights + o * row, row, padded.begin() + static_cast<std::ptrdiff_t>(o * padded_row));
    weights = padded.data();
  }
  const dnnl::memory plain = onednn_view(k.weight_layout(Type::f32, Tag::oiw), weights);
  const auto pack = [&](dnnl::memory& packed, const Layout& layout) {
    if (!packed) packed = dnnl::memory(layout, onednn_engine());
    onednn_reorder(plain, packed);
  };
  pack(k.forward_weights, k.forward_description.weights_desc());
  if (for_backward) pack(k.backward_weights, k.data_description.weights_desc());
}

void BlockedConvolution::forward(const void* x, void* y, ConvolutionScratch& scratch) const {
  const Kernels& k = *kernels_;
  if (k.winograd_data) {
    k.winograd_data->forward(x, y, scratch.state_->buffer.at_least(k.winograd_data->scratch_bytes()));
    return;
  }
  const Layout& pad = k.forward_description.scratchpad_desc();
  k.forward.execute(scratch.state_->stream,
                    {{DNNL_ARG_SRC, onednn_view(k.forward_description.src_desc(), x)},
                     {DNNL_ARG_WEIGHTS, k.forward_weights},
                     {DNNL_ARG_DST, onednn_view(k.forward_description.dst_desc(), y)},
                     {DNNL_ARG_SCRATCHPAD, onednn_view(pad, scratch.state_->buffer.at_least(pad.get_size()))}});
}

void BlockedConvolution::backward_data(const void* y_gradient, void* x_gradient, ConvolutionScratch& scratch) const {
  const Kernels& k = *kernels_;
  if (k.winograd_data) {
    k.winograd_data->backward_data(y_gradient, x_gradient,
                                   scratch.state_->buffer.at_least(k.winograd_data->scratch_bytes()));
    return;
  }
  if (k.spread) {
    void* wide = scratch.state_->gradient.at_least(k.data_description.diff_dst_desc().get_size());
    k.spread_gradient(y_gradient, wide);
    y_gradient = wide;
  }
  const Layout& pad = k.data_description.scratchpad_desc();
  k.backward_data.execute(scratch.state_->stream,
                          {{DNNL_ARG_DIFF_DST, onednn_view(k.data_description.diff_dst_desc(), y_gradient)},
                           {DNNL_ARG_WEIGHTS, k.backward_weights},
                           {DNNL_ARG_DIFF_SRC, onednn_view(k.data_description.diff_src_desc(), x_gradient)},
                           {DNNL_ARG_SCRATCHPAD, onednn_view(pad, scratch.state_->buffer.at_least(pad.get_size()))}});
}

std::size_t BlockedConvolution::weight_gradient_values() const {
  if (kernels_->winograd_weights) return kernels_->winograd_weights->weight_gradient_values();
  return kernels_->gradient_description.diff_weights_desc().get_size() / sizeof(float);
}

void BlockedConvolution::prepare_backward() {
  const SingleThread one_thread;
  Kernels& k = *kernels_;
  if (!k.winograd_weights && !k.gradient_kernel)
    k.gradient_kernel = dnnl::convolution_backward_weights(k.gradient_description);
}

std::int64_t BlockedConvolution::most_records() const {
  constexpr std::int64_t kMost = 8;
  return kernels_->winograd_weights ? std::min(kMost, kernels_->winograd_weights->fewest_records()) : 1;
}

void BlockedConvolution::backward_weights(const void* x, const void* y_gradient, std::int64_t records, bool add,
                                          float* gradient, ConvolutionScratch& scratch) const {
  const Kernels& k = *kernels_;
  if (k.winograd_weights) {
    k.winograd_weights->backward_weights(x, y_gradient, records, add, gradient,
                                         scratch.state_->buffer.at_least(k.winograd_weights->scratch_bytes()));
    return;
  }
  DERI_CHECK(records == 1);
  const Layout &layout = k.gradient_description.diff_weights_desc(), &pad = k.gradient_description.scratchpad_desc();
  float* result = add ? static_cast<float*>(scratch.state_->gradient.at_least(layout.get_size())) : gradient;
  k.gradient_kernel.execute(scratch.state_->stream,
                            {{DNNL_ARG_SRC, onednn_view(k.gradient_description.src_desc(), x)},
                             {DNNL_ARG_DIFF_DST, onednn_view(k.gradient_description.diff_dst_desc(), y_gradient)},
                             {DNNL_ARG_DIFF_WEIGHTS, onednn_view(layout, result)},
                             {DNNL_ARG_SCRATCHPAD, onednn_view(pad, scratch.state_->buffer.at_least(pad.get_size()))}});
  if (add) add_values(result, weight_gradient_values(), gradient);
}

void BlockedConvolution::unpack_weight_gradient(const float* gradient, float* plain) const {
  const Kernels& k = *kernels_;
  if (k.winograd_weights) {
    k.winograd_weights->unpack_weight_gradient(gradient, plain);
    return;
  }
  const dnnl::memory packed = onednn_view(k.gradient_description.diff_weights_desc(), gradient);
  if (in_ == shape_.in) {
    dnnl::memory result = onednn_view(k.weight_layout(Type::f32, Tag::oiw), plain);
    onednn_reorder(packed, result);
    return;
  }
  const auto row = static_cast<std::size_t>(shape_.in * shape_.kernel);
  const auto padded_row = static_cast<std::size_t>(in_ * shape_.kernel);
  std::vector<float> padded(static_cast<std::size_t>(shape_.out) * padded_row);
  dnnl::memory result = onednn_view(k.weight_layout(Type::f32, Tag::oiw), padded.data());
  onednn_reorder(packed, result);
  for (std::size_t o = 0; o < static_cast<std::size_t>(shape_.out); ++o)
    std::copy_n(padded.begin() + static_cast<std::ptrdiff_t>(o * padded_row), row, plain + o * row);
}

ConvolutionScratch::ConvolutionScratch() : state_(std::make_unique<State>()) {}

#else

struct ConvolutionScratch::State {};
struct BlockedConvolution::Kernels {};

int BlockedConvolution::block_width() {
  return 0;
}
bool BlockedConvolution::has_backward_kernels() {
  return false;
}
BlockedConvolution::BlockedConvolution(const ConvolutionShape& shape, bool, ConvolutionMethod)
    : shape_(shape), in_(shape.in) {
  DERI_CHECK(false);
}
void BlockedConvolution::set_weights(const float*, bool) {}
void BlockedConvolution::forward(const void*, void*, ConvolutionScratch&) const {}
void BlockedConvolution::backward_data(const void*, void*, ConvolutionScratch&) const {}
std::size_t BlockedConvolution::weight_gradient_values() const {
  return 0;
}
std::int64_t BlockedConvolution::most_records() const {
  return 1;
}
void BlockedConvolution::prepare_backward() {}
void BlockedConvolution::backward_weights(const void*, const void*, std::int64_t, bool, float*,
                                          ConvolutionScratch&) const {}
void BlockedConvolution::unpack_weight_gradient(const float*, float*) const {}
ConvolutionScratch::ConvolutionScratch() = default;

#endif

ConvolutionScratch::~ConvolutionScratch() = default;
ConvolutionScratch::ConvolutionScratch(ConvolutionScratch&&) noexcept = default;
BlockedConvolution::~BlockedConvolution() = default;
BlockedConvolution::BlockedConvolution(BlockedConvolution&&) noexcept = default;

}  // namespace deri
