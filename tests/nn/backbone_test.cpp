#include "deri/nn/backbone.hpp"

#include "testing/testing.hpp"

#include "deri/nn/vit1d.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

TEST(Backbone, UnknownNameSuggestsTheNearest) {
  EXPECT_DERI_ERROR(make_backbone("resnet81", 12, 1000), HasSubstr("\"resnet18\""));
  EXPECT_DERI_ERROR(make_backbone("xyz", 12, 1000), HasSubstr("vit_base"));
}

TEST(Backbone, VitNeedsOnePatch) {
  EXPECT_DERI_ERROR(make_backbone("vit_tiny", 12, 49), HasSubstr("at least 50 samples"));
}

class EveryBackbone : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryBackbone, LearnsFromThousandSamples) {
  torch::manual_seed(1);
  const auto backbone = make_backbone(GetParam(), 12, 1000);
  backbone->train();
  const Tensor features = backbone->forward(torch::rand({2, 12, 1000}));
  const std::int64_t tokens = GetParam().starts_with("vit") ? 20 : 63;
  EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{2, backbone->features(), tokens}));
  EXPECT_EQ(backbone->tokens(1000), tokens);

  // Against a random direction, since norms make plain sums of the output constant.
  (features * torch::randn_like(features)).sum().backward();
  std::int64_t trained = 0;
  for (const auto& entry : backbone->named_parameters()) {
    if (entry.key().starts_with("linear.")) continue;
    ASSERT_TRUE(entry.value().grad().defined()) << entry.key();
    EXPECT_TRUE(entry.value().grad().isfinite().all().item<bool>()) << entry.key();
    EXPECT_GT(entry.value().grad().abs().max().item<double>(), 0) << entry.key();
    ++trained;
  }
  EXPECT_GT(trained, 0);
}

INSTANTIATE_TEST_SUITE_P(Names, EveryBackbone, ::testing::ValuesIn(backbone_names()),
                         [](const auto& info) { return info.param; });

TEST(ResNet1d, TokenCountsOfOddLengths) {
  const auto backbone = make_backbone("resnet18", 3, 0);
  backbone->eval();
  const torch::NoGradGuard no_grad;
  for (const std::int64_t samples : {1, 2, 15, 16, 17, 33, 250, 999})
    EXPECT_EQ(backbone->forward(torch::rand({1, 3, samples})).size(2), backbone->tokens(samples)) << samples;
}

// Evaluation computes in another memory layout than training.
TEST(ResNet1d, EvaluationEqualsTrainingWithTheSameStatistics) {
  torch::manual_seed(1);
  const auto backbone = make_backbone("resnet18", 12, 500);
  const torch::NoGradGuard no_grad;
  const Tensor ecg = torch::rand({4, 12, 500});
  backbone->train();
  // The running variance is the unbiased one, so the two agree to about 1 / (time steps * records).
  Tensor trained;
  for (int i = 0; i < 120; ++i) trained = backbone->forward(ecg);
  backbone->eval();
  const Tensor evaluated = backbone->forward(ecg);
  EXPECT_LT(((evaluated - trained).norm() / trained.norm()).item<double>(), 0.03);
}

TEST(Vit1d, ShorterInputUsesTheFirstPositions) {
  torch::manual_seed(1);
  Vit1d vit(2, 500, {.width = 16, .depth = 1, .heads = 2});
  vit.eval();
  const Tensor ecg = torch::rand({1, 2, 520});
  EXPECT_EQ(vit.forward(ecg.slice(2, 0, 160)).sizes(), (std::vector<std::int64_t>{1, 16, 3}));
  EXPECT_TRUE(torch::equal(vit.forward(ecg), vit.forward(ecg.slice(2, 0, 500))))
      << "samples after the last whole patch are not seen";
}

}  // namespace
}  // namespace deri
