#include "deri/model/report_writer.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/small_writer.hpp"
#include "testing/testing.hpp"

#include "deri/model/weights.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using torch::Tensor;
using Shape = std::vector<std::int64_t>;

const std::vector<std::string> kDecoderKinds = {"gpt2", "relational"};

// Its text tower could be trained: what keeps it still is the writer.
std::shared_ptr<EcgTextModel> small_encoder(const std::string& kind) {
  ModelConfig config = testing::small_config(kind);
  config.text.trainable = true;
  torch::manual_seed(12);
  return make_model(config);
}

ReportWriterConfig writer_reading(const std::string& memory, const std::string& encoding) {
  ReportWriterConfig config = testing::small_writer_config("gpt2");
  config.memory = memory;
  config.encoding = encoding;
  return config;
}

std::shared_ptr<ReportWriter> decisive_writer(const ReportWriterConfig& config) {
  auto writer = std::make_shared<ReportWriter>(config, small_encoder("deri"));
  testing::make_decisive(writer->decoder(), 3);
  testing::make_decisive(*writer->head(), 4);
  writer->eval();
  return writer;
}

// Reports of 5 and 6 tokens, padded to `tokens` with `pad`.
TextInput two_reports(std::int64_t tokens, std::int64_t pad = 0) {
  TextInput text = testing::small_text(2, tokens);
  text.ids = torch::where(text.mask, text.ids % 30, torch::full_like(text.ids, pad));
  return text;
}

// -sum of log p(token) / number of predicted tokens, of what the decoder makes of `read`.
double loss_by_hand(ReportWriter& writer, const TextInput& text, const Tensor& encoded, const Tensor& read) {
  const Tensor logits = writer.decoder().forward(read, text.mask, writer.memory(encoded));
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t b = 0; b < text.ids.size(0); ++b)
    for (std::int64_t t = 1; t < text.ids.size(1); ++t) {
      if (!text.mask[b][t].item<bool>()) continue;
      const Tensor guess = logits[b][t - 1].to(torch::kFloat64);
      sum -= (guess[text.ids[b][t].item<std::int64_t>()] - guess.logsumexp(0)).item<double>();
      ++count;
    }
  return sum / static_cast<double>(count);
}

std::map<std::string, Tensor> state_of(const torch::nn::Module& module) {
  std::map<std::string, Tensor> state;
  for (const auto& [name, tensor] : module_tensors(module)) state[name] = tensor.detach().clone();
  return state;
}

// Names of the tensors in which two states of a module differ.
std::vector<std::string> changed(const std::map<std::string, Tensor>& before, const torch::nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : module_tensors(module))
    if (!torch::equal(tensor, before.at(name))) names.push_back(name);
  return names;
}

// One step of training without the step: loss of two reports, and its gradients.
void train_on_two_reports(ReportWriter& writer) {
  writer.train();
  const TextInput text = two_reports(8);
  torch::manual_seed(6);
  writer.loss(text.ids, text.mask, writer.encode(testing::small_ecg(2))).backward();
}

bool has_gradient(const Tensor& parameter) {
  return parameter.grad().defined() && parameter.grad().abs().max().item<double>() > 0;
}

bool any_gradient(const torch::nn::Module& module) {
  for (const Tensor& parameter : module.parameters())
    if (parameter.grad().defined()) return true;
  return false;
}

// ---- What is read of an ECG

// 1000 samples become 63 tokens of 512 features in ResNet-18, and 21 behind the down-convolution.
TEST(ReportWriter, ReadsOneVectorOrOneForEveryToken) {
  const Tensor ecg = testing::small_ecg(2);
  const std::map<std::string, Shape> token_shapes = {
      {"aligned", {2, 21, 16}}, {"mix", {2, 21, 16}}, {"encoder", {2, 63, 512}}};
  std::map<std::string, Tensor> pooled;
  for (const auto& [encoding, shape] : token_shapes) {
    SCOPED_TRACE(encoding);
    const auto tokens_writer = decisive_writer(writer_reading("tokens", encoding));
    const auto pooled_writer = decisive_writer(writer_reading("pooled", encoding));
    const Tensor tokens = tokens_writer->encode(ecg);
    pooled[encoding] = pooled_writer->encode(ecg);
    EXPECT_EQ(tokens.sizes(), shape);
    EXPECT_EQ(pooled[encoding].sizes(), (Shape{2, 1, shape[2]}));
    EXPECT_TRUE(torch::allclose(pooled[encoding], tokens.mean(1, true), 1e-4, 1e-5));
    EXPECT_EQ(tokens_writer->memory(tokens).sizes(), (Shape{2, shape[1], 16}));
    EXPECT_EQ(pooled_writer->memory(pooled[encoding]).sizes(), (Shape{2, 1, 16}));
  }
  EXPECT_FALSE(torch::allclose(pooled["aligned"], pooled["mix"], 1e-2, 1e-3));
  const auto encoder = small_encoder("deri");
  encoder->eval();
  EXPECT_TRUE(torch::allclose(pooled["mix"].squeeze(1), encoder->ecg_view(ecg, parse_view("mix")), 1e-4, 1e-5));
}

