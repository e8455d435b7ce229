// The network in one piece against the same network by libtorch's operators in float64: outputs, running statistics and
// gradients, over shapes of input and batch.

#include "deri/nn/fused_resnet.hpp"

#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "deri/base/error.hpp"
#include "deri/nn/backbone.hpp"
#include "deri/nn/blocked_convolution.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/precision.hpp"

namespace deri {
namespace {

using torch::Tensor;

double relative_distance(const Tensor& x, const Tensor& expected) {
  const Tensor reference = expected.to(torch::kFloat64);
  return ((x.to(torch::kFloat64) - reference).norm() / (reference.norm() + 1e-12)).item<double>();
}

struct Pass {
  Tensor output;
  std::map<std::string, Tensor> gradients, buffers;
};

std::shared_ptr<Backbone> network(const std::string& name, std::int64_t leads, std::int64_t samples) {
  torch::manual_seed(5);
  auto net = make_backbone(name, leads, samples);
  const torch::NoGradGuard no_grad;
  // Norms that do something, in both modes.
  for (auto& entry : net->named_parameters())
    if (entry.value().dim() == 1) entry.value().uniform_(0.5, 1.5);
  for (auto& entry : net->named_buffers())
    if (entry.value().is_floating_point()) entry.value().uniform_(0.5, 1.5);
  return net;
}

Pass run(Backbone& net, const Tensor& ecg, bool training) {
  Pass pass;
  net.train(training);
  const torch::AutoGradMode gradient(training);
  pass.output = net.forward(ecg);
  if (training) {
    torch::manual_seed(8);
    const Tensor weights = torch::rand(pass.output.sizes(), torch::kFloat64).to(ecg.scalar_type());
    (pass.output * weights).sum().backward();
    for (auto& entry : net.named_parameters())
      if (entry.value().grad().defined()) pass.gradients[entry.key()] = entry.value().grad().clone();
  }
  for (auto& entry : net.named_buffers()) pass.buffers[entry.key()] = entry.value().clone();
  return pass;
}

struct Case {
  const char* name;
  std::int64_t batch, leads, samples;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name << " [" << c.batch << "," << c.leads << "," << c.samples << "]";
}

class FusedResNetGrid : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  }

  struct Errors {
    double output = 0, gradient = 0;
  };

  // The greatest relative errors of the fast kernels against float64, on the inputs of one seed.
  Errors errors(bool training, bool bfloat16, std::uint64_t seed) {
    const auto& [name, batch, leads, samples] = GetParam();
    torch::manual_seed(seed);
    const Tensor ecg = torch::rand({batch, leads, samples});
    const auto exact_net = network(name, leads, samples);
    exact_net->to(torch::kFloat64);
    const Pass exact = run(*exact_net, ecg.to(torch::kFloat64), training);

    const auto net = network(name, leads, samples);
    const AutocastGuard autocast(bfloat16 ? Precision::kBfloat16 : Precision::kFloat32, torch::kCPU);
    const Pass fast = run(*net, ecg, training);
    EXPECT_EQ(fast.output.sizes(), exact.output.sizes());
    EXPECT_EQ(fast.gradients.size(), exact.gradients.size());
    Errors worst{.output = relative_distance(fast.output, exact.output)};
    for (const auto& [key, buffer] : exact.buffers)
      worst.output = std::max(worst.output, relative_distance(fast.buffers.at(key), buffer));
    for (const auto& [key, gradient] : exact.gradients)
      worst.gradient = std::max(worst.gradient, relative_distance(fast.gradients.at(key), gradient));
    return worst;
  }
};

// A ReLU whose input is within a rounding error of 0 may choose the other side, which moves every gradient below it:
// one of three draws must be without.
TEST_P(FusedResNetGrid, TrainsAsFloat64Does) {
  if (!BlockedConvolution::has_backward_kernels()) GTEST_SKIP() << "this machine has no AVX2";
  double least_gradient_error = 1;
  for (const std::uint64_t seed : {6, 7, 8}) {
    const Errors worst = errors(/*training=*/true, /*bfloat16=*/false, seed);
    EXPECT_LT(worst.output, 2e-5);
    least_gradient_error = std::min(least_gradient_error, worst.gradient);
  }
  EXPECT_LT(least_gradient_error, 1e-4);
}

TEST_P(FusedResNetGrid, EvaluatesAsFloat64Does) {
  EXPECT_LT(errors(/*training=*/false, /*bfloat16=*/false, 6).output, 2e-5);
}

