// Minimal filtering against the plain sums of a convolution in float64, and as BlockedConvolution's other method.

#include "deri/nn/winograd_convolution.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "deri/nn/blocked_convolution.hpp"
#include "deri/nn/blocked_rows.hpp"

namespace deri {
namespace {

constexpr std::size_t kWidth = 16;

// Plain values [records][channels][length], that the type holds exactly, and the same in blocks.
struct Signal {
  std::size_t records, channels, length;
  std::vector<double> plain;
  std::vector<float> single;
  std::vector<BFloat16> half;

  Signal(std::size_t records_, std::size_t channels_, std::size_t length_)
      : records(records_),
        channels(channels_),
        length(length_),
        plain(records * channels * length),
        single(plain.size()),
        half(plain.size()) {}

  double& at(std::size_t record, std::size_t channel, std::size_t t) {
    return plain[(record * channels + channel) * length + t];
  }
  double at(std::size_t record, std::size_t channel, std::ptrdiff_t t) const {
    if (t < 0 || t >= static_cast<std::ptrdiff_t>(length)) return 0;
    return plain[(record * channels + channel) * length + static_cast<std::size_t>(t)];
  }
  std::size_t blocked(std::size_t record, std::size_t channel, std::size_t t) const {
    return ((record * channels + channel / kWidth * kWidth) * length) + t * kWidth + channel % kWidth;
  }
  void* data(bool bfloat16) { return bfloat16 ? static_cast<void*>(half.data()) : single.data(); }
  void* record_data(std::size_t record, bool bfloat16) {
    const std::size_t offset = record * channels * length;
    return bfloat16 ? static_cast<void*>(half.data() + offset) : single.data() + offset;
  }

  void for_each(const std::function<void(double& value, std::size_t blocked)>& body) {
    for (std::size_t r = 0; r < records; ++r)
      for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t t = 0; t < length; ++t) body(at(r, c, t), blocked(r, c, t));
  }
  // Eight bits, so that both types have the same values.
  void fill(std::mt19937& random) {
    std::normal_distribution<double> normal;
    for_each([&](double& value, std::size_t i) {
      const double scale = std::exp2(std::ilogb(value = normal(random)) - 7);
      value = std::round(value / scale) * scale;
      single[i] = static_cast<float>(value);
      half[i].bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(single[i]) >> 16);
    });
  }
  void read_back(bool bfloat16) {
    for_each([&](double& value, std::size_t i) {
      value = bfloat16 ? std::bit_cast<float>(static_cast<std::uint32_t>(half[i].bits) << 16) : single[i];
    });
  }
};

