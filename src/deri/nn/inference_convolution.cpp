#include "deri/nn/inference_convolution.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>
#include <variant>

#include <omp.h>

#include "deri/base/error.hpp"
#include "deri/nn/winograd_convolution.hpp"

#if DERI_WITH_ONEDNN
#include "deri/nn/onednn.hpp"
#endif

namespace deri {

#if DERI_WITH_ONEDNN

namespace {

using Layout = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

Type onednn_type(ActivationType type) {
  switch (type) {
    case ActivationType::kFloat32:
      return Type::f32;
    case ActivationType::kBfloat16:
      return Type::bf16;
    case ActivationType::kU8:
      return Type::u8;
    case ActivationType::kS8:
      return Type::s8;
  }
  DERI_CHECK(false);
}

bool eight_bits(ActivationType type) {
  return type == ActivationType::kU8 || type == ActivationType::kS8;
}

std::int64_t padded_in(const InferenceLayer& layer) {
  const std::int64_t width = eight_bits(layer.from) ? 1 : BlockedConvolution::block_width();
  return (layer.shape.in + width - 1) / width * width;
}

// Of an output channel's weights: what 127 stands for, divided by 127.
std::vector<float> channel_scales(const std::vector<float>& weights, std::size_t channels) {
  std::vector<float> scales(channels);
  const std::size_t row = weights.size() / channels;
  for (std::size_t o = 0; o < channels; ++o) {
    float largest = 0;
    for (std::size_t i = 0; i < row; ++i) largest = std::max(largest, std::abs(weights[o * row + i]));
    scales[o] = largest > 0 ? largest / 127 : 1;
  }
  return scales;
}

// [out, in, kernel] with zeros for the channels that are added.
std::vector<float> with_channels(const std::vector<float>& weights, const ConvolutionShape& shape, std::int64_t in) {
  const auto row = static_cast<std::size_t>(shape.in * shape.kernel),
             padded = static_cast<std::size_t>(in * shape.kernel);
  std::vector<float> result(static_cast<std::size_t>(shape.out) * padded);
  for (std::size_t o = 0; o < static_cast<std::size_t>(shape.out); ++o)
    std::copy_n(weights.begin() + static_cast<std::ptrdiff_t>(o * row), row,
                result.begin() + static_cast<std::ptrdiff_t>(o * padded));
  return result;
}

dnnl::primitive_attr attributes_of(const InferenceLayer& layer, const std::vector<float>& weight_scales) {
  dnnl::primitive_attr attributes = user_scratchpad();
  dnnl::post_ops after;
  if (eight_bits(layer.from)) {
    std::vector<float> scales;
    for (const float scale : weight_scales) scales.push_back(scale * layer.from_scale / layer.to_scale);
    attributes.set_output_scales(1 << 1, scales);
  }
  if (layer.sum) after.append_sum(layer.sum_scale / layer.to_scale, onednn_type(*layer.sum));
  if (layer.relu) after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
  attributes.set_post_ops(after);
  return attributes;
}

dnnl::convolution_forward::primitive_desc describe(const InferenceLayer& layer, const std::vector<float>& scales) {
  const auto& shape = layer.shape;
  const bool whole_numbers = eight_bits(layer.from);
  const Tag blocked = BlockedConvolution::block_width() == 16 ? Tag::nCw16c : Tag::nCw8c;
  const Tag rows = whole_numbers ? Tag::nwc : blocked;
  const std::int64_t padding = shape.kernel / 2, in = padded_in(layer);
  const Type weights = whole_numbers ? Type::s8 : onednn_type(layer.from);
  return {{dnnl::prop_kind::forward_inference,
           dnnl::algorithm::convolution_direct,
           {{1, in, shape.length}, onednn_type(layer.from), rows},
           {{shape.out, in, shape.kernel}, weights, Tag::any},
           {{shape.out}, Type::f32, Tag::x},
           {{1, shape.out, shape.out_length()}, onednn_type(layer.to), rows},
           {shape.stride},
           {padding},
           {padding}},
          attributes_of(layer, scales),
          onednn_engine()};
}

}  // namespace

struct InferenceWeights::Packed {
  std::vector<dnnl::memory> known;
  // One that has the weights, for others of the same type.
  std::map<ActivationType, std::shared_ptr<const WinogradConvolution>> filtering;

