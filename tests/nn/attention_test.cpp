#include "deri/nn/attention.hpp"

#include <cmath>

#include "testing/testing.hpp"

namespace deri {
namespace {

using torch::Tensor;

// One head, one query, by the formula.
std::vector<double> attend_by_hand(const std::vector<double>& query, const std::vector<std::vector<double>>& keys,
                                   const std::vector<std::vector<double>>& values) {
  std::vector<double> weights;
  double sum = 0;
  for (const auto& key : keys) {
    double dot = 0;
    for (std::size_t d = 0; d < key.size(); ++d) dot += query[d] * key[d];
    weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(query.size()))));
    sum += weights.back();
  }
  std::vector<double> result(values[0].size(), 0);
  for (std::size_t k = 0; k < keys.size(); ++k)
    for (std::size_t d = 0; d < result.size(); ++d) result[d] += weights[k] / sum * values[k][d];
  return result;
}

TEST(Attend, EqualsTheFormulaPerHead) {
  // Two heads of two channels.
  const Tensor query = torch::tensor({{{0.5, -1.0, 2.0, 0.0}}});
  const Tensor key = torch::tensor({{{1.0, 0.0, 0.3, 0.7}, {0.0, 1.0, -1.0, 0.2}}});
  const Tensor value = torch::tensor({{{1.0, 2.0, 3.0, 4.0}, {-1.0, 0.5, 0.0, 8.0}}});
  const Tensor out = attend(query, key, value, 2);
  ASSERT_EQ(out.sizes(), (std::vector<std::int64_t>{1, 1, 4}));
  const auto head1 = attend_by_hand({0.5, -1}, {{1, 0}, {0, 1}}, {{1, 2}, {-1, 0.5}});
  const auto head2 = attend_by_hand({2, 0}, {{0.3, 0.7}, {-1, 0.2}}, {{3, 4}, {0, 8}});
  EXPECT_NEAR(out[0][0][0].item<double>(), head1[0], 1e-6);
  EXPECT_NEAR(out[0][0][1].item<double>(), head1[1], 1e-6);
  EXPECT_NEAR(out[0][0][2].item<double>(), head2[0], 1e-6);
  EXPECT_NEAR(out[0][0][3].item<double>(), head2[1], 1e-5);
}

TEST(Attend, MaskedKeysDoNotCount) {
  torch::manual_seed(1);
  const Tensor query = torch::randn({2, 3, 8});
  const Tensor memory = torch::randn({2, 5, 8});
  Tensor mask = torch::ones({2, 5}, torch::kBool);
  mask.slice(1, 3).fill_(false);
  const Tensor masked = attend(query, memory, memory, 2, mask);
  const Tensor cut = attend(query, memory.slice(1, 0, 3), memory.slice(1, 0, 3), 2);
  EXPECT_TRUE(torch::allclose(masked, cut, 1e-6, 1e-6));
  EXPECT_FALSE(torch::allclose(attend(query, memory, memory, 2), cut, 1e-3, 1e-3));
}

TEST(Attend, MaskWorksInBfloat16) {
  const Tensor x = torch::randn({1, 4, 8}).to(torch::kBFloat16);
  const Tensor mask = torch::tensor({true, true, false, false}).unsqueeze(0);
  EXPECT_TRUE(attend(x, x, x, 2, mask).isfinite().all().item<bool>());
}

TEST(Attend, DropoutKeepsTheMean) {
  torch::manual_seed(1);
  const Tensor x = torch::zeros({1, 400, 4});
  const Tensor dropped = attend(x, x, torch::ones({1, 400, 4}), 1, {}, 0.5);
  EXPECT_NEAR(dropped.mean().item<double>(), 1, 0.02);
  EXPECT_GT(dropped.std().item<double>(), 0.01);
}

}  // namespace
}  // namespace deri
