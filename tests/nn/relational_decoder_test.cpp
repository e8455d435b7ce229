// The network against plain arithmetic in double precision, one token after the other; against itself in its two ways
// of computing; and what a causal network with a memory has to keep to.

#include "deri/nn/relational_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "testing/testing.hpp"
#include <fmt/format.h>

namespace deri {
namespace {

using torch::Tensor;

using PlainRow = std::vector<double>;
using PlainRows = std::vector<PlainRow>;

RelationalDecoderOptions small_relational(double dropout = 0) {
  return {.vocabulary = 13,
          .positions = 12,
          .width = 12,
          .layers = 2,
          .heads = 2,
          .memory_width = 5,
          .slots = 3,
          .relation_heads = 3,
          .feed_forward = 7,
          .dropout = dropout,
          .memory_dropout = dropout};
}

// More slots than channels: the identity is cut, not padded.
RelationalDecoderOptions many_slots() {
  RelationalDecoderOptions options = small_relational();
  options.width = 4;
  options.slots = 6;
  options.heads = 1;
  options.relation_heads = 2;
  return options;
}

// In evaluation mode, with weights of which none is 0 or 1.
std::shared_ptr<RelationalDecoder> random_relational(const RelationalDecoderOptions& options) {
  torch::manual_seed(1);
  auto network = std::make_shared<RelationalDecoder>(options);
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : network->named_parameters()) parameter.value().normal_(0, 0.4);
  network->eval();
  return network;
}

Tensor random_ids(std::int64_t texts, std::int64_t tokens) {
  return torch::randint(0, small_relational().vocabulary, {texts, tokens}, torch::kInt64);
}

PlainRows plain_rows(const Tensor& matrix) {
  const Tensor values = matrix.detach().to(torch::kFloat64);
  PlainRows rows(static_cast<std::size_t>(values.size(0)), PlainRow(static_cast<std::size_t>(values.size(1))));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows[i].size(); ++j)
      rows[i][j] = values[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)].item<double>();
  return rows;
}

