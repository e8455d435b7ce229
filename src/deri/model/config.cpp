#include "deri/model/config.hpp"

#include <set>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/model/config_checks.hpp"
#include "deri/nn/backbone.hpp"

namespace deri {
namespace {

constexpr double kMaxRate = 100'000, kMaxSeconds = 86'400;

void validate(const InputConfig& input) {
  if (!within(input.rate, 1, kMaxRate)) fail("input.rate is {}: choose 1 to {} Hz", input.rate, kMaxRate);
  if (!within(input.seconds, 1e-3, kMaxSeconds))
    fail("input.seconds is {}: choose 0.001 to {}", input.seconds, kMaxSeconds);
  if (input.rate * input.seconds > static_cast<double>(kMaxSamples))
    fail("input.rate {} times input.seconds {} is more than {} samples: shorten it", input.rate, input.seconds,
         kMaxSamples);
  if (input.samples() < 1) fail("input.rate times input.seconds is less than one sample");
  if (input.leads.empty()) fail("input.leads is empty: name at least one lead");
  if (std::set<std::string>(input.leads.begin(), input.leads.end()).size() != input.leads.size())
    fail("input.leads names a lead twice: {}", fmt::join(input.leads, " "));
  check_choice("input.scaling", input.scaling, {"record-minmax", "lead-zscore", "millivolt"});
}

}  // namespace

void validate(const TextTowerConfig& text) {
  check_count("text.vocabulary", text.vocabulary, 1, kMaxVocabulary);
  check_count("text.hidden", text.hidden, 1, kMaxWidth);
  check_choice("text.pooling", text.pooling, {"cls", "mean"});
  // Without layers the first token knows nothing of the others.
  check_count("text.layers", text.layers, text.pooling == "mean" ? 0 : 1, kMaxDepth);
  check_heads("text.heads", text.heads, "text.hidden", text.hidden);
  check_count("text.intermediate", text.intermediate, 1, 8 * kMaxWidth);
  check_count("text.positions", text.positions, 2, kMaxSamples);
  check_count("text.max_tokens", text.max_tokens, 2, text.positions);
  check_dropout("text.dropout", text.dropout);
  const std::int64_t layer = text.hidden * (4 * text.hidden + 2 * text.intermediate);
  const std::int64_t weights = text.layers * layer + text.hidden * (text.vocabulary + text.positions);
  if (weights > kMaxTowerWeights)
    fail(
        "the text tower would have {} weights, more than {}: reduce text.layers, hidden, "
        "intermediate or vocabulary",
        weights, kMaxTowerWeights);
}

void validate(const ModelConfig& config) {
  check_choice("kind", config.kind, {"deri", "merl"});
  check_choice("backbone", config.backbone, backbone_names());
  validate(config.input);
  check_count("width", config.width, 1, kMaxWidth);
  check_count("downconv_stride", config.downconv_stride, 1, kMaxSamples);
  check_heads("pool_heads", config.pool_heads, "width", config.width);
  check_heads("rme_heads", config.rme_heads, "width", config.width);
  if (!within(config.rme_keep, 1e-6, 1)) fail("rme_keep is {}: choose more than 0, at most 1", config.rme_keep);
  check_count("interaction_depth", config.interaction_depth, 1, kMaxDepth);
  check_count("interaction_heads", config.interaction_heads, 1, kMaxDepth);
  check_count("interaction_head_width", config.interaction_head_width, 1, kMaxWidth);
  check_choice("zero_shot_embedding", config.zero_shot_embedding, {"mix", "mix-unnormalised", "aligned"});
  check_dropout("interaction_dropout", config.interaction_dropout);
  check_dropout("interaction_drop_path", config.interaction_drop_path);
  check_dropout("view_dropout", config.view_dropout);
  validate(config.text);
}

void validate(const ObjectiveConfig& objective) {
  double sum = 0;
  for (const auto& [key, weight] :
       {std::pair{"cma", objective.cma}, std::pair{"cma_mix", objective.cma_mix}, std::pair{"uma", objective.uma},
        std::pair{"dec_ecg", objective.dec_ecg}, std::pair{"dec_text", objective.dec_text}}) {
    if (!within(weight, 0, 1e6)) fail("objective.{} is {}: choose 0 to 1000000", key, weight);
    sum += weight;
  }
  if (sum == 0) fail("objective: every term has weight 0: give at least one a weight");
  if (!within(objective.temperature, 1e-4, 1e4))
    fail("objective.temperature is {}: choose 0.0001 to 10000", objective.temperature);
}

}  // namespace deri