  // Out of plain weights of so many channels; whole numbers if there are scales.
  dnnl::memory as(const Layout& layout, const std::vector<float>& plain, const Layout& plain_layout,
                  const std::vector<float>& scales) {
    for (const dnnl::memory& memory : known)
      if (memory.get_desc() == layout) return memory;
    dnnl::memory packed(layout, onednn_engine());
    dnnl::primitive_attr attributes;
    if (!scales.empty()) {
      std::vector<float> inverse;
      for (const float scale : scales) inverse.push_back(1 / scale);
      attributes.set_output_scales(1 << 0, inverse);
    }
    onednn_reorder(onednn_view(plain_layout, plain.data()), packed, attributes);
    known.push_back(packed);
    return packed;
  }
};

// One of two ways to compute a layer.
struct InferenceConvolution::Kernel {
  struct Direct {
    dnnl::convolution_forward::primitive_desc description;
    dnnl::convolution_forward convolution;
    dnnl::memory weights, bias;
  };
  struct Filtering {
    std::shared_ptr<const WinogradConvolution> convolution;
    std::vector<float> bias;
  };

  InferenceLayer layer;
  std::variant<Direct, Filtering> way;
};

int InferenceConvolution::largest_u8() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx2_vnni || isa >= dnnl::cpu_isa::avx512_core_vnni ? 255 : 127;
}

namespace {

// The m of minimal filtering, 0 where oneDNN computes the layer.
int filtering_outputs(const InferenceLayer& layer) {
  if (layer.from != layer.to || eight_bits(layer.from) || (layer.sum && *layer.sum != layer.to)) return 0;
  return winograd_outputs(layer.shape, layer.from == ActivationType::kBfloat16, ConvolutionMethod::kFastest).data;
}

std::size_t value_bytes(ActivationType type) {
  return dnnl::memory::data_type_size(onednn_type(type));
}

}  // namespace

InferenceConvolution::InferenceConvolution(const InferenceLayer& layer, InferenceWeights& weights)
    : kernel_(std::make_unique<Kernel>()) {
  const auto& shape = layer.shape;
  DERI_CHECK(weights.weights_.size() == static_cast<std::size_t>(shape.out * shape.in * shape.kernel) &&
             weights.bias_.size() == static_cast<std::size_t>(shape.out) && shape.kernel % 2 == 1);
  kernel_->layer = layer;
  if (const int outputs = filtering_outputs(layer); outputs > 0)
    filter(outputs, weights);
  else
    convolve_directly(weights);
}

void InferenceConvolution::filter(int outputs, InferenceWeights& weights) {
  const auto& [shape, from, to, sum, relu, from_scale, to_scale, sum_scale] = kernel_->layer;
  auto convolution = std::make_shared<WinogradConvolution>(
      shape.in, shape.out, shape.length, from == ActivationType::kBfloat16, outputs, omp_get_max_threads());
  auto& known = weights.packed_->filtering[from];
  if (known)
    convolution->share_weights(*known);
  else
    convolution->set_weights(weights.weights_.data(), /*for_backward=*/false);
  known = convolution;
  kernel_->way = Kernel::Filtering{std::move(convolution), weights.bias_};
}

