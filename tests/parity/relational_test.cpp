// The decoder with relational memory against relational_parity.json (R2Gen): tensor names, relation, logits, loss,
// gradients, greedy texts.

#include "parity/fixture.hpp"

#include "deri/nn/language_decoder.hpp"
#include "deri/nn/relational_decoder.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

class RelationalParity : public ::testing::Test {
 protected:
  void SetUp() override {
    figures_ = load_figures("relational_parity.json");
    const auto setting = [&](const char* name) { return figures_["config"][name].get<std::int64_t>(); };
    network_ = std::make_shared<RelationalDecoder>(RelationalDecoderOptions{.vocabulary = setting("vocabulary"),
                                                                            .positions = setting("positions"),
                                                                            .width = setting("width"),
                                                                            .layers = setting("layers"),
                                                                            .heads = setting("heads"),
                                                                            .memory_width = setting("memory_width"),
                                                                            .slots = setting("slots"),
                                                                            .relation_heads = setting("relation_heads"),
                                                                            .feed_forward = setting("feed_forward")});
    fill_parameters();
    network_->eval();
    const auto texts = figures_["ids"].get<std::vector<std::vector<std::int64_t>>>();
    const auto lengths = figures_["lengths"].get<std::vector<std::int64_t>>();
    std::vector<Tensor> ids, mask;
    for (std::size_t b = 0; b < texts.size(); ++b) {
      ids.push_back(torch::tensor(texts[b], torch::kInt64));
      mask.push_back(torch::arange(ids[b].size(0)) < lengths[b]);
    }
    ids_ = torch::stack(ids);
    mask_ = torch::stack(mask);
    memory_ = 10 * (uniform_by_rule("relational.memory", {ids_.size(0), 5, setting("memory_width")}) - 0.5);
  }

  // The position codes are no weights: they stay.
  void fill_parameters() {
    Tensor codes = network_->named_buffers()["model.tgt_embed.1.pe"];
    const Tensor computed = codes.clone();
    fill_by_rule(*network_);
    codes.copy_(computed);
  }

  Json figures_;
  std::shared_ptr<RelationalDecoder> network_;
  Tensor ids_, mask_, memory_;
};

TEST_F(RelationalParity, TensorsHaveTheirOfficialNames) {
  const Json& expected = figures_["state_dict"];
  for (const auto& item : network_->named_parameters()) {
    ASSERT_TRUE(expected.contains(item.key())) << item.key();
    EXPECT_EQ(item.value().sizes().vec(), expected[item.key()].get<std::vector<std::int64_t>>()) << item.key();
  }
  EXPECT_EQ(network_->named_parameters().size(), expected.size());
}

TEST_F(RelationalParity, Relation) {
  const torch::NoGradGuard no_grad;
  DecoderState state = network_->start(memory_, 1);
  for (std::int64_t t = 0; t < 5; ++t) network_->step(ids_.select(1, t), state);
  expect_close(state.relation, figures_["relation"], kTolerance, "relation");
}

TEST_F(RelationalParity, LogitsAndLoss) {
  const torch::NoGradGuard no_grad;
  const Tensor logits = network_->forward(ids_, mask_, memory_);
  expect_close(logits.select(1, ids_.size(1) - 1), figures_["logits_last"], kTolerance, "logits_last");
  expect_close(logits.mean(2), figures_["logits_row_mean"], kTolerance, "logits_row_mean");
  expect_relative(next_token_loss(logits, ids_, mask_).item<double>(), figures_["loss"].get<double>(), kTolerance,
                  "loss");
}

TEST_F(RelationalParity, Gradients) {
  next_token_loss(network_->forward(ids_, mask_, memory_), ids_, mask_).backward();
  std::size_t found = 0;
  for (const auto& parameter : network_->named_parameters()) {
    if (parameter.key().ends_with("linears.1.bias")) continue;
    ASSERT_TRUE(figures_["grad_norm"].contains(parameter.key())) << parameter.key();
    expect_relative(parameter.value().grad().norm().item<double>(),
                    figures_["grad_norm"][parameter.key()].get<double>(), kNormTolerance, parameter.key());
    ++found;
  }
  EXPECT_EQ(found, figures_["grad_norm"].size());
}

TEST_F(RelationalParity, GreedyTexts) {
  const torch::NoGradGuard no_grad;
  const auto expected = figures_["greedy"]["texts"].get<std::vector<std::vector<std::int64_t>>>();
  std::vector<std::vector<std::int64_t>> found;
  std::vector<std::int64_t> first;
  for (const auto& text : expected) {
    first.push_back(text[0]);
    found.push_back({text[0]});
  }
  DecoderState state = network_->start(memory_, 1);
  Tensor ids = torch::tensor(first, torch::kInt64);
  for (int t = 0; t < figures_["greedy"]["tokens"].get<int>(); ++t) {
    ids = network_->step(ids, state).argmax(1);
    for (std::size_t b = 0; b < found.size(); ++b)
      found[b].push_back(ids[static_cast<std::int64_t>(b)].item<std::int64_t>());
  }
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace deri::testing
