#include "parity/fixture.hpp"

#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "deri/base/random.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

double unit(std::uint64_t seed, std::uint64_t index) {
  return static_cast<double>(splitmix64(seed + (index + 1) * kGolden) >> 40) / 16777216.0;
}

// The value of one element out of its u, by the tensor's name and shape.
std::function<double(double)> rule_of(const std::string& name, const Tensor& tensor) {
  if (name.ends_with("num_batches_tracked")) return [](double) { return 0.0; };
  if (name.ends_with("running_var")) return [](double u) { return 0.5 + u; };
  if (name.ends_with("running_mean")) return [](double u) { return 0.2 * (u - 0.5); };
  if (name.ends_with("bias")) return [](double u) { return 0.1 * (u - 0.5); };
  if (name.find("embedding") != std::string::npos) return [](double u) { return 0.2 * (u - 0.5); };
  if (tensor.dim() <= 1) return [](double u) { return 0.8 + 0.4 * u; };
  const double fan_in = static_cast<double>(tensor.numel() / tensor.size(0));
  return [scale = 2 * std::sqrt(3 / fan_in)](double u) { return scale * (u - 0.5); };
}

std::set<std::string> keys_of(const Json& object) {
  std::set<std::string> keys;
  for (const auto& entry : object.items()) keys.insert(entry.key());
  return keys;
}

}  // namespace

Json load_figures(const std::string& file) {
  return load_json(parity_dir() / file);
}

Tensor uniform_by_rule(std::string_view name, const std::vector<std::int64_t>& shape) {
  const Tensor values = torch::empty(shape);
  const std::uint64_t seed = fnv1a(name);
  auto* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i)
    data[i] = static_cast<float>(unit(seed, static_cast<std::uint64_t>(i)));
  return values;
}

void fill_by_rule(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& entry : state_dict(module)) {
    Tensor tensor = entry.value();
    if (tensor.scalar_type() == torch::kInt64) {
      tensor.zero_();
      continue;
    }
    DERI_CHECK(tensor.is_contiguous());
    const auto rule = rule_of(entry.key(), tensor);
    const std::uint64_t seed = fnv1a(entry.key());
    auto* data = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      data[i] = static_cast<float>(rule(unit(seed, static_cast<std::uint64_t>(i))));
  }
}

torch::OrderedDict<std::string, Tensor> state_dict(const torch::nn::Module& module) {
  torch::OrderedDict<std::string, Tensor> all = module.named_parameters();
  all.update(module.named_buffers());
  return all;
}

void expect_state_dict(const torch::nn::Module& module, const Json& expected) {
  std::set<std::string> names;
  for (const auto& entry : state_dict(module)) {
    names.insert(entry.key());
    if (!expected.contains(entry.key())) continue;
    EXPECT_EQ(entry.value().sizes().vec(), expected[entry.key()].get<std::vector<std::int64_t>>()) << entry.key();
  }
  EXPECT_EQ(names, keys_of(expected));
}

ModelConfig figures_config(const std::string& kind, const Json& figures) {
  ModelConfig config;
  config.zero_shot_embedding = "mix-unnormalised";
  config.kind = kind;
  config.downconv_stride = kind == "merl" ? 1 : 3;
  config.interaction_dropout = config.interaction_drop_path = config.view_dropout = 0;
  config.mask_padding = false;
  config.text.layers = 0;
  for (const auto& entry : figures["state_dict"].items())
    if (entry.key().ends_with("attention.self.query.weight")) ++config.text.layers;
  return config;
}

Tensor figures_ecg(std::int64_t batch) {
  return uniform_by_rule("input.ecg", {batch, 12, 5000});
}

TextInput figures_text(const Json& figures) {
  constexpr std::int64_t kTokens = 256, kCls = 2, kSep = 3;
  const auto lengths = figures["token_lengths"].get<std::vector<std::int64_t>>();
  const auto batch = static_cast<std::int64_t>(lengths.size());
  TextInput text{torch::zeros({batch, kTokens}, torch::kInt64), torch::zeros({batch, kTokens}, torch::kBool)};
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    const Tensor u = uniform_by_rule("input.ids." + std::to_string(b), {kTokens});
    text.ids[b].slice(0, 0, length) =
        (u.to(torch::kFloat64) * 29000).floor().to(torch::kInt64).slice(0, 0, length) + 1000;
    text.ids[b][0] = kCls;
    text.ids[b][length - 1] = kSep;
    text.mask[b].slice(0, 0, length) = true;
  }
  return text;
}

void expect_close(const Tensor& actual, const Json& expected, double tolerance, const std::string& what) {
  const auto numbers = expected.get<std::vector<double>>();
  const auto count = static_cast<std::int64_t>(numbers.size());
  ASSERT_EQ(actual.numel(), count) << what;
  const Tensor wanted = torch::tensor(numbers, torch::kFloat64);
  const Tensor found = actual.detach().to(torch::kFloat64).reshape({-1});
  const Tensor allowed = tolerance * (wanted.abs() + wanted.square().mean().sqrt());
  const Tensor excess = (found - wanted).abs() / allowed;
  const std::int64_t worst = excess.argmax().item<std::int64_t>();
  // Written so that NaN fails.
  EXPECT_TRUE(excess[worst].item<double>() <= 1)
      << what << " [" << worst << "]: " << found[worst].item<double>() << " where " << wanted[worst].item<double>()
      << " is expected, " << excess[worst].item<double>() << " times the tolerance";
}

void expect_relative(double actual, double expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(actual, expected, tolerance * std::abs(expected)) << what;
}

void expect_losses(const LossTerms& terms, const Json& expected, double tolerance) {
  std::set<std::string> names;
  for (const auto& [name, value] : terms) {
    names.insert(name);
    if (expected.contains(name)) expect_relative(value.item<double>(), expected[name].get<double>(), tolerance, name);
  }
  EXPECT_EQ(names, keys_of(expected));
}

void expect_gradients(const torch::nn::Module& module, const Json& expected, double norm_tolerance,
                      double element_tolerance) {
  std::set<std::string> names;
  for (const auto& entry : module.named_parameters()) {
    const Tensor gradient = entry.value().grad();
    if (!gradient.defined()) continue;
    names.insert(entry.key());
    if (!expected.contains(entry.key())) continue;
    const auto figures = expected[entry.key()].get<std::vector<double>>();
    const Tensor flat = gradient.to(torch::kFloat64).reshape({-1});
    expect_relative(flat.norm().item<double>(), figures[0], norm_tolerance, "norm of " + entry.key());
    const double typical = figures[0] / std::sqrt(static_cast<double>(flat.numel()));
    EXPECT_NEAR(flat[0].item<double>(), figures[1], element_tolerance * (std::abs(figures[1]) + typical))
        << "first of " << entry.key();
    EXPECT_NEAR(flat[-1].item<double>(), figures[2], element_tolerance * (std::abs(figures[2]) + typical))
        << "last of " << entry.key();
  }
  EXPECT_EQ(names, keys_of(expected));
}

}  // namespace deri::testing
