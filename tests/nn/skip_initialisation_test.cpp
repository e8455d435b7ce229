#include "deri/nn/skip_initialisation.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace deri {
namespace {

TEST(SkipInitialisation, DrawsNothingWhileItLives) {
  torch::manual_seed(4);
  const torch::Tensor expected = torch::rand({3});
  torch::manual_seed(4);
  torch::Tensor tensor = torch::full({1000}, 7.0F);
  {
    const SkipInitialisation skip;
    tensor.uniform_(0, 1);
    EXPECT_TRUE(tensor.normal_(0, 1).eq(7).all().item<bool>());
    const torch::nn::Linear linear(100, 100);
    const torch::nn::Conv1d convolution(10, 10, 3);
    EXPECT_TRUE(linear->weight.requires_grad());
    EXPECT_EQ(torch::zeros({2}).add_(1).sum().item<float>(), 2);  // other operations are as ever
  }
  EXPECT_TRUE(torch::equal(torch::rand({3}), expected));
  EXPECT_FALSE(tensor.uniform_(0, 1).eq(7).any().item<bool>());
}

}  // namespace
}  // namespace deri
