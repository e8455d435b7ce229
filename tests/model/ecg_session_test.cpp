// A session's views against the model's own, computed by libtorch's operators.

#include "deri/model/ecg_session.hpp"

#include "model/small_model.hpp"
#include "testing/testing.hpp"
#include <gtest/gtest.h>

#include "deri/nn/kernels.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using torch::Tensor;

Tensor plain_view(EcgTextModel& model, const Tensor& ecg, EcgView view) {
  const KernelsGuard plain(Kernels::kPlain);
  const torch::NoGradGuard no_grad;
  model.eval();
  return model.ecg_view(ecg, view);
}

double least_cosine(const Tensor& x, const Tensor& y) {
  return torch::cosine_similarity(x, y, 1).min().item<double>();
}

class EcgSessionTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    torch::manual_seed(3);
    model_ = make_model(testing::small_config(GetParam()));
    // Norms that do something, and keep the features away from zero.
    const torch::NoGradGuard no_grad;
    for (auto& entry : model_->ecg_encoder().named_parameters())
      if (entry.value().dim() == 1) entry.value().uniform_(0.5, 1.5);
    for (auto& entry : model_->ecg_encoder().named_buffers())
      if (entry.value().is_floating_point()) entry.value().uniform_(0.5, 1.5);
    ecg_ = testing::small_ecg(5);
  }

  std::vector<EcgView> views() const {
    std::vector<EcgView> all{EcgView::kZeroShot, EcgView::kAligned, EcgView::kEncoder};
    if (model_->config().kind == "deri") all.push_back(EcgView::kMix);
    return all;
  }

  std::shared_ptr<EcgTextModel> model_;
  Tensor ecg_;
};

TEST_P(EcgSessionTest, GivesTheModelsViews) {
  EcgSession session(*model_);
  for (const EcgView view : views()) {
    const Tensor rows = session.view(ecg_, view), expected = plain_view(*model_, ecg_, view);
    EXPECT_EQ(rows.scalar_type(), torch::kFloat32);
    EXPECT_TRUE(torch::allclose(rows, expected, 1e-3, 1e-4)) << view_name(view);
    EXPECT_TRUE(torch::allclose(session.view(ecg_.slice(0, 1, 2), view), expected.slice(0, 1, 2), 1e-3, 1e-4));
  }
}

TEST_P(EcgSessionTest, LeavesTheModeAlone) {
  EcgSession session(*model_);
  model_->train();
  const Tensor rows = session.view(ecg_, EcgView::kAligned);
  EXPECT_TRUE(model_->is_training());
  EXPECT_TRUE(torch::allclose(rows, plain_view(*model_, ecg_, EcgView::kAligned), 1e-3, 1e-4));
}

TEST_P(EcgSessionTest, ComputesInFewerBits) {
  for (const auto precision : {InferencePrecision::kBfloat16, InferencePrecision::kInt8}) {
    if (precision == InferencePrecision::kInt8 && !ResNetSession::usable(precision)) continue;
    EcgSession session(*model_, precision, ecg_);
    for (const EcgView view : views())
      EXPECT_GT(least_cosine(session.view(ecg_, view), plain_view(*model_, ecg_, view)), 0.995) << view_name(view);
  }
}

TEST_P(EcgSessionTest, KeepsTheWeightsItWasMadeWith) {
  if (!ResNetSession::usable(InferencePrecision::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  EcgSession session(*model_);
  const Tensor before = session.view(ecg_, EcgView::kEncoder);
  {
    const torch::NoGradGuard no_grad;
    for (Tensor& weights : model_->ecg_encoder().parameters()) weights.mul_(2);
  }
  EXPECT_TRUE(torch::equal(session.view(ecg_, EcgView::kEncoder), before));
  EXPECT_FALSE(torch::allclose(EcgSession(*model_).view(ecg_, EcgView::kEncoder), before, 1e-2, 1e-2));
}

INSTANTIATE_TEST_SUITE_P(Kinds, EcgSessionTest, ::testing::Values("deri", "merl"));

TEST(EcgSession, TakesTheModelsOwnWayWhereThereIsNoFasterOne) {
  torch::manual_seed(3);
  ModelConfig config = testing::small_config("deri");
  config.backbone = "vit_tiny";
  const auto model = make_model(config);
  const Tensor ecg = testing::small_ecg(2);
  EcgSession session(*model);
  EXPECT_TRUE(torch::allclose(session.view(ecg, EcgView::kMix), plain_view(*model, ecg, EcgView::kMix), 1e-3, 1e-4));
  EXPECT_DERI_ERROR(EcgSession(*model, InferencePrecision::kInt8, ecg),
                    AllOf(HasSubstr("int8"), HasSubstr("vit_tiny")));
}

TEST(EcgSession, HasNoWholeNumbersWithPlainKernels) {
  const auto model = make_model(testing::small_config("merl"));
  const KernelsGuard plain(Kernels::kPlain);
  EXPECT_DERI_ERROR(EcgSession(*model, InferencePrecision::kInt8, testing::small_ecg(1)), HasSubstr("fast kernels"));
}

}  // namespace
}  // namespace deri
