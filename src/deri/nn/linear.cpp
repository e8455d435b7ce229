#include "deri/nn/linear.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include <ATen/Parallel.h>

#include "deri/base/error.hpp"
#include "deri/nn/column_sums.hpp"
#include "deri/nn/kernels.hpp"

#if DERI_WITH_ONEDNN
#include "deri/nn/onednn.hpp"
#include "deri/nn/onednn_types.hpp"
#endif

namespace deri {

#if DERI_WITH_ONEDNN

namespace {

using torch::Tensor;
using MemoryLayout = dnnl::memory::desc;
using MemoryTag = dnnl::memory::format_tag;

// The three products of a linear layer: y = x W^T, dx = dy W, dW = dy^T x.
enum class ProductKind { kForward, kInput, kWeight };

struct ProductShape {
  ProductKind kind;
  torch::ScalarType type;
  std::int64_t rows, inner, columns;  // [rows, inner] [inner, columns]
  bool bias;
  int threads;

  auto operator<=>(const ProductShape&) const = default;
};

struct PlannedProduct {
  dnnl::matmul::primitive_desc description;
  dnnl::matmul kernel;
};

// Kernels once made are kept: making one costs more than most products.
const PlannedProduct& planned(const ProductShape& shape) {
  thread_local std::map<ProductShape, PlannedProduct> plans;
  const auto known = plans.find(shape);
  if (known != plans.end()) return known->second;
  const auto type = onednn_type(shape.type);
  const auto f32 = dnnl::memory::data_type::f32;
  const bool by_weight = shape.kind != ProductKind::kWeight;
  const MemoryLayout left({shape.rows, shape.inner}, type, by_weight ? MemoryTag::ab : MemoryTag::ba);
  const MemoryLayout right({shape.inner, shape.columns}, type, by_weight ? MemoryTag::any : MemoryTag::ab);
  const MemoryLayout result({shape.rows, shape.columns}, f32, MemoryTag::ab);
  const dnnl::matmul::desc product =
      shape.bias ? dnnl::matmul::desc(left, right, MemoryLayout({1, shape.columns}, f32, MemoryTag::ab), result)
                 : dnnl::matmul::desc(left, right, result);
  const dnnl::matmul::primitive_desc description(product, user_scratchpad(), onednn_engine());
  return plans.emplace(shape, PlannedProduct{description, dnnl::matmul(description)}).first->second;
}

Tensor multiply(const ProductShape& shape, const void* left, const dnnl::memory& right, const float* bias) {
  const PlannedProduct& plan = planned(shape);
  Tensor result = torch::empty({shape.rows, shape.columns}, torch::kFloat32);
  thread_local AlignedBuffer scratch;
  const MemoryLayout pad = plan.description.scratchpad_desc();
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, onednn_view(plan.description.src_desc(), left)},
      {DNNL_ARG_WEIGHTS, right},
      {DNNL_ARG_DST, onednn_view(plan.description.dst_desc(), result.data_ptr<float>())},
      {DNNL_ARG_SCRATCHPAD, onednn_view(pad, scratch.at_least(pad.get_size()))}};
  if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, onednn_view(plan.description.bias_desc(), bias));
  plan.kernel.execute(onednn_stream(), arguments);
  onednn_stream().wait();
  return result;
}

// Weights in the layouts that products read, kept until the parameter changes. A parameter is known by its identity and
// version, which in-place changes (an optimiser's step) raise.
class PackedParameters {
 public:
  const dnnl::memory& get(const Tensor& weight, const ProductShape& shape) {
    Entry& entry = entry_of(weight);
    const MemoryLayout layout = planned(shape).description.weights_desc();
    dnnl::memory& packed = entry.packed[shape.kind == ProductKind::kForward ? 0 : 1];
    std::int64_t& version = entry.version[shape.kind == ProductKind::kForward ? 0 : 1];
    if (packed && packed.get_desc() == layout && version == static_cast<std::int64_t>(weight._version())) return packed;
    if (!packed || packed.get_desc() != layout) packed = dnnl::memory(layout, onednn_engine());
    const Tensor plain = weight.detach().contiguous();
    const bool transposed = shape.kind == ProductKind::kForward;  // weight is [out, in]; the product wants [in, out]
    const MemoryLayout from({shape.inner, shape.columns}, dnnl::memory::data_type::f32,
                            transposed ? MemoryTag::ba : MemoryTag::ab);
    onednn_reorder(onednn_view(from, plain.data_ptr<float>()), packed);
    version = static_cast<std::int64_t>(weight._version());
    return packed;
  }

 private:
  struct Entry {
    c10::weak_intrusive_ptr<c10::TensorImpl> owner;
    dnnl::memory packed[2];
    std::int64_t version[2] = {-1, -1};
  };

