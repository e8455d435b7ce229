#include "deri/nn/packed_linear.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using torch::Tensor;

class PackedLinearTypes : public ::testing::TestWithParam<torch::ScalarType> {
 protected:
  void SetUp() override {
    if (!PackedLinear::available(GetParam())) GTEST_SKIP() << "not in this build, or not on this machine";
  }
};

// Of bfloat16: weights and inputs are rounded to 8 bits, sums are not.
double rounding_error(torch::ScalarType type) {
  return type == torch::kBFloat16 ? 0x1p-7 : 1e-6;
}

TEST_P(PackedLinearTypes, EqualsThePlainProductForEveryShape) {
  torch::manual_seed(1);
  for (const auto& [in, out] : {std::pair{8, 8}, {96, 288}, {100, 37}, {768, 50}, {33, 1000}, {1, 5}, {5, 1}})
    for (const bool gelu : {false, true}) {
      const Tensor weight = torch::randn({in, out}), bias = torch::randn({out});
      PackedLinear with_bias(weight, bias, GetParam(), gelu),
          without(weight.t().contiguous().t(), {}, GetParam(), gelu);
      for (const std::int64_t rows : {1, 2, 3, 8, 17, 24, 25, 64, 200, 3}) {
        const Tensor x = torch::randn({rows, in});
        // What rounding acts on: sums of absolute products, which do not cancel.
        const double scale = x.abs().matmul(weight.abs()).max().item<double>();
        const auto check = [&](PackedLinear& packed, const Tensor& product) {
          const Tensor plain = gelu ? torch::gelu(product, "tanh") : product;
          EXPECT_LE((packed.forward(x) - plain).abs().max().item<double>(), rounding_error(GetParam()) * scale + 1e-6)
              << rows << " x " << in << " x " << out << (gelu ? " gelu" : "");
        };
        check(with_bias, torch::addmm(bias, x, weight));
        check(without, x.matmul(weight));
      }
    }
}

TEST_P(PackedLinearTypes, KeepsItsOwnWeights) {
  Tensor weight = torch::ones({4, 3}), bias = torch::zeros({3});
  PackedLinear packed(weight, bias, GetParam());
  weight.zero_();
  bias.fill_(7);
  EXPECT_TRUE(torch::equal(packed.forward(torch::ones({2, 4})), torch::full({2, 3}, 4.0F)));
}

INSTANTIATE_TEST_SUITE_P(Types, PackedLinearTypes, ::testing::Values(torch::kFloat32, torch::kBFloat16));

}  // namespace
}  // namespace deri
