// Every backbone the figures cover: names, shapes, parameter counts and outputs in evaluation mode.

#include <utility>

#include "parity/fixture.hpp"

#include "deri/nn/backbone.hpp"
#include "deri/nn/vit1d.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

class BackboneParity : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { figures_ = new Json(load_figures("backbones_parity.json")); }
  static void TearDownTestSuite() { delete std::exchange(figures_, nullptr); }

  static Json* figures_;
};

Json* BackboneParity::figures_ = nullptr;

// The published ViT returns one vector per record; the figures call its entries channels.
Tensor published_output(Backbone& backbone, const Tensor& ecg) {
  if (auto* vit = dynamic_cast<Vit1d*>(&backbone)) return vit->pooled(ecg);
  return backbone.forward(ecg);
}

TEST_P(BackboneParity, EqualsFigures) {
  const Json& expected = (*figures_)[GetParam()];
  const auto backbone = make_backbone(GetParam(), 12, 5000);
  expect_state_dict(*backbone, expected["state_dict"]);
  std::int64_t parameters = 0;
  for (const Tensor& parameter : backbone->parameters()) parameters += parameter.numel();
  EXPECT_EQ(parameters, expected["params"].get<std::int64_t>());

  fill_by_rule(*backbone);
  backbone->eval();
  const torch::NoGradGuard no_grad;
  const Tensor output = published_output(*backbone, figures_ecg(2));
  EXPECT_EQ(output.sizes().vec(), expected["shape"].get<std::vector<std::int64_t>>());
  expect_close(output.dim() == 3 ? output.mean(2) : output, expected["channel_mean"], kTolerance, "channel means");
  expect_relative(output.abs().mean().item<double>(), expected["abs_mean"].get<double>(), kTolerance,
                  "mean absolute value");
}

INSTANTIATE_TEST_SUITE_P(Figures, BackboneParity,
                         ::testing::Values("resnet18", "resnet34", "resnet50", "resnet101", "vit_tiny", "vit_small"));

TEST(BackboneFigures, CoverNothingElse) {
  const Json figures = load_figures("backbones_parity.json");
  EXPECT_EQ(figures.size(), 7U) << "a salt and six backbones";
}

}  // namespace
}  // namespace deri::testing