void InferenceConvolution::convolve_directly(InferenceWeights& weights) {
  const InferenceLayer& layer = kernel_->layer;
  const auto& shape = layer.shape;
  const std::int64_t in = padded_in(layer);
  const auto channels = static_cast<std::size_t>(shape.out);
  std::vector<float> scales;
  if (eight_bits(layer.from)) scales = channel_scales(weights.weights_, channels);
  Kernel::Direct direct;
  direct.description = describe(layer, scales);
  direct.convolution = dnnl::convolution_forward(direct.description);

  const Layout plain({shape.out, in, shape.kernel}, Type::f32, Tag::oiw);
  const auto padded = in == shape.in ? std::vector<float>() : with_channels(weights.weights_, shape, in);
  direct.weights =
      weights.packed_->as(direct.description.weights_desc(), padded.empty() ? weights.weights_ : padded, plain, scales);
  // 8-bit kernels add the bias before they scale.
  direct.bias = dnnl::memory(direct.description.bias_desc(), onednn_engine());
  auto* bias = static_cast<float*>(direct.bias.get_data_handle());
  for (std::size_t o = 0; o < channels; ++o)
    bias[o] = scales.empty() ? weights.bias_[o] : weights.bias_[o] / (scales[o] * layer.from_scale);
  kernel_->way = std::move(direct);
}

std::size_t InferenceConvolution::in_bytes() const {
  const InferenceLayer& layer = kernel_->layer;
  return static_cast<std::size_t>(padded_in(layer) * layer.shape.length) * value_bytes(layer.from);
}

std::size_t InferenceConvolution::out_bytes() const {
  const auto& shape = kernel_->layer.shape;
  return static_cast<std::size_t>(shape.out * shape.out_length()) * value_bytes(kernel_->layer.to);
}

std::size_t InferenceConvolution::scratch_bytes() const {
  if (const auto* filtering = std::get_if<Kernel::Filtering>(&kernel_->way))
    return filtering->convolution->scratch_bytes();
  return std::get<Kernel::Direct>(kernel_->way).description.scratchpad_desc().get_size();
}

void InferenceConvolution::run(const void* x, void* y, void* scratch) const {
  if (const auto* filtering = std::get_if<Kernel::Filtering>(&kernel_->way)) {
    const InferenceLayer& layer = kernel_->layer;
    filtering->convolution->forward(
        x, y, scratch, {.bias = filtering->bias.data(), .sum = layer.sum ? y : nullptr, .relu = layer.relu});
    return;
  }
  const auto& [description, convolution, weights, bias] = std::get<Kernel::Direct>(kernel_->way);
  convolution.execute(onednn_stream(), {{DNNL_ARG_SRC, onednn_view(description.src_desc(), x)},
                                        {DNNL_ARG_WEIGHTS, weights},
                                        {DNNL_ARG_BIAS, bias},
                                        {DNNL_ARG_DST, onednn_view(description.dst_desc(), y)},
                                        {DNNL_ARG_SCRATCHPAD, onednn_view(description.scratchpad_desc(), scratch)}});
}

InferenceWeights::InferenceWeights(std::vector<float> weights, std::vector<float> bias)
    : weights_(std::move(weights)), bias_(std::move(bias)), packed_(std::make_unique<Packed>()) {}

#else

struct InferenceWeights::Packed {};
struct InferenceConvolution::Kernel {};

InferenceWeights::InferenceWeights(std::vector<float> weights, std::vector<float> bias)
    : weights_(std::move(weights)), bias_(std::move(bias)) {}
InferenceConvolution::InferenceConvolution(const InferenceLayer&, InferenceWeights&) {
  DERI_CHECK(false);
}
int InferenceConvolution::largest_u8() {
  return 0;
}
std::size_t InferenceConvolution::in_bytes() const {
  return 0;
}
std::size_t InferenceConvolution::out_bytes() const {
  return 0;
}
std::size_t InferenceConvolution::scratch_bytes() const {
  return 0;
}
void InferenceConvolution::run(const void*, void*, void*) const {}
void InferenceConvolution::filter(int, InferenceWeights&) {}
void InferenceConvolution::convolve_directly(InferenceWeights&) {}

#endif

InferenceWeights::~InferenceWeights() = default;
InferenceWeights::InferenceWeights(InferenceWeights&&) noexcept = default;
InferenceConvolution::~InferenceConvolution() = default;
InferenceConvolution::InferenceConvolution(InferenceConvolution&&) noexcept = default;

}  // namespace deri