TEST(ReportWriter, TheZeroShotViewHasNoTokens) {
  EXPECT_DERI_ERROR(small_encoder("deri")->ecg_token_view(testing::small_ecg(1), EcgView::kZeroShot),
                    AllOf(HasSubstr("zero-shot"), HasSubstr("aligned, mix or encoder")));
}

TEST(ReportWriter, OfMerlReadsWhatMerlHas) {
  const auto build = [](const char* memory, const char* encoding) {
    return std::make_shared<ReportWriter>(writer_reading(memory, encoding), small_encoder("merl"));
  };
  const Tensor ecg = testing::small_ecg(2);
  EXPECT_EQ(build("pooled", "aligned")->encode(ecg).sizes(), (Shape{2, 1, 16}));
  EXPECT_EQ(build("pooled", "encoder")->encode(ecg).sizes(), (Shape{2, 1, 512}));
  EXPECT_EQ(build("tokens", "encoder")->encode(ecg).sizes(), (Shape{2, 63, 512}));
  EXPECT_DERI_ERROR(build("pooled", "mix"), AllOf(HasSubstr("MERL"), HasSubstr("mix")));
  EXPECT_DERI_ERROR(build("tokens", "mix"), AllOf(HasSubstr("MERL"), HasSubstr("mix")));
  EXPECT_DERI_ERROR(build("tokens", "aligned"),
                    AllOf(HasSubstr("MERL"), HasSubstr("aligned view has no tokens"), HasSubstr("encoder")));
}

TEST(ReportWriter, RefusesAConfigurationThatMakesNoSense) {
  ReportWriterConfig config = testing::small_writer_config("gpt2");
  config.max_tokens = 25;
  EXPECT_DERI_ERROR(ReportWriter(config, small_encoder("deri")), HasSubstr("max_tokens is 25"));
}

// ---- What learns

TEST(ReportWriter, AFrozenEncoderStaysAsItIs) {
  for (const std::string& kind : kDecoderKinds) {
    SCOPED_TRACE(kind);
    ReportWriter writer(testing::small_writer_config(kind), small_encoder("deri"));
    const auto before = state_of(writer.encoder());
    EXPECT_FALSE(writer.encode(testing::small_ecg(2)).requires_grad());
    train_on_two_reports(writer);
    EXPECT_TRUE(writer.is_training());
    EXPECT_TRUE(writer.decoder().is_training());
    for (const auto& module : writer.encoder().modules()) EXPECT_FALSE(module->is_training());
    EXPECT_FALSE(any_gradient(writer.encoder()));
    EXPECT_THAT(changed(before, writer.encoder()), ::testing::IsEmpty());  // batch-norm's statistics neither
    EXPECT_TRUE(has_gradient(writer.head()->weight));
    for (const auto& parameter : writer.decoder().named_parameters())
      EXPECT_TRUE(parameter.value().grad().defined()) << parameter.key();
  }
}

TEST(ReportWriter, AnEncoderThatIsTrainedLearnsButNotItsTextTower) {
  for (const std::string& kind : kDecoderKinds) {
    SCOPED_TRACE(kind);
    ReportWriterConfig config = testing::small_writer_config(kind);
    config.train_encoder = true;
    ReportWriter writer(config, small_encoder("deri"));
    const auto before = state_of(writer.encoder());
    train_on_two_reports(writer);
    EXPECT_TRUE(writer.encoder().is_training());
    EXPECT_TRUE(writer.encoder().ecg_encoder().is_training());
    for (const auto& module : writer.encoder().text_tower().modules()) EXPECT_FALSE(module->is_training());
    for (const auto& parameter : writer.encoder().ecg_encoder().named_parameters())
      EXPECT_NE(has_gradient(parameter.value()), parameter.key().starts_with("linear."))  // ResNet's unused classifier
          << parameter.key();
    EXPECT_FALSE(any_gradient(writer.encoder().text_tower()));
    for (const Tensor& parameter : writer.encoder().text_tower().parameters()) EXPECT_FALSE(parameter.requires_grad());
    EXPECT_THAT(changed(before, writer.encoder()), ::testing::Contains(HasSubstr("running_mean")));
    writer.eval();
    EXPECT_FALSE(writer.encoder().is_training());
  }
}