// Eight bits of mantissa through every layer.
TEST_P(FusedResNetGrid, EvaluatesInBfloat16) {
  if (!fast_kernels(torch::kBFloat16)) GTEST_SKIP() << "this machine has no AVX-512";
  EXPECT_LT(errors(/*training=*/false, /*bfloat16=*/true, 6).output, 0.03);
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedResNetGrid,
                         ::testing::Values(Case{"resnet18", 1, 12, 1000}, Case{"resnet18", 2, 12, 777},
                                           Case{"resnet18", 3, 1, 333}, Case{"resnet18", 13, 12, 90},
                                           Case{"resnet18", 5, 8, 501}, Case{"resnet34", 4, 12, 400},
                                           Case{"resnet50", 3, 12, 401}, Case{"resnet18", 4, 17, 640}));

// In bfloat16 the gradients must be as near to float64's as those of libtorch's own mixed precision.
TEST(FusedResNet, Bfloat16GradientsAreAsGoodAsAutocast) {
  if (!fast_kernels(torch::kBFloat16)) GTEST_SKIP() << "this machine has no AVX-512";
  torch::manual_seed(6);
  const Tensor ecg = torch::rand({6, 12, 800});
  const auto exact_net = network("resnet18", 12, 800);
  exact_net->to(torch::kFloat64);
  const Pass exact = run(*exact_net, ecg.to(torch::kFloat64), true);
  const auto with = [&](Kernels chosen) {
    const KernelsGuard kernels(chosen);
    const AutocastGuard autocast(Precision::kBfloat16, torch::kCPU);
    return run(*network("resnet18", 12, 800), ecg, true);
  };
  const Pass fast = with(Kernels::kFast), plain = with(Kernels::kPlain);
  double fast_error = 0, plain_error = 0;
  for (const auto& [key, gradient] : exact.gradients) {
    fast_error += relative_distance(fast.gradients.at(key), gradient);
    plain_error += relative_distance(plain.gradients.at(key), gradient);
  }
  EXPECT_LT(fast_error, 1.2 * plain_error);
}

// What is computed with several forward passes pending, and after a change of the weights.
TEST(FusedResNet, PassesDoNotDisturbEachOther) {
  if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  torch::manual_seed(6);
  const Tensor first = torch::rand({3, 12, 300}), second = torch::rand({2, 12, 300});
  const auto gradient_of = [](Backbone& net, const Tensor& loss) {
    net.zero_grad();
    loss.backward();
    return net.named_parameters()["layer2.0.conv1.weight"].grad().clone();
  };
  const auto alone = network("resnet18", 12, 300);
  const Tensor expected = gradient_of(*alone, alone->forward(first).pow(2).sum());
  const auto net = network("resnet18", 12, 300);
  const Tensor pending = net->forward(first).pow(2).sum();
  const Tensor other = net->forward(second).sum();
  EXPECT_TRUE(torch::equal(gradient_of(*net, pending), expected));
  {
    const torch::NoGradGuard no_grad;
    net->named_parameters()["conv1.weight"].mul_(2);
  }
  EXPECT_THROW(other.backward(), c10::Error);  // torch's check of tensors changed in place
}

// Gradients take the place of the activations, so that a graph that is kept cannot be used again: it must say so.
TEST(FusedResNet, HasOneBackwardPass) {
  if (!fast_kernels(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  if (!BlockedConvolution::has_backward_kernels()) GTEST_SKIP() << "this machine has no AVX2";
  const Tensor loss = network("resnet18", 12, 300)->forward(torch::rand({2, 12, 300})).sum();
  loss.backward({}, /*retain_graph=*/true);
  EXPECT_THROW(loss.backward(), InternalError);
}

// A step has the same bits every time: what resuming a run rests on.
TEST(FusedResNet, IsDeterministic) {
  torch::manual_seed(6);
  const Tensor ecg = torch::rand({5, 12, 300});
  const Pass once = run(*network("resnet18", 12, 300), ecg, true);
  const Pass again = run(*network("resnet18", 12, 300), ecg, true);
  EXPECT_TRUE(torch::equal(once.output, again.output));
  for (const auto& [key, gradient] : once.gradients)
    EXPECT_TRUE(torch::equal(gradient, again.gradients.at(key))) << key;
}

}  // namespace
}  // namespace deri
