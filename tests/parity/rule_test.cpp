// The rule that fills weights and inputs, against the values README.md gives.

#include "parity/fixture.hpp"

namespace deri::testing {
namespace {

TEST(Rule, FillsInputsAndWeights) {
  const torch::Tensor ecg = uniform_by_rule("input.ecg", {3});
  EXPECT_NEAR(ecg[0].item<double>(), 0.294271946, 1e-8);
  EXPECT_NEAR(ecg[1].item<double>(), 0.866060138, 1e-7);
  EXPECT_NEAR(ecg[2].item<double>(), 0.923669457, 1e-7);

  class Holder : public torch::nn::Module {
   public:
    Holder() { register_module("downconv", torch::nn::Conv1d(512, 256, 1)); }
  } holder;
  fill_by_rule(holder);
  const torch::Tensor weight = holder.named_parameters()["downconv.weight"].flatten();
  EXPECT_NEAR(weight[0].item<double>(), -0.06814349, 1e-8);
  EXPECT_NEAR(weight[1].item<double>(), 0.01325145, 1e-8);
  EXPECT_NEAR(weight[2].item<double>(), 0.02110284, 1e-8);
}

}  // namespace
}  // namespace deri::testing