PlainRow plus(PlainRow a, const PlainRow& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

PlainRow map_row(PlainRow row, double (*function)(double)) {
  for (double& value : row) value = function(value);
  return row;
}

double plain_relu(double x) {
  return x > 0 ? x : 0;
}
double plain_tanh(double x) {
  return std::tanh(x);
}
double plain_sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

// R2Gen's equations on rows of doubles, with a network's weights under their names.
class PlainDecoder {
 public:
  explicit PlainDecoder(const RelationalDecoder& network) : options_(network.options()) {
    for (const auto& parameter : network.named_parameters()) {
      const Tensor& value = parameter.value();
      weights_[parameter.key()] = plain_rows(value.dim() == 2 ? value : value.unsqueeze(0));
    }
  }

  // What the relational memory holds after each token, flattened.
  PlainRows relations(const std::vector<std::int64_t>& ids) const {
    const PlainRows tokens = embed(ids);
    PlainRows memory(width(options_.slots), PlainRow(width(options_.width), 0));
    for (std::size_t s = 0; s < memory.size() && s < width(options_.width); ++s) memory[s][s] = 1;
    PlainRows after;
    for (const PlainRow& token : tokens) {
      memory = next_memory(memory, token);
      after.emplace_back();
      for (const PlainRow& slot : memory) after.back().insert(after.back().end(), slot.begin(), slot.end());
    }
    return after;
  }

  PlainRows logits(const std::vector<std::int64_t>& ids, const PlainRows& ecg) const {
    const PlainRows relation = relations(ids);
    PlainRows source;
    for (const PlainRow& token : ecg) source.push_back(map_row(linear("att_embed.0", token), plain_relu));
    PlainRows x = embed(ids);
    for (std::int64_t i = 0; i < options_.layers; ++i)
      x = layer(fmt::format("model.decoder.layers.{}", i), x, relation, source);
    PlainRows result;
    for (const PlainRow& row : x)
      result.push_back(linear("logit", norm(row, one("model.decoder.norm.gamma"), one("model.decoder.norm.beta"))));
    return result;
  }

 private:
  static std::size_t width(std::int64_t count) { return static_cast<std::size_t>(count); }

  const PlainRow& one(const std::string& name) const { return weights_.at(name)[0]; }

  PlainRow linear(const std::string& name, const PlainRow& x) const {
    PlainRow y = one(name + ".bias");
    const PlainRows& weight = weights_.at(name + ".weight");
    for (std::size_t i = 0; i < y.size(); ++i)
      for (std::size_t j = 0; j < x.size(); ++j) y[i] += weight[i][j] * x[j];
    return y;
  }

  PlainRows embed(const std::vector<std::int64_t>& ids) const {
    const PlainRows& table = weights_.at("model.tgt_embed.0.lut.weight");
    const double channels = static_cast<double>(options_.width);
    PlainRows rows;
    for (std::size_t t = 0; t < ids.size(); ++t) {
      PlainRow row = table[static_cast<std::size_t>(ids[t])];
      for (std::size_t c = 0; c < row.size(); ++c) {
        const double angle = static_cast<double>(t) / std::pow(10000.0, static_cast<double>(c - c % 2) / channels);
        row[c] = row[c] * std::sqrt(channels) + (c % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
      rows.push_back(row);
    }
    return rows;
  }

  // One query over `keys`, the values being projections of the same rows.
  PlainRow attend(const std::string& name, std::int64_t heads, const PlainRow& query_of, const PlainRows& keys) const {
    const PlainRow query = linear(name + ".linears.0", query_of);
    const std::size_t channels = query.size() / width(heads);
    PlainRow merged(query.size(), 0);
    for (std::size_t head = 0; head < width(heads); ++head) {
      double total = 0;
      PlainRow weighted(channels, 0);
      for (const PlainRow& row : keys) {
        const PlainRow key = linear(name + ".linears.1", row), value = linear(name + ".linears.2", row);
        double score = 0;
        for (std::size_t c = head * channels; c < (head + 1) * channels; ++c) score += query[c] * key[c];
        const double weight = std::exp(score / std::sqrt(static_cast<double>(channels)));
        total += weight;
        for (std::size_t c = 0; c < channels; ++c) weighted[c] += weight * value[head * channels + c];
      }
      for (std::size_t c = 0; c < channels; ++c) merged[head * channels + c] = weighted[c] / total;
    }
    return linear(name + ".linears.3", merged);
  }

  PlainRows next_memory(const PlainRows& memory, const PlainRow& token) const {
    PlainRows seen = memory;
    seen.push_back(token);
    PlainRows next;
    for (const PlainRow& slot : memory) {
      PlainRow z = plus(slot, attend("model.rm.attn", options_.relation_heads, slot, seen));
      z = plus(z, map_row(linear("model.rm.mlp.2", map_row(linear("model.rm.mlp.0", z), plain_relu)), plain_relu));
      const PlainRow gates = plus(linear("model.rm.W", token), linear("model.rm.U", map_row(slot, plain_tanh)));
      PlainRow row(slot.size());
      for (std::size_t c = 0; c < row.size(); ++c)
        row[c] = plain_sigmoid(gates[c]) * std::tanh(z[c]) + plain_sigmoid(gates[row.size() + c]) * slot[c];
      next.push_back(row);
    }
    return next;
  }

  static PlainRow norm(const PlainRow& x, const PlainRow& gamma, const PlainRow& beta) {
    const double count = static_cast<double>(x.size());
    double mean = 0, squares = 0;
    for (const double value : x) mean += value / count;
    for (const double value : x) squares += (value - mean) * (value - mean);
    PlainRow y(x.size());
    for (std::size_t c = 0; c < x.size(); ++c)
      y[c] = gamma[c] * (x[c] - mean) / (std::sqrt(squares / (count - 1)) + 1e-6) + beta[c];
    return y;
  }

  PlainRow conditional_norm(const std::string& name, const PlainRow& x, const PlainRow& relation) const {
    const auto changed = [&](const std::string& what) {
      const PlainRow inner = map_row(linear(fmt::format("{}.mlp_{}.0", name, what), relation), plain_relu);
      return plus(one(fmt::format("{}.{}", name, what)), linear(fmt::format("{}.mlp_{}.2", name, what), inner));
    };
    return norm(x, changed("gamma"), changed("beta"));
  }

  PlainRows layer(const std::string& name, PlainRows x, const PlainRows& relation, const PlainRows& source) const {
    const auto normed = [&](int sublayer) {
      PlainRows rows;
      for (std::size_t t = 0; t < x.size(); ++t)
        rows.push_back(conditional_norm(fmt::format("{}.sublayer.{}.norm", name, sublayer), x[t], relation[t]));
      return rows;
    };
    PlainRows y = normed(0);
    for (std::size_t t = 0; t < x.size(); ++t) {
      const PlainRows so_far(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(t) + 1);
      x[t] = plus(x[t], attend(name + ".self_attn", options_.heads, y[t], so_far));
    }
    y = normed(1);
    for (std::size_t t = 0; t < x.size(); ++t)
      x[t] = plus(x[t], attend(name + ".src_attn", options_.heads, y[t], source));
    y = normed(2);
    for (std::size_t t = 0; t < x.size(); ++t)
      x[t] =
          plus(x[t], linear(name + ".feed_forward.w_2", map_row(linear(name + ".feed_forward.w_1", y[t]), plain_relu)));
    return x;
  }

  RelationalDecoderOptions options_;
  std::map<std::string, PlainRows> weights_;
};

double largest_difference(const PlainRows& a, const PlainRows& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) largest = std::max(largest, std::abs(a[i][j] - b[i][j]));
  return largest;
}

TEST(RelationalDecoder, EqualsPlainArithmetic) {
  const torch::NoGradGuard no_grad;
  for (const RelationalDecoderOptions& options : {small_relational(), many_slots()}) {
    const auto network = random_relational(options);
    const PlainDecoder plain(*network);
    network->to(torch::kFloat64);
    const Tensor ids = random_ids(2, 6), memory = torch::randn({2, 4, options.memory_width}, torch::kFloat64);
    const Tensor logits = network->forward(ids, {}, memory);
    ASSERT_EQ(logits.sizes(), (std::vector<std::int64_t>{2, 6, options.vocabulary}));
    for (std::int64_t b = 0; b < 2; ++b) {
      const Tensor row = ids[b];
      const std::vector<std::int64_t> text(row.data_ptr<std::int64_t>(), row.data_ptr<std::int64_t>() + row.numel());
      // The position codes are there in float32.
      EXPECT_LT(largest_difference(plain.logits(text, plain_rows(memory[b])), plain_rows(logits[b])), 1e-5);
    }
  }
}

TEST(RelationalDecoder, RelationEqualsPlainArithmetic) {
  const torch::NoGradGuard no_grad;
  for (const RelationalDecoderOptions& options : {small_relational(), many_slots()}) {
    const auto network = random_relational(options);
    const PlainDecoder plain(*network);
    network->to(torch::kFloat64);
    const std::vector<std::int64_t> text{3, 1, 12, 3, 0};
    const PlainRows expected = plain.relations(text);
    DecoderState state = network->start(torch::randn({1, 4, options.memory_width}, torch::kFloat64), 1);
    for (std::size_t t = 0; t < text.size(); ++t) {
      network->step(torch::full({1}, text[t], torch::kInt64), state);
      ASSERT_EQ(state.relation.sizes(), (std::vector<std::int64_t>{1, options.slots * options.width}));
      EXPECT_LT(largest_difference({expected[t]}, plain_rows(state.relation)), 1e-6) << t;
    }
  }
}

TEST(RelationalDecoder, StepsEqualForward) {
  const torch::NoGradGuard no_grad;
  const auto network = random_relational(small_relational());
  for (const std::int64_t beams : {1, 3}) {
    const Tensor memory = torch::randn({2, 4, 5}), ids = random_ids(2 * beams, 7);
    const Tensor expected = network->forward(ids, {}, memory.repeat_interleave(beams, 0));
    DecoderState state = network->start(memory, beams);
    EXPECT_EQ(state.layers[0].memory_key.size(0), 2);  // once for all its texts
    for (std::int64_t t = 0; t < 7; ++t)
      EXPECT_TRUE(torch::allclose(network->step(ids.select(1, t), state), expected.select(1, t), 1e-4, 1e-5)) << t;
    EXPECT_EQ(state.tokens, 7);
  }
}

// Three memories with three texts each: after three tokens the second memory leaves, the two others change places, and
// their texts follow each other's pasts.
TEST(RelationalDecoder, GoesOnAfterSelect) {
  const torch::NoGradGuard no_grad;
  const auto network = random_relational(small_relational());
  const Tensor memory = torch::randn({3, 4, 5}), past = random_ids(9, 3), rest = random_ids(6, 4);
  DecoderState state = network->start(memory, 3);
  for (std::int64_t t = 0; t < 3; ++t) network->step(past.select(1, t), state);
  const Tensor rows = torch::tensor({8, 8, 6, 1, 0, 1}, torch::kInt64), records = torch::tensor({2, 0}, torch::kInt64);
  state.select(rows, records);
  const Tensor ids = torch::cat({past.index_select(0, rows), rest}, 1);
  const Tensor expected = network->forward(ids, {}, memory.index_select(0, records).repeat_interleave(3, 0));
  for (std::int64_t t = 3; t < 7; ++t)
    EXPECT_TRUE(torch::allclose(network->step(ids.select(1, t), state), expected.select(1, t), 1e-4, 1e-5)) << t;
}

TEST(RelationalDecoder, LooksAtNoLaterToken) {
  const torch::NoGradGuard no_grad;
  const auto network = random_relational(small_relational());
  const Tensor ids = random_ids(2, 8), memory = torch::randn({2, 4, 5});
  Tensor other = ids.clone();
  other.select(1, 5) = (ids.select(1, 5) + 1).remainder(13);
  const Tensor a = network->forward(ids, {}, memory), b = network->forward(other, {}, memory);
  EXPECT_TRUE(torch::allclose(a.slice(1, 0, 5), b.slice(1, 0, 5), 1e-5, 1e-6));
  for (std::int64_t t = 5; t < 8; ++t) EXPECT_FALSE(torch::allclose(a.select(1, t), b.select(1, t), 1e-2, 1e-2)) << t;
}

TEST(RelationalDecoder, PadsChangeNothing) {
  const auto network = random_relational(small_relational());
  const Tensor ids = random_ids(2, 9), memory = torch::randn({2, 4, 5});
  Tensor mask = torch::ones({2, 9}, torch::kBool), other = ids.clone();
  mask[1].slice(0, 4).fill_(false);
  other[1].slice(0, 4) = (ids[1].slice(0, 4) + 1).remainder(13);
  const Tensor logits = network->forward(ids, mask, memory);
  const Tensor alone = network->forward(ids.slice(0, 1).slice(1, 0, 4), {}, memory.slice(0, 1));
  EXPECT_TRUE(torch::allclose(logits[1].slice(0, 0, 4), alone[0], 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(logits[0], network->forward(ids, {}, memory)[0], 1e-4, 1e-5));
  EXPECT_NEAR(next_token_loss(logits, ids, mask).item<double>(),
              next_token_loss(network->forward(other, mask, memory), other, mask).item<double>(), 1e-5);
  // A pad is not attended to, not even by the tokens behind it.
  Tensor hole = torch::ones({2, 9}, torch::kBool);
  hole.select(1, 3).fill_(false);
  EXPECT_FALSE(torch::allclose(network->forward(ids, hole, memory).slice(1, 4),
                               network->forward(ids, {}, memory).slice(1, 4), 1e-3, 1e-3));
}

TEST(RelationalDecoder, WritesFromTheMemory) {
  const torch::NoGradGuard no_grad;
  const auto network = random_relational(small_relational());
  const Tensor ids = random_ids(1, 5), memory = torch::randn({1, 4, 5});
  const Tensor logits = network->forward(ids, {}, memory);
  EXPECT_FALSE(torch::allclose(logits.select(1, 0), network->forward(ids, {}, -memory).select(1, 0), 1e-2, 1e-2));
  EXPECT_TRUE(torch::allclose(logits, network->forward(ids, {}, memory.flip(1)), 1e-4, 1e-5));  // has no order
}

TEST(RelationalDecoder, EveryParameterLearns) {
  torch::manual_seed(1);
  RelationalDecoder network(small_relational(0.1));
  const Tensor ids = random_ids(8, 9), mask = torch::ones({8, 9}, torch::kBool);
  next_token_loss(network.forward(ids, mask, torch::randn({8, 4, 5})), ids, mask).backward();
  for (const auto& parameter : network.named_parameters()) {
    const Tensor& gradient = parameter.value().grad();
    ASSERT_TRUE(gradient.defined()) << parameter.key();
    EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << parameter.key();
    // A key's bias adds the same to every score of a query, which the softmax does not see.
    if (!parameter.key().ends_with("linears.1.bias")) {
      EXPECT_GT(gradient.norm().item<double>(), 1e-7) << parameter.key();
    }
  }
}

TEST(RelationalDecoder, HasAsManyParametersAsByHand) {
  const RelationalDecoderOptions options = small_relational();
  const std::int64_t d = 12, vocabulary = 13, memory_width = 5, feed_forward = 7, relation = 3 * d;
  const std::int64_t square = d * d + d;                                        // a linear layer d -> d
  const std::int64_t relational_memory = 4 * square + 2 * square + 4 * square;  // attention, mlp, W and U
  const std::int64_t norm = 2 * d + 2 * (relation * d + d + square);
  const std::int64_t layer = 8 * square + (2 * d * feed_forward + d + feed_forward) + 3 * norm;
  const std::int64_t around = vocabulary * d + (memory_width * d + d) + 2 * d + (d * vocabulary + vocabulary);
  std::int64_t count = 0;
  for (const Tensor& parameter : RelationalDecoder(options).parameters()) count += parameter.numel();
  EXPECT_EQ(count, around + relational_memory + 2 * layer);
  EXPECT_EQ(count, 421 + 1560 + 2 * 5107);
}

TEST(RelationalDecoder, StartsAsPublished) {
  torch::manual_seed(1);
  RelationalDecoderOptions options = small_relational();
  options.width = 48;
  options.vocabulary = 100;
  const RelationalDecoder network(options);
  for (const auto& entry : network.named_parameters()) {
    const std::string& name = entry.key();
    const Tensor& value = entry.value();
    const double largest = value.abs().max().item<double>();
    if (name.starts_with("model.") && value.dim() == 2) {
      const double bound = std::sqrt(6.0 / static_cast<double>(value.size(0) + value.size(1)));
      EXPECT_LE(largest, bound) << name;
      EXPECT_GT(largest, 0.95 * bound) << name;
    } else if (name.find("mlp_") != std::string::npos) {
      EXPECT_TRUE((value == 0.1).all().item<bool>()) << name;
    } else if (name.ends_with("gamma")) {
      EXPECT_TRUE((value == 1).all().item<bool>()) << name;
    } else if (name.ends_with("beta")) {
      EXPECT_EQ(largest, 0) << name;
    }
  }
}

TEST(RelationalDecoder, DropsOnlyInTraining) {
  torch::manual_seed(1);
  RelationalDecoder network(small_relational(0.3));
  const Tensor ids = random_ids(2, 5), memory = torch::randn({2, 4, 5});
  network.eval();
  EXPECT_TRUE(torch::equal(network.forward(ids, {}, memory), network.forward(ids, {}, memory)));
  network.train();
  EXPECT_FALSE(torch::equal(network.forward(ids, {}, memory), network.forward(ids, {}, memory)));
}

TEST(RelationalDecoder, WorksWithBfloat16Weights) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  RelationalDecoder network(small_relational());
  network.eval();
  const Tensor ids = random_ids(2, 3), memory = torch::randn({2, 4, 5});
  const Tensor expected = network.forward(ids, {}, memory);
  network.to(torch::kBFloat16);
  DecoderState state = network.start(memory.to(torch::kBFloat16), 1);
  for (std::int64_t t = 0; t < 3; ++t) {
    const Tensor logits = network.step(ids.select(1, t), state);
    EXPECT_EQ(logits.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(torch::allclose(logits.to(torch::kFloat32), expected.select(1, t), 0.1, 0.1)) << t;
  }
}

TEST(RelationalDecoder, MoreTokensThanPositionsIsABug) {
  const torch::NoGradGuard no_grad;
  const auto network = random_relational(small_relational());
  const Tensor memory = torch::randn({1, 4, 5});
  EXPECT_THROW(network->forward(random_ids(1, 13), {}, memory), InternalError);
  DecoderState state = network->start(memory, 1);
  for (int t = 0; t < 12; ++t) network->step(random_ids(1, 1)[0], state);
  EXPECT_THROW(network->step(random_ids(1, 1)[0], state), InternalError);
}

}  // namespace
}  // namespace deri
