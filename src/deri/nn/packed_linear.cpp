#include "deri/nn/packed_linear.hpp"

#include <unordered_map>

#include "deri/base/error.hpp"

#if DERI_WITH_ONEDNN
#include "deri/nn/onednn.hpp"
#include "deri/nn/onednn_types.hpp"
#endif

namespace deri {

#if DERI_WITH_ONEDNN

namespace {

using torch::Tensor;
using Layout = dnnl::memory::desc;

// Rows that the weights are laid out for; other numbers of rows use the same layout where oneDNN takes it.
constexpr std::int64_t kTypicalRows = 24;

using Product = dnnl::inner_product_forward;

}  // namespace

class PackedLinear::Kernels {
 public:
  Kernels(const Tensor& weight, const Tensor& bias, torch::ScalarType type, bool gelu)
      : type_(type), in_(weight.size(0)), out_(weight.size(1)), stream_(onednn_engine()) {
    if (gelu) {
      dnnl::post_ops ending;
      ending.append_eltwise(1, dnnl::algorithm::eltwise_gelu_tanh, 0, 0);
      attributes_.set_post_ops(ending);
    }
    attributes_.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    bias_ = bias.defined() ? bias.detach().to(torch::kFloat32).contiguous().clone() : torch::zeros({out_});
    plain_ = weight.detach().t().to(type).contiguous();  // [out, in]
    packed_ = packed(describe(kTypicalRows, Layout({out_, in_}, onednn_type(type_), kAnyLayout)).weights_desc());
    plain_ = Tensor();
  }

  Tensor forward(const Tensor& x) {
    DERI_CHECK(x.dim() == 2 && x.size(1) == in_);
    const Tensor input = x.to(type_).contiguous();
    Tensor output = torch::empty({x.size(0), out_}, torch::kFloat32);
    Step& step = step_for(x.size(0));
    dnnl::memory source(step.source, onednn_engine(), input.data_ptr()),
        result(step.result, onednn_engine(), output.data_ptr());
    Tensor scratch = torch::empty({static_cast<std::int64_t>(step.scratchpad.get_size())}, torch::kUInt8);
    dnnl::memory scratchpad(step.scratchpad, onednn_engine(), scratch.data_ptr());
    step.product.execute(stream_, {{DNNL_ARG_SRC, source},
                                   {DNNL_ARG_WEIGHTS, step.weights},
                                   {DNNL_ARG_BIAS, bias_memory()},
                                   {DNNL_ARG_DST, result},
                                   {DNNL_ARG_SCRATCHPAD, scratchpad}});
    stream_.wait();
    return output;
  }

 private:
  static constexpr auto kAnyLayout = dnnl::memory::format_tag::any;

  struct Step {
    Product product;
    dnnl::memory weights;
    Layout source, result, scratchpad;
  };

  dnnl::memory bias_memory() {
    return {Layout({out_}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a), onednn_engine(),
            bias_.data_ptr()};
  }

  Product::primitive_desc describe(std::int64_t rows, const Layout& weights) const {
    const auto rows_by_columns = dnnl::memory::format_tag::ab;
    const Product::desc product(dnnl::prop_kind::forward_inference,
                                Layout({rows, in_}, onednn_type(type_), rows_by_columns), weights,
                                Layout({out_}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a),
                                Layout({rows, out_}, dnnl::memory::data_type::f32, rows_by_columns));
    return {product, attributes_, onednn_engine()};
  }

  // The weights in `layout`.
  dnnl::memory packed(const Layout& layout) {
    dnnl::memory result(layout, onednn_engine());
    if (packed_) {
      dnnl::reorder(packed_, result).execute(stream_, packed_, result);
    } else {
      dnnl::memory plain(Layout({out_, in_}, onednn_type(type_), dnnl::memory::format_tag::ab), onednn_engine(),
                         plain_.data_ptr());
      dnnl::reorder(plain, result).execute(stream_, plain, result);
    }
    stream_.wait();
    return result;
  }

  Step& step_for(std::int64_t rows) {
    const auto known = steps_.find(rows);
    if (known != steps_.end()) return known->second;
    Product::primitive_desc description;
    try {
      description = describe(rows, packed_.get_desc());
    } catch (const dnnl::error&) {  // no kernel for this many rows reads that layout
      description = describe(rows, Layout({out_, in_}, onednn_type(type_), kAnyLayout));
    }
    const Layout& wanted = description.weights_desc();
    return steps_
        .try_emplace(rows, Step{Product(description), wanted == packed_.get_desc() ? packed_ : packed(wanted),
                                description.src_desc(), description.dst_desc(), description.scratchpad_desc()})
        .first->second;
  }

  torch::ScalarType type_;
  std::int64_t in_, out_;
  dnnl::stream stream_;
  dnnl::primitive_attr attributes_;
  Tensor plain_, bias_;
  dnnl::memory packed_;
  std::unordered_map<std::int64_t, Step> steps_;  // by rows
};

bool PackedLinear::available(torch::ScalarType type) {
  return onednn_computes_in(type);
}

#else

class PackedLinear::Kernels {
 public:
  Kernels(const torch::Tensor&, const torch::Tensor&, torch::ScalarType, bool) { DERI_CHECK(false); }
  torch::Tensor forward(const torch::Tensor&) { DERI_CHECK(false); }
};

bool PackedLinear::available(torch::ScalarType) {
  return false;
}

#endif

PackedLinear::PackedLinear(const torch::Tensor& weight, const torch::Tensor& bias, torch::ScalarType type, bool gelu)
    : kernels_(std::make_unique<Kernels>(weight, bias, type, gelu)) {}
PackedLinear::~PackedLinear() = default;
PackedLinear::PackedLinear(PackedLinear&&) noexcept = default;
PackedLinear& PackedLinear::operator=(PackedLinear&&) noexcept = default;

torch::Tensor PackedLinear::forward(const torch::Tensor& x) {
  return kernels_->forward(x);
}

}  // namespace deri
