// Linear maps, attention, gates and ragged batches by the fast kernels, against libtorch's operators in float64.

#include "deri/nn/linear.hpp"

#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "deri/nn/attention.hpp"
#include "deri/nn/gating.hpp"
#include "deri/nn/interaction.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/precision.hpp"
#include "deri/nn/ragged_batch.hpp"

namespace deri {
namespace {

using torch::Tensor;

double worst_distance(const Tensor& x, const Tensor& expected) {
  const Tensor reference = expected.detach().to(torch::kFloat64);
  return ((x.detach().to(torch::kFloat64) - reference).norm() / reference.norm()).item<double>();
}

// A leaf of the same values in float64.
Tensor exact_leaf(const Tensor& x) {
  return x.detach().to(torch::kFloat64).requires_grad_();
}

class FastLinear : public ::testing::TestWithParam<std::tuple<std::int64_t, std::int64_t, std::int64_t>> {
 protected:
  void SetUp() override {
    if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  }

  void compare(bool bfloat16, double tolerance) {
    const auto [rows, in, out] = GetParam();
    torch::manual_seed(1);
    const Tensor x = torch::randn({rows, in}).requires_grad_(), weight = torch::randn({out, in}).requires_grad_();
    const Tensor bias = torch::randn({out}).requires_grad_(), slope = torch::randn({rows, out});
    const Tensor exact_x = exact_leaf(x), exact_weight = exact_leaf(weight), exact_bias = exact_leaf(bias);
    const Tensor exact = torch::linear(exact_x, exact_weight, exact_bias);
    exact.backward(slope.to(torch::kFloat64));
    {
      const AutocastGuard autocast(bfloat16 ? Precision::kBfloat16 : Precision::kFloat32, torch::kCPU);
      const Tensor y = linear_map(x, weight, bias);
      EXPECT_EQ(y.scalar_type(), torch::kFloat32);
      EXPECT_LT(worst_distance(y, exact), tolerance);
      const torch::NoGradGuard no_grad;
      EXPECT_TRUE(torch::equal(linear_map(x, weight, bias), y));
      y.backward(slope);
    }
    EXPECT_LT(worst_distance(x.grad(), exact_x.grad()), tolerance);
    EXPECT_LT(worst_distance(weight.grad(), exact_weight.grad()), tolerance);
    EXPECT_LT(worst_distance(bias.grad(), exact_bias.grad()), tolerance);
  }
};

TEST_P(FastLinear, EqualsFloat64) {
  compare(false, 2e-6);
}

TEST_P(FastLinear, IsNearInBfloat16) {
  if (!fast_kernels(torch::kBFloat16)) GTEST_SKIP() << "this machine has no AVX-512";
  compare(true, 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Shapes, FastLinear,
                         ::testing::Values(std::tuple(1, 1, 1), std::tuple(1, 256, 768), std::tuple(107, 256, 1536),
                                           std::tuple(64, 33, 7), std::tuple(431, 768, 256)));

TEST(FastLinear, SeesChangedWeights) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({5, 8}), weight = torch::randn({4, 8});
  const torch::NoGradGuard no_grad;
  const Tensor before = linear_map(x, weight, {});
  weight.mul_(2);
  EXPECT_LT(worst_distance(linear_map(x, weight, {}), before * 2), 1e-6);
}

TEST(FastLinear, TakesAnyNumberOfDimensionsAndNoRows) {
  torch::manual_seed(1);
  const Tensor weight = torch::randn({4, 8}), x = torch::randn({2, 3, 8}).transpose(0, 1);
  EXPECT_LT(worst_distance(linear_map(x, weight, {}), torch::linear(x, weight)), 1e-6);
  EXPECT_EQ(linear_map(torch::randn({0, 8}), weight, {}).sizes(), (std::vector<std::int64_t>{0, 4}));
}

// The distances of the fast attention's result and gradient from float64's, for heads of `width` channels. Lengths that
// fill vectors and do not, one token, rows of no sequence behind the last.
std::pair<double, double> attention_distances(std::int64_t width, Precision precision) {
  constexpr std::int64_t kHeads = 3;
  torch::manual_seed(2);
  const Sequences sequences{.offsets = {0, 16, 17, 54, 161}};
  const Tensor qkv = (2 * torch::randn({170, 3 * kHeads * width})).requires_grad_(), exact_qkv = exact_leaf(qkv);
  const Tensor slope = torch::randn({161, kHeads * width});
  Tensor fast;
  {
    const AutocastGuard autocast(precision, torch::kCPU);
    fast = attend_within(qkv, kHeads, sequences);
  }
  EXPECT_EQ(fast.scalar_type(), torch::kFloat32);
  std::vector<Tensor> parts;
  for (std::int64_t b = 0; b < sequences.count(); ++b) {
    const auto first = sequences.offsets[static_cast<std::size_t>(b)];
    const auto chunks = exact_qkv.slice(0, first, first + sequences.length(b)).unsqueeze(0).chunk(3, -1);
    parts.push_back(attend(chunks[0], chunks[1], chunks[2], kHeads).squeeze(0));
  }
  const Tensor exact = torch::cat(parts);
  EXPECT_EQ(fast.slice(0, 161).abs().max().item<float>(), 0);
  fast.slice(0, 0, 161).backward(slope);
  exact.backward(slope.to(torch::kFloat64));
  EXPECT_EQ(qkv.grad().slice(0, 161).abs().max().item<float>(), 0);
  return {worst_distance(fast.slice(0, 0, 161), exact), worst_distance(qkv.grad(), exact_qkv.grad())};
}

TEST(FastAttention, EqualsEachSequenceAlone) {
  if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  for (const std::int64_t width : {5, 16, 32, 64, 96, 128}) {
    const auto [result, gradient] = attention_distances(width, Precision::kFloat32);
    EXPECT_LT(result, 2e-6) << width;
    EXPECT_LT(gradient, 5e-6) << width;
  }
}

TEST(FastAttention, IsNearInBfloat16) {
  if (!fast_kernels(torch::kBFloat16)) GTEST_SKIP() << "this machine has no AVX-512";
  for (const std::int64_t width : {5, 32, 64, 96}) {
    const auto [result, gradient] = attention_distances(width, Precision::kBfloat16);
    EXPECT_LT(result, 2e-2) << width;
    EXPECT_LT(gradient, 3e-2) << width;
  }
}

TEST(FastAttention, SurvivesGreatScores) {
  if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  torch::manual_seed(2);
  const Tensor qkv = 100 * torch::randn({9, 48});
  const Tensor fast = attend_within(qkv, 2, Sequences::equal(1, 9));
  const auto parts = qkv.to(torch::kFloat64).unsqueeze(0).chunk(3, -1);
  EXPECT_LT(worst_distance(fast, attend(parts[0], parts[1], parts[2], 2).squeeze(0)), 1e-4);
}

TEST(Gating, EqualsSiluTimesValue) {
  torch::manual_seed(3);
  const Tensor gate = (10 * torch::randn({101})).requires_grad_(), value = torch::randn({101}).requires_grad_();
  const Tensor slope = torch::randn({101});
  Tensor out = torch::empty({101}), gate_slope = torch::empty({101}), value_slope = torch::empty({101});
  const float *a = gate.data_ptr<float>(), *b = value.data_ptr<float>();
  gate_values(a, b, {}, 0, 101, out.data_ptr<float>());
  gate_gradients(a, b, slope.data_ptr<float>(), {}, 0, 101, gate_slope.data_ptr<float>(),
                 value_slope.data_ptr<float>());
  const Tensor exact_gate = exact_leaf(gate), exact_value = exact_leaf(value);
  const Tensor exact = torch::silu(exact_gate) * exact_value;
  exact.backward(slope.to(torch::kFloat64));
  EXPECT_LT(worst_distance(out, exact), 1e-6);
  EXPECT_LT(worst_distance(gate_slope, exact_gate.grad()), 1e-6);
  EXPECT_LT(worst_distance(value_slope, exact_value.grad()), 1e-6);
}

// The mask must be a dropout's: the right share, other values for another seed, the same in pieces and backward.
TEST(Gating, DropsTheSameValuesForwardAndBackward) {
  constexpr std::int64_t kCount = 200000;
  const std::vector<float> gate(kCount, 1), value(kCount, 1);
  std::vector<float> out(kCount), again(kCount), gate_slope(kCount), value_slope(kCount);
  const DropoutMask mask{.seed = 17, .rate = 0.36};
  gate_values(gate.data(), value.data(), mask, 0, kCount, out.data());
  gate_values(gate.data(), value.data(), mask, 0, 100000, again.data());
  gate_values(gate.data(), value.data(), mask, 100000, kCount, again.data());
  EXPECT_TRUE(out == again);
  gate_gradients(gate.data(), value.data(), out.data(), mask, 0, kCount, gate_slope.data(), value_slope.data());
  std::int64_t dropped = 0, pairs = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    dropped += out[i] == 0;
    pairs += i > 0 && out[i] == 0 && out[i - 1] == 0;
    EXPECT_EQ(out[i] == 0, value_slope[i] == 0);
  }
  EXPECT_NEAR(static_cast<double>(dropped) / kCount, 0.36, 0.005);
  EXPECT_NEAR(static_cast<double>(pairs) / kCount, 0.36 * 0.36, 0.005);  // neighbours are independent
  gate_values(gate.data(), value.data(), {.seed = 18, .rate = 0.36}, 0, kCount, again.data());
  std::int64_t both = 0;
  for (std::size_t i = 0; i < kCount; ++i) both += out[i] == 0 && again[i] == 0;
  EXPECT_NEAR(static_cast<double>(both) / kCount, 0.36 * 0.36, 0.005);
}

// Ragged rows through the interaction transformer and their means, against the padded batch with its mask.
TEST(RaggedBatch, EqualsThePaddedBatch) {
  if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  torch::manual_seed(4);
  Interaction network({.positions = 40,
                       .width = 32,
                       .out = 24,
                       .depth = 2,
                       .heads = 4,
                       .head_width = 8,
                       .dropout = 0.2,
                       .drop_path = 0});
  network.eval();
  const Tensor lengths = torch::tensor({1, 40, 17}, torch::kInt64), x = torch::randn({3, 40, 32});
  const Tensor mask = torch::arange(40).unsqueeze(0) < lengths.unsqueeze(1);
  const RaggedBatch batch = RaggedBatch::of_mask(mask);
  EXPECT_EQ(batch.sequence_of_row.size(0), 64);
  const auto gradients = [&](const Tensor& result) {
    network.zero_grad();
    torch::manual_seed(5);
    result.backward(torch::randn(result.sizes()));
    std::vector<Tensor> all;
    for (const Tensor& parameter : network.parameters()) all.push_back(parameter.grad().clone());
    return all;
  };
  const Tensor ragged = batch.means(network.forward(batch.rows(x, mask), batch));
  const auto ragged_gradients = gradients(ragged);
  const KernelsGuard plain(Kernels::kPlain);
  const Tensor padded = mean_of_tokens(network.forward(x, mask), mask);
  const auto padded_gradients = gradients(padded);
  EXPECT_LT(worst_distance(ragged, padded), 1e-5);
  for (std::size_t i = 0; i < padded_gradients.size(); ++i)
    EXPECT_LT(worst_distance(ragged_gradients[i], padded_gradients[i]), 1e-4) << i;
}

}  // namespace
}  // namespace deri
