#include "deri/model/merl.hpp"

#include "model/small_model.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using namespace deri::testing;
using torch::Tensor;

TEST(Merl, ThousandSamples) {
  torch::manual_seed(1);
  Merl model(small_config("merl"));
  EXPECT_EQ(model.named_parameters()["att_pool_head.positional_embedding"].size(1), 64);
  const MerlOutputs out = model.forward(small_ecg(3), model.encode_text(small_text(3, 8)));
  for (const Tensor& tensor : {out.view1, out.view2, out.proj_ecg, out.proj_text}) {
    EXPECT_EQ(tensor.sizes(), (std::vector<std::int64_t>{3, 16}));
    EXPECT_TRUE(tensor.isfinite().all().item<bool>());
  }
}

TEST(Merl, BatchOfTwoLearnsEveryWeightButTheUnused) {
  torch::manual_seed(1);
  const auto model = make_model(small_config("merl"));
  ASSERT_NE(dynamic_cast<Merl*>(model.get()), nullptr);
  model->train();
  EXPECT_FALSE(model->text_tower().is_training());
  const LossTerms terms = model->losses(small_ecg(2), model->encode_text(small_text(2, 8)), ObjectiveConfig{});
  ASSERT_EQ(terms.size(), 2U);
  EXPECT_EQ(terms[0].first, "cma");
  EXPECT_EQ(terms[1].first, "uma");
  total_loss(terms, {}).backward();
  for (const auto& entry : model->named_parameters()) {
    const bool unused = entry.key().starts_with("ecg_encoder.linear") || entry.key().starts_with("lm_model.");
    EXPECT_EQ(entry.value().grad().defined(), !unused) << entry.key();
  }
}

TEST(Merl, ViewsDropOnlyInTraining) {
  torch::manual_seed(1);
  ModelConfig config = small_config("merl");
  config.view_dropout = 0.5;
  Merl model(config);
  const TextFeatures text = model.encode_text(small_text(4, 8));
  const Tensor ecg = small_ecg(4);
  model.train();
  EXPECT_TRUE((model.forward(ecg, text).view1 == 0).any().item<bool>());
  model.eval();
  EXPECT_FALSE((model.forward(ecg, text).view1 == 0).any().item<bool>());
  EXPECT_TRUE(torch::allclose(l2_normalised(model.ecg_embedding(ecg)), model.forward(ecg, text).proj_ecg, 1e-5, 1e-6));
}

}  // namespace
}  // namespace deri
