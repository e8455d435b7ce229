// The inference session against the same network by libtorch's operators in float64, over shapes of input and batch,
// and against itself where only the way of computing differs.

#include "deri/nn/resnet_session.hpp"

#include <string>

#include "testing/testing.hpp"
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "deri/nn/kernels.hpp"
#include "deri/nn/resnet1d.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

double session_error(const Tensor& x, const Tensor& expected) {
  const Tensor reference = expected.to(torch::kFloat64);
  return ((x.to(torch::kFloat64) - reference).norm() / reference.norm()).item<double>();
}

// In evaluation mode, with norms that do something and let a record's features stand out from the bias.
std::shared_ptr<ResNet1d> evaluated_network(const std::string& name, std::int64_t leads, std::int64_t samples) {
  torch::manual_seed(5);
  auto net = std::dynamic_pointer_cast<ResNet1d>(make_backbone(name, leads, samples));
  const torch::NoGradGuard no_grad;
  for (auto& entry : net->named_parameters())
    if (entry.value().dim() == 1) entry.value().uniform_(0.5, 1.5);
  for (auto& entry : net->named_buffers())
    if (entry.value().is_floating_point()) entry.value().uniform_(0.5, 1.5);
  net->eval();
  return net;
}

Tensor exact_features(ResNet1d& net, const Tensor& ecg) {
  const torch::NoGradGuard no_grad;
  net.to(torch::kFloat64);
  const Tensor features = net.forward(ecg.to(torch::kFloat64));
  net.to(torch::kFloat32);
  return features;
}

class OmpThreads {
 public:
  explicit OmpThreads(int threads) : before_(torch::get_num_threads()) { torch::set_num_threads(threads); }
  ~OmpThreads() { torch::set_num_threads(before_); }
  OmpThreads(const OmpThreads&) = delete;
  OmpThreads& operator=(const OmpThreads&) = delete;

 private:
  int before_;
};

struct SessionCase {
  const char* name;
  std::int64_t batch, leads, samples;
};

void PrintTo(const SessionCase& c, std::ostream* out) {
  *out << c.name << " [" << c.batch << "," << c.leads << "," << c.samples << "]";
}

class ResNetSessionGrid : public ::testing::TestWithParam<SessionCase> {
 protected:
  void SetUp() override {
    if (!ResNetSession::usable(InferencePrecision::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  }

  double error(InferencePrecision precision) {
    const auto& [name, batch, leads, samples] = GetParam();
    const auto net = evaluated_network(name, leads, samples);
    const Tensor ecg = torch::randn({batch, leads, samples}), expected = exact_features(*net, ecg);
    ResNetSession session(net->layers(), precision, ecg);
    const Tensor features = session.forward(ecg);
    EXPECT_EQ(features.sizes(), expected.sizes());
    EXPECT_EQ(features.scalar_type(), torch::kFloat32);
    return session_error(features, expected);
  }
};

TEST_P(ResNetSessionGrid, ComputesAsFloat64Does) {
  EXPECT_LT(error(InferencePrecision::kFloat32), 1e-5);
}

// Eight bits of mantissa through every layer.
TEST_P(ResNetSessionGrid, ComputesInBfloat16) {
  if (!ResNetSession::usable(InferencePrecision::kBfloat16)) GTEST_SKIP() << "this machine has no AVX-512";
  EXPECT_LT(error(InferencePrecision::kBfloat16), 0.02);
}

// Seven or eight bits per layer; the networks are random, so nothing in them makes up for it.
TEST_P(ResNetSessionGrid, ComputesInWholeNumbers) {
  EXPECT_LT(error(InferencePrecision::kInt8), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResNetSessionGrid,
                         ::testing::Values(SessionCase{"resnet18", 1, 12, 1000}, SessionCase{"resnet18", 2, 12, 777},
                                           SessionCase{"resnet18", 3, 1, 333}, SessionCase{"resnet18", 13, 12, 90},
                                           SessionCase{"resnet18", 5, 8, 501}, SessionCase{"resnet18", 2, 12, 7},
                                           SessionCase{"resnet34", 4, 12, 400}, SessionCase{"resnet50", 3, 12, 401},
                                           SessionCase{"resnet101", 1, 12, 250}, SessionCase{"resnet18", 4, 17, 640}));

class ResNetSessionTest : public ::testing::TestWithParam<InferencePrecision> {
 protected:
  void SetUp() override {
    if (!ResNetSession::usable(GetParam())) GTEST_SKIP() << "not on this machine or in this build";
  }
};

// A record's features do not depend on what it is computed with or by: one thread, all, or some and the rest by all.
TEST_P(ResNetSessionTest, RecordsDoNotDependOnBatchesAndThreads) {
  const auto net = evaluated_network("resnet18", 12, 500);
  const Tensor ecg = torch::randn({7, 12, 500});
  ResNetSession session(net->layers(), GetParam(), ecg);
  const Tensor together = session.forward(ecg);
  for (const int threads : {1, 2, 3, 5}) {
    const OmpThreads guard(threads);
    EXPECT_LT(session_error(session.forward(ecg), together), 1e-6) << threads;
    EXPECT_LT(session_error(session.forward(ecg.slice(0, 3, 4)), together.slice(0, 3, 4)), 1e-6) << threads;
  }
}

// Other lengths in between, and inputs that are not contiguous.
TEST_P(ResNetSessionTest, TakesOneLengthAfterAnother) {
  const auto net = evaluated_network("resnet18", 12, 500);
  const Tensor ecg = torch::randn({2, 12, 600});
  ResNetSession session(net->layers(), GetParam(), ecg);
  const Tensor first = session.forward(ecg);
  const Tensor cut = session.forward(ecg.slice(2, 0, 401));
  EXPECT_TRUE(torch::equal(session.forward(ecg), first));
  EXPECT_TRUE(torch::equal(session.forward(ecg.slice(2, 0, 401).contiguous()), cut));
  EXPECT_EQ(session.forward(ecg.slice(0, 0, 0)).size(0), 0);
}

INSTANTIATE_TEST_SUITE_P(Precisions, ResNetSessionTest,
                         ::testing::Values(InferencePrecision::kFloat32, InferencePrecision::kBfloat16,
                                           InferencePrecision::kInt8));

TEST(ResNetSession, IsNotUsedWithPlainKernels) {
  const KernelsGuard plain(Kernels::kPlain);
  EXPECT_FALSE(ResNetSession::usable(InferencePrecision::kFloat32));
}

TEST(ResNetSession, PrecisionsHaveNames) {
  EXPECT_EQ(parse_inference_precision("int8"), InferencePrecision::kInt8);
  EXPECT_DERI_ERROR(parse_inference_precision("int4"), HasSubstr("'int4' is not one of float32, bfloat16, int8"));
}

}  // namespace
}  // namespace deri
