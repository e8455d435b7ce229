#include "deri/nn/decoding.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "testing/testing.hpp"

#include "deri/nn/gpt2.hpp"
#include "deri/nn/gpt2_session.hpp"
#include "deri/nn/packed_linear.hpp"
#include "deri/nn/rereading_decoder.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;
using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kWords = 7, kBos = 5, kEos = 6, kWriterWidth = 8;

// Weights far from 0, so that texts differ.
std::shared_ptr<Gpt2> small_writer(std::uint64_t seed) {
  torch::manual_seed(seed);
  auto network = std::make_shared<Gpt2>(
      Gpt2Options{.vocabulary = kWords, .positions = 12, .width = kWriterWidth, .layers = 2, .heads = 2});
  const torch::NoGradGuard no_grad;
  for (auto& parameter : network->parameters()) parameter.normal_(0, 0.7);
  network->eval();
  return network;
}

Tensor memories(std::int64_t count) {
  torch::manual_seed(99);
  return 6 * torch::randn({count, 3, kWriterWidth});
}

// log p(token | ids, memory) of every token, without a cache.
std::vector<double> next_scores(Gpt2& network, const Ids& ids, const Tensor& memory) {
  const torch::NoGradGuard no_grad;
  const Tensor logits = network.forward(torch::tensor(ids, torch::kInt64).unsqueeze(0), {}, memory.unsqueeze(0));
  const Tensor scores = torch::log_softmax(logits[0][-1].to(torch::kFloat64), 0).contiguous();
  return {scores.data_ptr<double>(), scores.data_ptr<double>() + kWords};
}

TEST(Decoding, StepEqualsForward) {
  const auto network = small_writer(1);
  const torch::NoGradGuard no_grad;
  const Tensor memory = memories(2);
  const Tensor ids = torch::tensor({{5, 0, 3, 1}, {5, 2, 2, 4}, {5, 1, 1, 1}, {5, 4, 0, 2}}, torch::kInt64);
  const Tensor whole = network->forward(ids, {}, memory.repeat_interleave(2, 0));
  DecoderState state = network->start(memory, 2);
  for (std::int64_t t = 0; t < 3; ++t)
    EXPECT_TRUE(torch::allclose(network->step(ids.select(1, t), state), whole.select(1, t), 1e-4, 1e-5)) << t;
  // The last token after the memories changed places and the second text of the first took the place of the first.
  const Tensor rows = torch::tensor({3, 2, 1, 1}, torch::kInt64);
  state.select(rows, torch::tensor({1, 0}, torch::kInt64));
  EXPECT_TRUE(torch::allclose(network->step(ids.select(1, 3).index_select(0, rows), state),
                              whole.select(1, 3).index_select(0, rows), 1e-4, 1e-5));
}

// A session writes what its network writes: greedily, with beams that split and die, and drawn; texts that end leave
// the batch.
TEST(Decoding, SessionWritesTheSameTexts) {
  if (!PackedLinear::available(torch::kFloat32)) GTEST_SKIP() << "built without oneDNN";
  for (const std::uint64_t seed : {1, 3, 5, 8})
    for (const bool cross_attention : {true, false}) {
      torch::manual_seed(seed);
      Gpt2 network({.vocabulary = 40,
                    .positions = 150,  // beyond the room a session begins with
                    .width = 24,
                    .layers = 2,
                    .heads = 3,
                    .cross_attention = cross_attention});
      {
        const torch::NoGradGuard no_grad;
        for (auto& parameter : network.parameters()) parameter.normal_(0, 0.4);
      }
      Gpt2Session session(network, torch::kFloat32);
      const Tensor memory = 3 * torch::randn({5, 4, 24});
      for (const std::int64_t beams : {1, 3, 7}) {
        const DecodingOptions options{.bos = 0, .eos = 1, .max_length = 150, .beams = beams};
        const auto ours = decode(session, memory, options), theirs = decode(network, memory, options);
        for (std::size_t i = 0; i < theirs.size(); ++i) {
          EXPECT_EQ(ours[i].ids, theirs[i].ids) << seed << ", " << beams << " beams";
          EXPECT_NEAR(ours[i].score, theirs[i].score, 1e-3);
        }
      }
      const DecodingOptions options{.bos = 0, .eos = 1, .max_length = 30};
      const auto ours = decode_nucleus(session, memory, options, {.seed = 4}),
                 theirs = decode_nucleus(network, memory, options, {.seed = 4});
      for (std::size_t i = 0; i < theirs.size(); ++i) EXPECT_EQ(ours[i].ids, theirs[i].ids);
    }
}