double relative_distance(const std::vector<double>& x, const std::vector<double>& expected) {
  double distance = 0, size = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    distance += (x[i] - expected[i]) * (x[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(distance / size);
}

// The three sums of a convolution y[o][t] = sum of w[o][i][k] x[i][t + k - 1], weights [out][in][3].
struct Exact {
  std::size_t in, out;
  const std::vector<float>& weights;

  double weight(std::size_t o, std::size_t i, std::size_t k) const { return weights[(o * in + i) * 3 + k]; }

  Signal forward(const Signal& x) const {
    Signal y(x.records, out, x.length);
    for_each_product(x.records, x.length,
                     [&](std::size_t r, std::size_t o, std::size_t i, std::size_t k, std::size_t t) {
                       y.at(r, o, t) += weight(o, i, k) * x.at(r, i, shifted(t, k));
                     });
    return y;
  }
  Signal backward_data(const Signal& y) const {
    Signal x(y.records, in, y.length);
    for_each_product(y.records, y.length,
                     [&](std::size_t r, std::size_t o, std::size_t i, std::size_t k, std::size_t t) {
                       x.at(r, i, t) += weight(o, i, k) * y.at(r, o, shifted(t, 2 - k));
                     });
    return x;
  }
  std::vector<double> backward_weights(const Signal& x, const Signal& y) const {
    std::vector<double> gradient(in * out * 3);
    for_each_product(
        y.records, y.length, [&](std::size_t r, std::size_t o, std::size_t i, std::size_t k, std::size_t t) {
          gradient[(o * in + i) * 3 + k] += y.at(r, o, static_cast<std::ptrdiff_t>(t)) * x.at(r, i, shifted(t, k));
        });
    return gradient;
  }

 private:
  static std::ptrdiff_t shifted(std::size_t t, std::size_t k) {
    return static_cast<std::ptrdiff_t>(t) + static_cast<std::ptrdiff_t>(k) - 1;
  }
  template <typename Body>
  void for_each_product(std::size_t records, std::size_t length, const Body& body) const {
    for (std::size_t r = 0; r < records; ++r)
      for (std::size_t o = 0; o < out; ++o)
        for (std::size_t i = 0; i < in; ++i)
          for (std::size_t k = 0; k < 3; ++k)
            for (std::size_t t = 0; t < length; ++t) body(r, o, i, k, t);
  }
};

std::vector<float> random_weights(std::size_t in, std::size_t out, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> weights(in * out * 3);
  for (float& weight : weights) weight = normal(random);
  return weights;
}

struct Scratch {
  explicit Scratch(std::size_t bytes) : memory(std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {}
  ~Scratch() { std::free(memory); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* memory;
};

struct Method {
  const char* name;
  bool bfloat16;
  int outputs;
  double error;  // of a result, relative to its size
};

void PrintTo(const Method& method, std::ostream* out) {
  *out << method.name;
}

class Winograd : public ::testing::TestWithParam<Method> {
 protected:
  void SetUp() override {
    if (!WinogradConvolution::available(32, 32, GetParam().bfloat16)) GTEST_SKIP() << "not on this machine";
  }

  void check(std::size_t in, std::size_t out, std::size_t length, std::size_t records) {
    SCOPED_TRACE(::testing::Message() << in << " -> " << out << " x " << length << ", " << records << " records");
    const auto& [name, bfloat16, outputs, error] = GetParam();
    std::mt19937 random(static_cast<unsigned>(length));
    const std::vector<float> weights = random_weights(in, out, random);
    const Exact exact{in, out, weights};
    Signal x(records, in, length), y(records, out, length), result(records, out, length), back(records, in, length);
    x.fill(random);
    y.fill(random);

    WinogradConvolution convolution(static_cast<std::int64_t>(in), static_cast<std::int64_t>(out),
                                    static_cast<std::int64_t>(length), bfloat16, outputs);
    convolution.set_weights(weights.data(), /*for_backward=*/true);
    const Scratch scratch(convolution.scratch_bytes());
    for (std::size_t r = 0; r < records; ++r) {
      convolution.forward(x.record_data(r, bfloat16), result.record_data(r, bfloat16), scratch.memory);
      convolution.backward_data(y.record_data(r, bfloat16), back.record_data(r, bfloat16), scratch.memory);
    }
    result.read_back(bfloat16);
    back.read_back(bfloat16);
    EXPECT_LT(relative_distance(result.plain, exact.forward(x).plain), error);
    EXPECT_LT(relative_distance(back.plain, exact.backward_data(y).plain), error);

    std::vector<float> gradient(convolution.weight_gradient_values()), plain(weights.size());
    // The first record, and the others added.
    convolution.backward_weights(x.data(bfloat16), y.data(bfloat16), 1, /*add=*/false, gradient.data(), scratch.memory);
    if (records > 1)
      convolution.backward_weights(x.record_data(1, bfloat16), y.record_data(1, bfloat16),
                                   static_cast<std::int64_t>(records) - 1, /*add=*/true, gradient.data(),
                                   scratch.memory);
    convolution.unpack_weight_gradient(gradient.data(), plain.data());
    EXPECT_LT(relative_distance({plain.begin(), plain.end()}, exact.backward_weights(x, y)), error);
  }
};

TEST_P(Winograd, EqualsThePlainSumsForEveryLength) {
  for (const std::size_t length : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33, 64, 101}) check(32, 64, length, 3);
}

// More channels than are multiplied at once, and numbers that do not divide evenly.
TEST_P(Winograd, EqualsThePlainSumsForManyChannels) {
  check(160, 32, 37, 2);
  check(32, 160, 38, 1);
  check(288, 96, 10, 1);
}

// More time steps than are transformed at once.
TEST_P(Winograd, EqualsThePlainSumsForLongRecords) {
  check(32, 32, 1501, 3);
}

// Bias, sum and ReLU, by several threads, with the weights of another convolution: as one after the other.
TEST_P(Winograd, EndsAndSpreadsOverThreads) {
  const auto& [name, bfloat16, outputs, error] = GetParam();
  constexpr std::size_t kIn = 64, kOut = 96;
  for (const std::size_t length : {1, 33, 641, 2500}) {
    std::mt19937 random(5);
    const std::vector<float> weights = random_weights(kIn, kOut, random), bias = random_weights(kOut, 1, random);
    Signal x(1, kIn, length), y(1, kOut, length), sum(1, kOut, length);
    x.fill(random);
    sum.fill(random);
    WinogradConvolution owner(kIn, kOut, static_cast<std::int64_t>(length), bfloat16, outputs);
    owner.set_weights(weights.data(), /*for_backward=*/false);
    const Signal convolved = Exact{kIn, kOut, weights}.forward(x);
    for (const int threads : {1, 2, 3, 5}) {
      WinogradConvolution convolution(kIn, kOut, static_cast<std::int64_t>(length), bfloat16, outputs, threads);
      convolution.share_weights(owner);
      const Scratch scratch(convolution.scratch_bytes());
      y = sum;  // in place
      convolution.forward(x.data(bfloat16), y.data(bfloat16), scratch.memory,
                          {.bias = bias.data(), .sum = y.data(bfloat16), .relu = true});
      y.read_back(bfloat16);
      std::vector<double> expected;
      for (std::size_t c = 0; c < kOut; ++c)
        for (std::size_t t = 0; t < length; ++t)
          expected.push_back(std::max(0.0, convolved.plain[c * length + t] + bias[c] + sum.plain[c * length + t]));
      EXPECT_LT(relative_distance(y.plain, expected), error) << length << " steps, " << threads << " threads";
    }
  }
}

TEST(WinogradChannels, AreWholePanels) {
  EXPECT_FALSE(WinogradConvolution::available(16, 64, false));
  EXPECT_FALSE(WinogradConvolution::available(64, 48, false));
}

INSTANTIATE_TEST_SUITE_P(Methods, Winograd,
                         ::testing::Values(Method{"float32", false, 4, 1e-6}, Method{"bfloat16_of_two", true, 2, 6e-3},
                                           Method{"bfloat16_of_four", true, 4, 9e-3}),
                         [](const auto& method) { return method.param.name; });

struct Shape {
  std::int64_t in, out, kernel, stride, length;
};

// Callers of BlockedConvolution see nothing of its method, whatever the shape allows.
class BlockedConvolutionMethods : public ::testing::TestWithParam<Shape> {
 protected:
  struct Result {
    std::vector<double> y, x_gradient, weight_gradient;
  };

  static Result run(ConvolutionMethod method, bool bfloat16) {
    constexpr std::size_t kRecords = 2;
    const auto& [in, out, kernel, stride, length] = GetParam();
    BlockedConvolution convolution({in, out, kernel, stride, length}, bfloat16, method);
    const auto out_length = static_cast<std::size_t>(convolution.out_length());
    std::mt19937 random(2);
    std::vector<float> weights(static_cast<std::size_t>(in * out * kernel));
    std::normal_distribution<float> normal;
    for (float& weight : weights) weight = normal(random);
    Signal x(kRecords, static_cast<std::size_t>(in), static_cast<std::size_t>(length)), x_gradient(x);
    Signal y(kRecords, static_cast<std::size_t>(out), out_length), y_gradient(y);
    x.fill(random);
    y_gradient.fill(random);
    convolution.set_weights(weights.data(), /*for_backward=*/true);
    convolution.prepare_backward();
    ConvolutionScratch scratch;
    for (std::size_t r = 0; r < kRecords; ++r) {
      convolution.forward(x.record_data(r, bfloat16), y.record_data(r, bfloat16), scratch);
      convolution.backward_data(y_gradient.record_data(r, bfloat16), x_gradient.record_data(r, bfloat16), scratch);
    }
    y.read_back(bfloat16);
    x_gradient.read_back(bfloat16);
    std::vector<float> gradient(convolution.weight_gradient_values()), plain(weights.size());
    for (std::size_t r = 0; r < kRecords; ++r)
      convolution.backward_weights(x.record_data(r, bfloat16), y_gradient.record_data(r, bfloat16), 1, /*add=*/r > 0,
                                   gradient.data(), scratch);
    convolution.unpack_weight_gradient(gradient.data(), plain.data());
    return {y.plain, x_gradient.plain, {plain.begin(), plain.end()}};
  }

  static void compare(bool bfloat16, double error) {
    const Result direct = run(ConvolutionMethod::kDirect, bfloat16);
    for (const ConvolutionMethod method : {ConvolutionMethod::kFastest, ConvolutionMethod::kWinograd}) {
      const Result other = run(method, bfloat16);
      EXPECT_LT(relative_distance(other.y, direct.y), error);
      EXPECT_LT(relative_distance(other.x_gradient, direct.x_gradient), error);
      EXPECT_LT(relative_distance(other.weight_gradient, direct.weight_gradient), error);
    }
  }
};

TEST_P(BlockedConvolutionMethods, AgreeInFloat32) {
  if (BlockedConvolution::block_width() != 16) GTEST_SKIP() << "without oneDNN, or not on this machine";
  compare(false, 2e-6);
}

TEST_P(BlockedConvolutionMethods, AgreeInBfloat16) {
  if (BlockedConvolution::block_width() != 16) GTEST_SKIP() << "without oneDNN, or not on this machine";
  compare(true, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Shapes, BlockedConvolutionMethods,
                         ::testing::Values(Shape{64, 64, 3, 1, 1100}, Shape{64, 64, 3, 1, 101},
                                           Shape{128, 256, 3, 1, 63}, Shape{48, 64, 3, 1, 50}, Shape{64, 128, 3, 2, 51},
                                           Shape{64, 64, 1, 1, 40}));

}  // namespace
}  // namespace deri