// Two writers may be made of one encoder, one after the other.
TEST(ReportWriter, TheLastWriterOfAnEncoderDecidesWhetherItLearns) {
  const auto encoder = small_encoder("deri");
  ReportWriterConfig config = testing::small_writer_config("gpt2");
  const ReportWriter frozen(config, encoder);
  config.train_encoder = true;
  ReportWriter trained(config, encoder);
  EXPECT_TRUE(trained.encode(testing::small_ecg(1)).requires_grad());
}

// ---- The loss

TEST(ReportWriter, PadsDoNotCount) {
  for (const std::string& kind : kDecoderKinds) {
    SCOPED_TRACE(kind);
    const auto writer = decisive_writer(testing::small_writer_config(kind));
    const torch::NoGradGuard no_grad;
    const Tensor encoded = writer->encode(testing::small_ecg(2));
    const auto loss_of = [&](const TextInput& text) {
      return writer->loss(text.ids, text.mask, encoded).item<double>();
    };
    const double loss = loss_of(two_reports(6));
    EXPECT_NEAR(loss, loss_by_hand(*writer, two_reports(6), encoded, two_reports(6).ids), 1e-4);
    EXPECT_NEAR(loss_of(two_reports(11)), loss, 1e-4);
    EXPECT_NEAR(loss_of(two_reports(11, 7)), loss, 1e-4);
  }
}

TEST(ReportWriter, HiddenTokensAreNotReadButStillWritten) {
  for (const std::string& kind : kDecoderKinds) {
    SCOPED_TRACE(kind);
    const auto writer = decisive_writer(testing::small_writer_config(kind));
    const torch::NoGradGuard no_grad;
    const Tensor encoded = writer->encode(testing::small_ecg(2));
    const TextInput text = two_reports(6);
    Tensor read = text.ids.clone();
    read[0][2] = 0;
    read[1][4] = 0;
    const double loss = writer->loss(text.ids, text.mask, encoded, read).item<double>();
    EXPECT_NEAR(loss, loss_by_hand(*writer, text, encoded, read), 1e-4);
    EXPECT_GT(std::abs(loss - writer->loss(text.ids, text.mask, encoded).item<double>()), 1e-3);
    EXPECT_GT(std::abs(loss - writer->loss(read, text.mask, encoded).item<double>()), 1e-3);
  }
}

TEST(ReportWriter, WhatItWritesDependsOnTheEcg) {
  for (const std::string& kind : kDecoderKinds)
    for (const char* memory : {"pooled", "tokens"}) {
      SCOPED_TRACE(kind + " " + memory);
      ReportWriterConfig config = testing::small_writer_config(kind);
      config.memory = memory;
      const auto writer = decisive_writer(config);
      const torch::NoGradGuard no_grad;
      torch::manual_seed(2);
      const TextInput text = two_reports(6);
      const Tensor encoded = torch::randn({2, 4, 16});
      const double loss = writer->loss(text.ids, text.mask, encoded).item<double>();
      EXPECT_GT(std::abs(writer->loss(text.ids, text.mask, encoded.flip(0)).item<double>() - loss), 1e-3);
      EXPECT_GT(std::abs(writer->loss(text.ids, text.mask, -encoded).item<double>() - loss), 1e-3);
    }
}

// ---- Half the bytes

TEST(ReportWriter, InBfloat16ItWritesAlmostTheSame) {
  for (const std::string& kind : kDecoderKinds) {
    SCOPED_TRACE(kind);
    const auto writer = decisive_writer(testing::small_writer_config(kind));
    const torch::NoGradGuard no_grad;
    torch::manual_seed(2);
    const TextInput text = two_reports(6);
    const Tensor encoded = writer->encode(torch::randn({2, 12, 1000}));
    const auto logits = [&] { return writer->decoder().forward(text.ids, text.mask, writer->memory(encoded)); };
    const Tensor exact = logits();
    writer->write_in_bfloat16();
    const Tensor rounded = logits();
    EXPECT_EQ(rounded.scalar_type(), torch::kBFloat16);
    EXPECT_EQ(writer->encode(testing::small_ecg(1)).scalar_type(), torch::kFloat32);
    // bfloat16 has 8 bits: errors of percents of the spread, which grow from layer to layer.
    const Tensor seen = text.mask.unsqueeze(2);
    const Tensor error = ((rounded.to(torch::kFloat32) - exact) * seen).abs();
    EXPECT_LT(error.mean().item<double>(), 0.02 * exact.std().item<double>());
    EXPECT_LT(error.max().item<double>(), 0.2 * exact.std().item<double>());
    EXPECT_GT(error.max().item<double>(), 0);
    DecoderState state = writer->decoder().start(writer->memory(encoded), 1);
    const Tensor first = writer->decoder().step(text.ids.select(1, 0), state).to(torch::kFloat32);
    EXPECT_LT((first - exact.select(1, 0)).abs().mean().item<double>(), 0.02 * exact.std().item<double>());
  }
}

}  // namespace
}  // namespace deri