TEST(Decoding, RereadingWritesTheSameTexts) {
  const auto network = small_writer(4);
  RereadingDecoder rereading(network);
  const Tensor memory = memories(4);
  for (const std::int64_t beams : {1, 3}) {
    const DecodingOptions options{.bos = kBos, .eos = kEos, .max_length = 12, .beams = beams};
    const auto again = decode(rereading, memory, options), cached = decode(*network, memory, options);
    for (std::size_t i = 0; i < cached.size(); ++i) EXPECT_EQ(again[i].ids, cached[i].ids) << beams << " beams";
  }
}

TEST(Decoding, Bfloat16SessionIsNearItsNetwork) {
  if (!PackedLinear::available(torch::kBFloat16)) GTEST_SKIP() << "not in this build, or not on this machine";
  const auto network = small_writer(2);
  Gpt2Session session(*network, torch::kBFloat16);
  const torch::NoGradGuard no_grad;
  const Tensor memory = memories(3) / 6;
  DecoderState plain = network->start(memory, 1), rounded = session.start(memory, 1);
  for (const std::int64_t token : {5, 0, 3, 2}) {
    const Tensor ids = torch::full({3}, token, torch::kInt64);
    const Tensor exact = network->step(ids, plain);
    EXPECT_LE((session.step(ids, rounded) - exact).abs().max().item<double>(), 0.1 * exact.abs().max().item<double>());
  }
}

TEST(Decoding, GreedyTakesTheMostProbable) {
  const auto network = small_writer(3);
  const Tensor memory = memories(5);
  const auto texts = decode(*network, memory, {.bos = kBos, .eos = kEos, .max_length = 10, .beams = 1});
  ASSERT_EQ(texts.size(), 5U);
  std::set<Ids> distinct;
  for (std::int64_t i = 0; i < 5; ++i) {
    Ids ids{kBos};
    double sum = 0;
    while (ids.back() != kEos && ids.size() < 10) {
      const auto scores = next_scores(*network, ids, memory[i]);
      const auto best = std::max_element(scores.begin(), scores.end());
      ids.push_back(best - scores.begin());
      sum += *best;
    }
    const DecodedText& text = texts[static_cast<std::size_t>(i)];
    EXPECT_EQ(text.ids, ids);
    EXPECT_EQ(text.finished, ids.back() == kEos);
    EXPECT_EQ(text.token_log_probability.size(), ids.size() - 1);
    const double length = static_cast<double>(ids.size()) - (text.finished ? 1 : 0);
    EXPECT_NEAR(text.score, sum / length, 1e-4);
    distinct.insert(ids);
  }
  EXPECT_GT(distinct.size(), 1U) << "the memories make no difference: the test tells nothing";
}

// With as many beams as there are texts, beam search finds the best of all.
TEST(Decoding, ManyBeamsFindTheBestOfAllTexts) {
  torch::manual_seed(4);
  Gpt2 network({.vocabulary = 70, .positions = 4, .width = kWriterWidth, .layers = 1, .heads = 2});
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : network.parameters()) parameter.normal_(0, 0.8);
  }
  const Tensor memory = memories(2);
  const DecodingOptions options{.bos = 0, .eos = 1, .max_length = 3, .beams = 35};
  const auto texts = decode(network, memory, options);
  for (std::int64_t record = 0; record < 2; ++record) {
    const torch::NoGradGuard no_grad;
    network.eval();
    const auto scores_after = [&](const Ids& ids) {
      return torch::log_softmax(
          network.forward(torch::tensor(ids, torch::kInt64).unsqueeze(0), {}, memory[record].unsqueeze(0))[0][-1], 0);
    };
    const Tensor first = scores_after({0});
    double best = -1e9;
    for (std::int64_t a = 0; a < 70; ++a) {
      if (a == 1) {
        best = std::max(best, first[a].item<double>() / 1);
        continue;
      }
      const Tensor second = scores_after({0, a});
      for (std::int64_t b = 0; b < 70; ++b)
        best = std::max(best, (first[a] + second[b]).item<double>() / (b == 1 ? 2 : 3));
    }
    EXPECT_NEAR(texts[static_cast<std::size_t>(record)].score, best, 1e-4);
  }
}

TEST(Decoding, ARecordDoesNotDependOnTheOthersOfItsBatch) {
  const auto network = small_writer(3);
  const Tensor memory = memories(6);
  for (const std::int64_t beams : {1, 3}) {
    const DecodingOptions options{.bos = kBos, .eos = kEos, .max_length = 12, .beams = beams};
    const auto together = decode(*network, memory, options);
    std::set<std::size_t> lengths;
    for (std::int64_t i = 0; i < 6; ++i) {
      const auto alone = decode(*network, memory.slice(0, i, i + 1), options);
      EXPECT_EQ(alone[0].ids, together[static_cast<std::size_t>(i)].ids);
      EXPECT_NEAR(alone[0].score, together[static_cast<std::size_t>(i)].score, 1e-4);
      lengths.insert(alone[0].ids.size());
    }
    EXPECT_GT(lengths.size(), 1U) << "no text leaves the batch before the others: the test tells little";
  }
}

