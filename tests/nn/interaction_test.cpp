#include "deri/nn/interaction.hpp"

#include "testing/testing.hpp"

#include "deri/nn/kernels.hpp"
#include "deri/nn/transformer_block.hpp"

namespace deri {
namespace {

using torch::Tensor;

InteractionOptions small_interaction(double dropout = 0, double drop_path = 0) {
  return {.positions = 10,
          .width = 8,
          .out = 12,
          .depth = 2,
          .heads = 2,
          .head_width = 6,
          .dropout = dropout,
          .drop_path = drop_path};
}

TEST(GatedMlp, EqualsTheFormula) {
  torch::manual_seed(1);
  GatedMlp mlp(3, 5, 2, 0);
  auto p = mlp.named_parameters();
  const Tensor x = torch::randn({4, 3});
  const Tensor a = torch::matmul(x, p["fc1.weight"].t()) + p["fc1.bias"];
  const Tensor c = torch::matmul(x, p["fc3.weight"].t()) + p["fc3.bias"];
  const Tensor expected = torch::matmul(a * torch::sigmoid(a) * c, p["fc2.weight"].t()) + p["fc2.bias"];
  EXPECT_TRUE(torch::allclose(mlp.forward(x), expected, 1e-5, 1e-6));
}

// With a gradient or without one, by either set of kernels: in training half of each factor is dropped, so that a
// quarter of the products, each multiplied by 4, is left.
TEST(GatedMlp, DropsInTrainingWithOrWithoutAGradient) {
  for (const Kernels kernels : {Kernels::kFast, Kernels::kPlain}) {
    const KernelsGuard guard(kernels);
    for (const bool gradient : {true, false}) {
      torch::manual_seed(1);
      const torch::AutoGradMode mode(gradient);
      GatedMlp mlp(1, 1, 1, 0.5);
      for (const auto& entry : mlp.named_parameters())
        entry.value().detach().fill_(entry.key().find("bias") == std::string::npos ? 1 : 0);
      const Tensor x = torch::ones({40000, 1});
      mlp.eval();
      const float whole = mlp.forward(x)[0].item<float>();
      mlp.train();
      const Tensor y = mlp.forward(x).detach() / whole;
      EXPECT_TRUE(((y.abs() < 1e-6) | ((y - 4).abs() < 1e-5)).all().item<bool>());
      EXPECT_NEAR((y > 1).to(torch::kFloat32).mean().item<double>(), 0.25, 0.02);
      EXPECT_FALSE(torch::equal(mlp.forward(x).detach() / whole, y));
    }
  }
}

TEST(DropPath, DropsWholeRecordsAndKeepsTheMean) {
  torch::manual_seed(1);
  const Tensor dropped = drop_path(torch::ones({2000, 3}), 0.25, true);
  const Tensor first = dropped.select(1, 0);
  EXPECT_TRUE(torch::equal(dropped, first.unsqueeze(1).expand({2000, 3})));
  EXPECT_TRUE(((first == 0) | ((first - 4.0 / 3).abs() < 1e-6)).all().item<bool>());
  EXPECT_NEAR(first.mean().item<double>(), 1, 0.05);
  EXPECT_TRUE(torch::equal(drop_path(torch::ones({4, 3}), 0.25, false), torch::ones({4, 3})));
}

TEST(Interaction, PadsChangeNothingUnderAMask) {
  torch::manual_seed(1);
  Interaction network(small_interaction());
  network.eval();
  const Tensor tokens = torch::randn({2, 4, 8});
  const Tensor padded = torch::cat({tokens, torch::randn({2, 5, 8})}, 1);
  Tensor mask = torch::ones({2, 9}, torch::kBool);
  mask.slice(1, 4).fill_(false);
  const Tensor alone = network.forward(tokens);
  EXPECT_EQ(alone.sizes(), (std::vector<std::int64_t>{2, 4, 12}));
  EXPECT_TRUE(torch::allclose(network.forward(padded, mask).slice(1, 0, 4), alone, 1e-5, 1e-6));
  EXPECT_FALSE(torch::allclose(network.forward(padded).slice(1, 0, 4), alone, 1e-3, 1e-3));
}

TEST(Interaction, RandomOnlyInTraining) {
  torch::manual_seed(1);
  const Tensor tokens = torch::randn({16, 10, 8});
  for (const InteractionOptions& options : {small_interaction(0.2, 0), small_interaction(0, 0.5)}) {
    Interaction network(options);
    network.eval();
    EXPECT_TRUE(torch::equal(network.forward(tokens), network.forward(tokens)));
    network.train();
    EXPECT_FALSE(torch::equal(network.forward(tokens), network.forward(tokens)));
  }
}

TEST(Interaction, MoreTokensThanPositionsIsABug) {
  Interaction network(small_interaction());
  EXPECT_THROW(network.forward(torch::randn({1, 11, 8})), InternalError);
}

}  // namespace
}  // namespace deri
