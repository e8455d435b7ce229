// GPT-2 with cross-attention against gpt2_parity.json (HuggingFace transformers): logits, loss, gradients, greedy and
// beam-search texts.

#include "deri/nn/gpt2.hpp"

#include <cmath>

#include "parity/fixture.hpp"

#include "deri/nn/decoding.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

constexpr std::int64_t kRecords = 3, kTokens = 17, kMemory = 5, kWidth = 96;

class Gpt2Parity : public ::testing::Test {
 protected:
  void SetUp() override {
    figures_ = load_figures("gpt2_parity.json");
    const Json& config = figures_["config"];
    network_ = std::make_shared<Gpt2>(Gpt2Options{.vocabulary = config["vocab_size"].get<std::int64_t>(),
                                                  .positions = config["n_positions"].get<std::int64_t>(),
                                                  .width = kWidth,
                                                  .layers = config["n_layer"].get<std::int64_t>(),
                                                  .heads = config["n_head"].get<std::int64_t>()});
    fill_as_figures(*network_);
    network_->eval();
    ids_ = torch::zeros({kRecords, kTokens}, torch::kInt64);
    mask_ = torch::zeros({kRecords, kTokens}, torch::kBool);
    for (std::int64_t b = 0; b < kRecords; ++b)
      for (std::int64_t t = 0; t < kTokens; ++t) {
        ids_[b][t] =
            figures_["ids"].at(static_cast<std::size_t>(b)).at(static_cast<std::size_t>(t)).get<std::int64_t>();
        mask_[b][t] = figures_["attention_mask"].at(static_cast<std::size_t>(b)).at(static_cast<std::size_t>(t)) == 1;
      }
    memory_ = 2 * (uniform_by_rule("gpt2.encoder_hidden_states", {kRecords, kMemory, kWidth}) - 0.5);
  }

  // As the figures were made: what ends in "attn.bias" (older versions of transformers keep their causal mask there)
  // stayed at its start, 0; the embeddings, shared with the head, have the head's name.
  static void fill_as_figures(Gpt2& network) {
    fill_by_rule(network);
    const torch::NoGradGuard no_grad;
    for (auto& parameter : network.named_parameters()) {
      if (parameter.key().ends_with("attn.bias")) parameter.value().zero_();
      if (parameter.key() == "transformer.wte.weight")
        parameter.value().copy_(
            (uniform_by_rule("lm_head.weight", parameter.value().sizes().vec()).to(torch::kFloat64) - 0.5) * 2 *
            std::sqrt(3.0 / kWidth));
    }
  }

  Json figures_;
  std::shared_ptr<Gpt2> network_;
  Tensor ids_, mask_, memory_;
};

TEST_F(Gpt2Parity, TensorsHaveTheirOfficialNames) {
  // The figures leave out what ends in "attn.bias" and name the tied head.
  Json expected = figures_["state_dict"];
  expected.erase("lm_head.weight");
  std::size_t found = 0;
  for (const auto& item : state_dict(*network_)) {
    if (item.key().ends_with("attn.bias")) continue;
    ASSERT_TRUE(expected.contains(item.key())) << item.key();
    EXPECT_EQ(item.value().sizes().vec(), expected[item.key()].get<std::vector<std::int64_t>>()) << item.key();
    ++found;
  }
  EXPECT_EQ(found, expected.size());
}

TEST_F(Gpt2Parity, LogitsAndLoss) {
  const torch::NoGradGuard no_grad;
  const Tensor logits = network_->forward(ids_, mask_, memory_);
  expect_close(logits.select(1, kTokens - 1), figures_["logits_last"], kTolerance, "logits_last");
  expect_close(logits.mean(2), figures_["logits_row_mean"], kTolerance, "logits_row_mean");
  expect_relative(next_token_loss(logits, ids_, mask_).item<double>(), figures_["loss"].get<double>(), kTolerance,
                  "loss");
}

TEST_F(Gpt2Parity, Gradients) {
  next_token_loss(network_->forward(ids_, mask_, memory_), ids_, mask_).backward();
  std::size_t found = 0;
  for (const auto& parameter : network_->named_parameters()) {
    ASSERT_TRUE(figures_["grad_norm"].contains(parameter.key())) << parameter.key();
    expect_relative(parameter.value().grad().norm().item<double>(),
                    figures_["grad_norm"][parameter.key()].get<double>(), kNormTolerance, parameter.key());
    ++found;
  }
  EXPECT_EQ(found, figures_["grad_norm"].size());
}

TEST_F(Gpt2Parity, GreedyAndBeamTexts) {
  const Json& generate = figures_["generate"];
  const Tensor memory = memory_ * generate["encoder_hidden_states_scale"].get<double>();
  int texts = 0;
  for (const std::int64_t eos : {500, 140, 38, 462})
    for (const std::int64_t beams : {1, 3}) {
      const DecodingOptions options{.bos = 501, .eos = eos, .max_length = 24, .beams = beams};
      const std::vector<DecodedText> decoded = decode(*network_, memory, options);
      for (std::size_t item = 0; item < decoded.size(); ++item) {
        const std::string key = fmt::format("eos{}_beams{}_item{}", eos, beams, item);
        const Json& expected = generate.at(key);
        EXPECT_EQ(decoded[item].ids, expected["sequence"].get<std::vector<std::int64_t>>()) << key;
        if (beams > 1) {
          EXPECT_NEAR(decoded[item].score, expected["score"].get<double>(), 1e-3) << key;
        }
        ++texts;
      }
    }
  EXPECT_EQ(texts, 24);
}

}  // namespace
}  // namespace deri::testing