  Entry& entry_of(const Tensor& weight) {
    const c10::TensorImpl* key = weight.unsafeGetTensorImpl();
    const auto known = entries_.find(key);
    if (known != entries_.end() && !known->second.owner.expired()) return known->second;
    std::erase_if(entries_, [](const auto& entry) { return entry.second.owner.expired(); });
    return entries_.emplace(key, Entry{c10::weak_intrusive_ptr<c10::TensorImpl>(weight.getIntrusivePtr()), {}})
        .first->second;
  }

  std::unordered_map<const c10::TensorImpl*, Entry> entries_;
};

PackedParameters& packed_parameters() {
  thread_local PackedParameters parameters;
  return parameters;
}

Tensor in_type(const Tensor& x, torch::ScalarType type) {
  return x.to(type).contiguous();
}

// The sums of slope's columns, slope [R, out]; in `rounded`, if any, its values in bfloat16. Rows are taken in blocks
// of a fixed size, so that the sums are the same for any number of threads.
Tensor column_sums(const Tensor& slope, const Tensor& rounded) {
  constexpr std::int64_t kBlock = 128;
  const std::int64_t rows = slope.size(0), columns = slope.size(1), blocks = (rows + kBlock - 1) / kBlock;
  const Tensor sums = torch::zeros({blocks, columns}, torch::kFloat32);
  const float* from = slope.data_ptr<float>();
  auto* to = sums.data_ptr<float>();
  auto* halves = rounded.defined() ? static_cast<BFloat16*>(rounded.data_ptr()) : nullptr;
  at::parallel_for(0, blocks, 1, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t block = first; block < end; ++block) {
      const std::int64_t row = block * kBlock, at = row * columns;
      add_rows(from + at, std::min(kBlock, rows - row), columns, to + block * columns,
               halves == nullptr ? nullptr : halves + at);
    }
  });
  return blocks == 1 ? sums[0] : sums.sum(0);
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  // x [R, in]
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, std::int64_t number) {
    const auto type = static_cast<torch::ScalarType>(number);
    const Tensor input = in_type(x, type);
    if (context != nullptr) {
      context->save_for_backward({input, weight});
      context->saved_data["bias"] = bias.defined();
    }
    return apply_weight(input, weight, bias, type);
  }

  static Tensor apply_weight(const Tensor& input, const Tensor& weight, const Tensor& bias, torch::ScalarType type) {
    const ProductShape shape{ProductKind::kForward, type,           input.size(0),           weight.size(1),
                             weight.size(0),        bias.defined(), torch::get_num_threads()};
    const Tensor plain_bias = bias.defined() ? bias.detach().contiguous() : Tensor();
    return multiply(shape, input.data_ptr(), packed_parameters().get(weight, shape),
                    bias.defined() ? plain_bias.data_ptr<float>() : nullptr);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &input = saved[0], &weight = saved[1];
    const auto type = input.scalar_type();
    const Tensor slope = gradients[0].to(torch::kFloat32).contiguous();
    const bool has_bias = context->saved_data["bias"].toBool(), rounds = type == torch::kBFloat16;
    Tensor rounded = slope, bias_gradient;
    if (rounds) rounded = has_bias ? torch::empty_like(slope, torch::kBFloat16) : in_type(slope, type);
    if (has_bias) bias_gradient = column_sums(slope, rounds ? rounded : Tensor());
    const std::int64_t rows = input.size(0), in = weight.size(1), out = weight.size(0);
    const int threads = torch::get_num_threads();
    Tensor input_gradient, weight_gradient;
    if (context->needs_input_grad(0)) {
      const ProductShape shape{ProductKind::kInput, type, rows, out, in, false, threads};
      input_gradient = multiply(shape, rounded.data_ptr(), packed_parameters().get(weight, shape), nullptr);
    }
    if (context->needs_input_grad(1)) {
      const ProductShape shape{ProductKind::kWeight, type, out, rows, in, false, threads};
      weight_gradient = multiply(shape, rounded.data_ptr(),
                                 onednn_view(planned(shape).description.weights_desc(), input.data_ptr()), nullptr);
    }
    return {input_gradient, weight_gradient, bias_gradient, Tensor()};
  }
};

}  // namespace

torch::Tensor linear_map(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto type = fast_type(x);
  if (!type || x.numel() == 0 || weight.scalar_type() != torch::kFloat32) return torch::linear(x, weight, bias);
  const Tensor rows = x.reshape({-1, x.size(-1)});
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  const bool graph = torch::GradMode::is_enabled() &&
                     (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad()));
  return (graph ? LinearFunction::apply(rows, weight, bias, static_cast<std::int64_t>(*type))
                : LinearFunction::apply_weight(in_type(rows, *type), weight, bias, *type))
      .view(shape);
}

#else

torch::Tensor linear_map(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return torch::linear(x, weight, bias);
}

#endif

}  // namespace deri
