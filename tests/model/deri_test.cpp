#include "deri/model/deri.hpp"

#include <map>
#include <set>

#include "model/small_model.hpp"
#include "testing/testing.hpp"
#include <ATen/autocast_mode.h>

namespace deri {
namespace {

using namespace deri::testing;
using ::testing::HasSubstr;
using torch::Tensor;

std::map<std::string, Tensor> by_name(const DeriOutputs& out) {
  return {{"rme1", out.rme1},           {"rme2", out.rme2},         {"proj_ecg", out.proj_ecg},
          {"proj_text", out.proj_text}, {"mix_ecg", out.mix_ecg},   {"mix_text", out.mix_text},
          {"dec_ecg", out.dec_ecg},     {"dec_text", out.dec_text}, {"ori_ecg", out.ori_ecg},
          {"ori_text", out.ori_text}};
}

RmeNoise fixed_noise(std::int64_t batch) {
  return {torch::rand({batch, 21}), torch::rand({batch, 21})};
}

void set_autocast(bool on) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  at::autocast::set_autocast_enabled(at::kCPU, on);
#else
  at::autocast::set_cpu_enabled(on);
#endif
}

TEST(Deri, ThousandSamples) {
  torch::manual_seed(1);
  Deri model(small_config("deri"));
  EXPECT_EQ(model.rme_tokens(), 18) << "0.9 of 63 / 3 tokens";
  const DeriOutputs out = model.forward(small_ecg(3), model.encode_text(small_text(3, 10)));
  for (const auto& [name, tensor] : by_name(out)) {
    const bool of_text = name == "dec_text" || name == "ori_text";
    EXPECT_EQ(tensor.sizes(), (std::vector<std::int64_t>{3, of_text ? 24 : 16})) << name;
    EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
  }
  EXPECT_EQ(model.ecg_embedding(small_ecg(1)).sizes(), (std::vector<std::int64_t>{1, 16}));
}

// What is embedded alone is what is embedded in a batch.
TEST(Deri, PaddingChangesNothingWhenMasked) {
  torch::manual_seed(1);
  for (const bool mask_padding : {true, false}) {
    ModelConfig config = small_config("deri");
    config.mask_padding = mask_padding;
    Deri model(config);
    model.eval();
    const torch::NoGradGuard no_grad;
    const Tensor ecg = small_ecg(2);
    const RmeNoise noise = fixed_noise(2);
    const auto longest = by_name(model.forward(ecg, model.encode_text(small_text(2, 6)), noise));
    const auto padded = by_name(model.forward(ecg, model.encode_text(small_text(2, 16)), noise));
    for (const auto& [name, tensor] : longest) {
      const bool sees_pads = !mask_padding && (name == "dec_ecg" || name == "mix_text");
      EXPECT_EQ(torch::allclose(tensor, padded.at(name), 1e-4, 1e-5), !sees_pads)
          << name << (mask_padding ? ", masked" : ", as published");
    }
  }
}

TEST(Deri, BatchOfTwoLearnsEveryWeightButTheUnused) {
  torch::manual_seed(1);
  ModelConfig config = small_config("deri");
  config.interaction_dropout = config.interaction_drop_path = 0;
  const auto model = make_model(config);
  model->train();
  const LossTerms terms = model->losses(small_ecg(2), model->encode_text(small_text(2, 8)), ObjectiveConfig{});
  ASSERT_EQ(terms.size(), 5U);
  total_loss(terms, {}).backward();
  for (const auto& entry : model->named_parameters()) {
    const std::string& name = entry.key();
    const bool unused = name.find("c_proj") != std::string::npos || name.starts_with("ecg_encoder.linear") ||
                        name.starts_with("lm_model.");
    EXPECT_EQ(entry.value().grad().defined(), !unused) << name;
    EXPECT_TRUE(unused || entry.value().grad().isfinite().all().item<bool>()) << name;
  }
}

TEST(Deri, TermsOfWeightZeroAreLeftOut) {
  Deri model(small_config("deri"));
  ObjectiveConfig released;
  released.dec_text = 0;
  std::set<std::string> names;
  for (const auto& [name, value] : model.losses(small_ecg(2), model.encode_text(small_text(2, 8)), released))
    names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"cma", "cma_mix", "uma", "dec_ecg"}));
}

TEST(Deri, RandomnessComesFromTheDefaultGenerator) {
  torch::manual_seed(1);
  Deri model(small_config("deri"));
  const Tensor ecg = small_ecg(2);
  const TextFeatures text = model.encode_text(small_text(2, 8));
  const auto run = [&](std::uint64_t seed) {
    torch::manual_seed(seed);
    return total_loss(model.losses(ecg, text, {}), {}).item<double>();
  };
  const double first = run(5);
  EXPECT_EQ(run(5), first);
  EXPECT_NE(run(6), first);
}