TEST(Decoding, NothingIsRepeatedWhenForbidden) {
  const auto network = small_writer(5);
  const auto repeats = [](const Ids& ids) {
    std::set<Ids> pairs;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i)
      if (!pairs.insert({ids[i], ids[i + 1]}).second) return true;
    return false;
  };
  bool repeated_freely = false;
  for (const std::int64_t beams : {1, 3}) {
    DecodingOptions options{.bos = kBos, .eos = kEos, .max_length = 12, .min_length = 12, .beams = beams};
    for (const DecodedText& text : decode(*network, memories(6), options)) repeated_freely |= repeats(text.ids);
    options.no_repeat = 2;
    for (const DecodedText& text : decode(*network, memories(6), options)) EXPECT_FALSE(repeats(text.ids));
  }
  EXPECT_TRUE(repeated_freely) << "nothing is repeated anyway: the test tells nothing";
}

TEST(Decoding, MinimumLengthHoldsBackTheEnd) {
  const auto network = small_writer(6);
  for (const std::int64_t beams : {1, 3})
    for (const DecodedText& text :
         decode(*network, memories(6), {.bos = kBos, .eos = kEos, .max_length = 12, .min_length = 7, .beams = beams}))
      EXPECT_GE(text.ids.size(), 7U);
}

TEST(Decoding, NucleusDrawsAsOftenAsItShould) {
  const auto network = small_writer(7);
  const Tensor memory = memories(1);
  const std::vector<double> scores = next_scores(*network, {kBos}, memory[0]);
  // By hand: the nucleus of the first token.
  std::vector<std::size_t> order(kWords);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::map<std::int64_t, double> expected;
  double kept = 0;
  for (const std::size_t token : order) {
    if (kept >= 0.7) break;
    expected[static_cast<std::int64_t>(token)] = std::exp(scores[token]);
    kept += std::exp(scores[token]);
  }
  constexpr int kDraws = 4000;
  std::map<std::int64_t, int> drawn;
  const DecodingOptions options{.bos = kBos, .eos = kEos, .max_length = 2};
  const auto texts =
      decode_nucleus(*network, memory.expand({kDraws, 3, kWriterWidth}), options, {.top_p = 0.7, .seed = 1});
  for (const DecodedText& text : texts) ++drawn[text.ids[1]];
  ASSERT_GT(expected.size(), 1U);
  for (const auto& [token, probability] : expected)
    EXPECT_NEAR(drawn[token] / static_cast<double>(kDraws), probability / kept, 0.04) << token;
  EXPECT_EQ(drawn.size(), expected.size());
}

TEST(Decoding, NucleusFollowsItsSeedAndNotTheBatch) {
  const auto network = small_writer(8);
  const Tensor memory = memories(4);
  const DecodingOptions options{.bos = kBos, .eos = kEos, .max_length = 12};
  const auto ids = [&](const Tensor& of, const NucleusOptions& nucleus) {
    std::vector<Ids> all;
    for (const DecodedText& text : decode_nucleus(*network, of, options, nucleus)) all.push_back(text.ids);
    return all;
  };
  const auto first = ids(memory, {.seed = 1});
  EXPECT_EQ(ids(memory, {.seed = 1}), first);
  EXPECT_NE(ids(memory, {.seed = 2}), first);
  EXPECT_EQ(ids(memory.slice(0, 2, 4), {.seed = 1, .first_memory = 2}), (std::vector<Ids>{first[2], first[3]}));
}

TEST(Decoding, RefusesOptionsThatMakeNoSense) {
  const auto network = small_writer(9);
  const Tensor memory = memories(1);
  using ::testing::HasSubstr;
  EXPECT_DERI_ERROR(decode(*network, memory, {.bos = kBos, .eos = kEos, .max_length = 13}),
                    HasSubstr("max_length is 13"));
  EXPECT_DERI_ERROR(decode(*network, memory, {.bos = 7, .eos = kEos, .max_length = 9}), HasSubstr("bos 7"));
  EXPECT_DERI_ERROR(decode(*network, memory, {.bos = kBos, .eos = kEos, .max_length = 9, .beams = 4}),
                    HasSubstr("4 beams are too many"));
  EXPECT_DERI_ERROR(decode_nucleus(*network, memory, {.bos = kBos, .eos = kEos, .max_length = 9}, {.top_p = 0}),
                    HasSubstr("top_p is 0"));
}

}  // namespace
}  // namespace deri::testing
