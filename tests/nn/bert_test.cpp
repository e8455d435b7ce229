#include "deri/nn/bert.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using torch::Tensor;

BertOptions small_bert(double dropout = 0) {
  return {
      .vocabulary = 20, .hidden = 8, .layers = 2, .heads = 2, .intermediate = 16, .positions = 12, .dropout = dropout};
}

TEST(Bert, PadsChangeNothing) {
  torch::manual_seed(1);
  Bert bert(small_bert());
  bert.eval();
  const Tensor ids = torch::randint(1, 20, {2, 5}, torch::kInt64);
  const BertOutput alone = bert.forward(ids, torch::ones({2, 5}, torch::kBool));
  const Tensor padded = torch::constant_pad_nd(ids, {0, 4}, 0);
  const BertOutput output = bert.forward(padded, padded != 0);
  EXPECT_EQ(output.hidden.sizes(), (std::vector<std::int64_t>{2, 9, 8}));
  EXPECT_TRUE(torch::allclose(output.hidden.slice(1, 0, 5), alone.hidden, 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(output.pooled, alone.pooled, 1e-5, 1e-6));
}

TEST(Bert, StartsAsPublished) {
  torch::manual_seed(1);
  const Bert bert(small_bert());
  for (const auto& entry : bert.named_parameters()) {
    const Tensor& weight = entry.value();
    if (entry.key().ends_with("bias")) {
      EXPECT_EQ(weight.abs().max().item<double>(), 0) << entry.key();
    } else if (entry.key().ends_with("LayerNorm.weight")) {
      EXPECT_TRUE((weight == 1).all().item<bool>()) << entry.key();
    } else if (weight.numel() > 60) {
      EXPECT_NEAR(weight.std().item<double>(), 0.02, 0.006) << entry.key();
    }
  }
}

TEST(Bert, DropsOnlyInTraining) {
  torch::manual_seed(1);
  Bert bert(small_bert(0.3));
  const Tensor ids = torch::randint(1, 20, {2, 5}, torch::kInt64);
  const Tensor mask = torch::ones({2, 5}, torch::kBool);
  bert.eval();
  EXPECT_TRUE(torch::equal(bert.forward(ids, mask).hidden, bert.forward(ids, mask).hidden));
  bert.train();
  EXPECT_FALSE(torch::equal(bert.forward(ids, mask).hidden, bert.forward(ids, mask).hidden));
}

TEST(Bert, MoreTokensThanPositionsIsABug) {
  Bert bert(small_bert());
  EXPECT_THROW(bert.forward(torch::ones({1, 13}, torch::kInt64), torch::ones({1, 13}, torch::kBool)), InternalError);
}

// The head, written out with the weights under their published names.
TEST(BertForMaskedLm, GuessesByTheEmbeddingsThemselves) {
  torch::manual_seed(1);
  BertForMaskedLm model(small_bert());
  model.eval();
  for (torch::Tensor& parameter : model.parameters()) parameter.data().normal_(0, 0.3);
  std::map<std::string, Tensor> weights;
  for (const auto& entry : model.named_parameters()) weights[entry.key()] = entry.value();
  const Tensor ids = torch::randint(1, 20, {2, 5}, torch::kInt64);
  const Tensor mask = torch::ones({2, 5}, torch::kBool);
  Tensor masked = torch::zeros({2, 5}, torch::kBool);
  masked[0][3] = masked[1][0] = masked[1][4] = true;
  const Tensor logits = model.forward(ids, mask, masked);

  const Tensor hidden = model.bert().forward(ids, mask).hidden;
  const Tensor rows = torch::stack({hidden[0][3], hidden[1][0], hidden[1][4]});
  const Tensor dense = rows.matmul(weights.at("cls.predictions.transform.dense.weight").t()) +
                       weights.at("cls.predictions.transform.dense.bias");
  const Tensor gelu = dense * 0.5 * (1 + torch::erf(dense / std::sqrt(2.0)));
  const Tensor centred = gelu - gelu.mean(1, true);
  const Tensor normed =
      centred / centred.square().mean(1, true).sqrt() * weights.at("cls.predictions.transform.LayerNorm.weight") +
      weights.at("cls.predictions.transform.LayerNorm.bias");
  const Tensor expected =
      normed.matmul(weights.at("bert.embeddings.word_embeddings.weight").t()) + weights.at("cls.predictions.bias");
  EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{3, 20}));
  EXPECT_TRUE(torch::allclose(logits, expected, 1e-4, 1e-4));
}

}  // namespace
}  // namespace deri