TEST(Deri, NoiseDecidesWhichTokensAreKept) {
  torch::manual_seed(1);
  ModelConfig config = small_config("deri");
  Deri model(config);
  model.eval();
  const torch::NoGradGuard no_grad;
  const Tensor ecg = small_ecg(2);
  const TextFeatures text = model.encode_text(small_text(2, 8));
  RmeNoise noise = fixed_noise(2);
  const DeriOutputs before = model.forward(ecg, text, noise);
  noise.head1 = 1 - noise.head1;
  const DeriOutputs after = model.forward(ecg, text, noise);
  EXPECT_FALSE(torch::allclose(before.rme1, after.rme1, 1e-4, 1e-4));
  EXPECT_TRUE(torch::equal(before.rme2, after.rme2));
  EXPECT_TRUE(torch::equal(before.mix_ecg, after.mix_ecg));
}

TEST(Deri, FrozenTowerStaysInEvaluationMode) {
  const auto model = make_model(small_config("deri"));
  model->train();
  EXPECT_TRUE(model->ecg_encoder().is_training());
  EXPECT_FALSE(model->text_tower().is_training());
  const TextFeatures text = model->encode_text(small_text(2, 8));
  EXPECT_FALSE(text.hidden.requires_grad());
  EXPECT_TRUE(torch::equal(text.hidden, model->encode_text(small_text(2, 8)).hidden));
  for (const Tensor& parameter : model->text_tower().parameters()) EXPECT_FALSE(parameter.requires_grad());
}

TEST(Deri, TrainableTowerLearns) {
  torch::manual_seed(1);
  ModelConfig config = small_config("deri");
  config.text.trainable = true;
  const auto model = make_model(config);
  model->train();
  EXPECT_TRUE(model->text_tower().is_training());
  total_loss(model->losses(small_ecg(2), model->encode_text(small_text(2, 8)), {}), {}).backward();
  for (const auto& entry : model->text_tower().named_parameters())
    EXPECT_TRUE(entry.value().grad().defined()) << entry.key();
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(model->encode_text(small_text(2, 8)).hidden.requires_grad());
}

TEST(Deri, ZeroShotEmbeddingIsTheOneTheConfigurationNames) {
  for (const std::string kind : {"mix", "mix-unnormalised", "aligned"}) {
    torch::manual_seed(1);
    ModelConfig config = small_config("deri");
    config.zero_shot_embedding = kind;
    Deri model(config);
    model.eval();
    const Tensor ecg = small_ecg(2);
    const DeriOutputs out = model.forward(ecg, model.encode_text(small_text(2, 8)));
    const Tensor embedding = model.ecg_embedding(ecg);
    EXPECT_EQ(torch::allclose(embedding, out.mix_ecg, 1e-5, 1e-6), kind == "mix") << kind;
    EXPECT_EQ(torch::allclose(embedding, out.proj_ecg, 1e-5, 1e-6), kind == "aligned") << kind;
  }
}

TEST(Deri, TextEmbeddingIsOfUnitLength) {
  const auto model = make_model(small_config("deri"));
  const Tensor norms = model->text_embedding(model->encode_text(small_text(3, 8))).norm(2, 1);
  EXPECT_TRUE(torch::allclose(norms, torch::ones({3})));
}

TEST(Deri, VitBackbone) {
  torch::manual_seed(1);
  ModelConfig config = small_config("deri");
  config.backbone = "vit_tiny";
  const auto model = make_model(config);
  const Tensor loss = total_loss(model->losses(small_ecg(2), model->encode_text(small_text(2, 8)), {}), {});
  loss.backward();
  EXPECT_TRUE(model->named_parameters()["ecg_encoder.pos_embedding"].grad().isfinite().all().item<bool>());
}

// Mixed precision as the trainer uses it.
TEST(Deri, AutocastToBfloat16StaysClose) {
  torch::manual_seed(1);
  ModelConfig config = small_config("deri");
  config.interaction_dropout = config.interaction_drop_path = 0;
  config.text.trainable = true;
  config.text.dropout = 0;
  Deri model(config);
  const Tensor ecg = small_ecg(4);
  const RmeNoise noise = fixed_noise(4);
  const auto loss = [&] {
    return total_loss(deri_losses(model.forward(ecg, model.encode_text(small_text(4, 8)), noise), {}), {});
  };
  const double exact = loss().item<double>();
  set_autocast(true);
  const Tensor rounded = loss();
  set_autocast(false);
  at::autocast::clear_cache();
  EXPECT_EQ(rounded.scalar_type(), torch::kFloat32);
  EXPECT_NE(rounded.item<double>(), exact);
  EXPECT_NEAR(rounded.item<double>(), exact, 0.05 * exact);
  rounded.backward();
  for (const auto& entry : model.named_parameters())
    EXPECT_TRUE(!entry.value().grad().defined() || entry.value().grad().isfinite().all().item<bool>()) << entry.key();
}

TEST(Deri, RefusesWhatCannotBeBuilt) {
  ModelConfig config = small_config("deri");
  config.rme_keep = 0.01;
  EXPECT_DERI_ERROR(make_model(config), HasSubstr("rme_keep"));
  config = small_config("deri");
  config.backbone = "vit_tiny";
  config.input.seconds = 0.1;
  EXPECT_DERI_ERROR(make_model(config), HasSubstr("at least 50 samples"));
  config = small_config("derri");
  EXPECT_DERI_ERROR(make_model(config), HasSubstr("did you mean \"deri\""));
}

}  // namespace
}  // namespace deri
