#include "deri/train/adamw.hpp"

#include "testing/testing.hpp"

#include "deri/nn/kernels.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

torch::nn::Sequential network() {
  torch::manual_seed(3);
  return torch::nn::Sequential(torch::nn::Linear(4, 8), torch::nn::Tanh(), torch::nn::Linear(8, 1));
}

torch::Tensor loss_of(torch::nn::Sequential& net, int step) {
  torch::manual_seed(100 + step);
  return (net->forward(torch::randn({16, 4})) - 1).square().mean();
}

TEST(AdamW, FollowsLibtorchsOwn) {
  auto ours = network(), theirs = network();
  OptimiserConfig config;
  config.weight_decay = 0.1;
  AdamW optimiser(*ours, config);
  torch::optim::AdamW reference(theirs->parameters(), torch::optim::AdamWOptions(1e-2).weight_decay(0.1));
  for (int step = 0; step < 20; ++step) {
    optimiser.zero_gradients();
    loss_of(ours, step).backward();
    optimiser.step(1e-2);
    reference.zero_grad();
    loss_of(theirs, step).backward();
    reference.step();
  }
  for (std::size_t i = 0; i < ours->parameters().size(); ++i)
    EXPECT_TRUE(torch::allclose(ours->parameters()[i], theirs->parameters()[i], 1e-5, 1e-7)) << i;
}

// Sizes around a vector and around what a thread takes at once; a parameter that is not contiguous.
class OddSizes : public torch::nn::Module {
 public:
  OddSizes() {
    torch::manual_seed(4);
    for (const std::int64_t size : {1, 15, 16, 17, 16383, 16385, 50000})
      register_parameter(fmt::format("p{}", size), torch::randn({size}));
    register_parameter("turned", torch::randn({7, 5}).t());
  }
};

double relative_distance(const torch::Tensor& x, const torch::Tensor& expected) {
  const torch::Tensor exact = expected.to(torch::kFloat64);
  return ((x.to(torch::kFloat64) - exact).norm() / exact.norm()).item<double>();
}

TEST(AdamW, BothKernelsTakeTheSameSteps) {
  OddSizes fast, plain;
  const OptimiserConfig config{.weight_decay = 0.1, .clip_norm = 1};
  AdamW fast_optimiser(fast, config), plain_optimiser(plain, config);
  for (int step = 0; step < 5; ++step) {
    torch::manual_seed(step);
    for (std::size_t i = 0; i < fast.parameters().size(); ++i) {
      const torch::Tensor gradient = torch::randn_like(plain.parameters()[i]);
      fast.parameters()[i].mutable_grad() = gradient.clone();
      plain.parameters()[i].mutable_grad() = gradient.clone();
    }
    const auto version = fast.parameters()[0]._version();
    const double norm = fast_optimiser.clip_gradients();
    fast_optimiser.step(1e-2);
    EXPECT_GT(fast.parameters()[0]._version(), version);  // caches of weights must see the change
    const KernelsGuard guard(Kernels::kPlain);
    EXPECT_NEAR(norm / plain_optimiser.clip_gradients(), 1, 1e-6);
    plain_optimiser.step(1e-2);
  }
  const auto fast_state = fast_optimiser.state(), plain_state = plain_optimiser.state();
  for (std::size_t i = 0; i < fast_state.size(); ++i)
    EXPECT_LT(relative_distance(fast_state[i].second, plain_state[i].second), 1e-6) << fast_state[i].first;
  for (std::size_t i = 0; i < fast.parameters().size(); ++i)
    EXPECT_LT(relative_distance(fast.parameters()[i].detach(), plain.parameters()[i].detach()), 1e-6) << i;
}

class AdamWKernels : public ::testing::TestWithParam<Kernels> {};

TEST_P(AdamWKernels, ClipTheGlobalNorm) {
  const KernelsGuard guard(GetParam());
  auto net = network();
  OptimiserConfig config;
  config.clip_norm = 0.01;
  AdamW optimiser(*net, config);
  loss_of(net, 0).backward();
  const double before = optimiser.clip_gradients();
  EXPECT_GT(before, 0.01);
  EXPECT_NEAR(optimiser.clip_gradients(), 0.01, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Both, AdamWKernels, ::testing::Values(Kernels::kFast, Kernels::kPlain));

TEST(AdamW, StateMakesTheNextStepTheSame) {
  auto first = network(), second = network();
  AdamW a(*first, {}), b(*second, {});
  for (int step = 0; step < 3; ++step) {
    a.zero_gradients();
    loss_of(first, step).backward();
    a.step(1e-2);
  }
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < first->parameters().size(); ++i) second->parameters()[i].copy_(first->parameters()[i]);
  std::map<std::string, torch::Tensor> state;
  for (const auto& [name, tensor] : a.state()) state[name] = tensor.clone();
  b.load_state(state);
  {
    const torch::AutoGradMode grad(true);
    for (auto* pair : {&first, &second}) loss_of(*pair, 7).backward();
  }
  // a's gradients were accumulated on those of step 2: start both from the same ones
  for (std::size_t i = 0; i < first->parameters().size(); ++i)
    first->parameters()[i].mutable_grad().copy_(second->parameters()[i].grad());
  a.step(1e-2);
  b.step(1e-2);
  for (std::size_t i = 0; i < first->parameters().size(); ++i)
    EXPECT_TRUE(torch::equal(first->parameters()[i], second->parameters()[i])) << i;
  state.erase(state.begin());
  EXPECT_DERI_ERROR(b.load_state(state), HasSubstr("does not fit this model"));
}

TEST(AdamW, LeavesFrozenParametersAlone) {
  auto net = network();
  net->parameters()[0].set_requires_grad(false);
  const torch::Tensor before = net->parameters()[0].clone();
  AdamW optimiser(*net, {});
  loss_of(net, 0).backward();
  optimiser.step(1);
  EXPECT_TRUE(torch::equal(net->parameters()[0], before));
}

}  // namespace
}  // namespace deri
