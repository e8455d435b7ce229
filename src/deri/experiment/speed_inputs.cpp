#include "deri/experiment/speed_inputs.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "deri/ecg/leads.hpp"
#include "deri/ecg/synth.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/text/report.hpp"
#include "deri/text/wordpiece_trainer.hpp"

namespace deri {
namespace {

constexpr std::uint64_t kSpeedSeed = 1;
constexpr std::size_t kSpeedVocabulary = 4096;
constexpr std::size_t kLeastPlanned = 64;  // a plan of fewer holds few different reports

Recording recording_of(const SyntheticEcg& ecg, std::int64_t id) {
  Recording recording;
  recording.rate = ecg.rate;
  recording.source = fmt::format("synthetic record {}", id);
  const std::vector<std::string> names = standard_leads();
  for (std::size_t lead = 0; lead < names.size(); ++lead) {
    Lead& made = recording.leads.emplace_back();
    made.name = names[lead];
    for (std::size_t i = 0; i < ecg.length; ++i)
      made.samples.push_back(static_cast<float>(ecg.microvolts[lead * ecg.length + i]) / 1000.0F);
  }
  return recording;
}

bool of_tower(const std::string& name) {
  return name.starts_with("lm_model.");
}

}  // namespace

std::vector<SyntheticPair> synthetic_pairs(std::size_t count) {
  SyntheticOptions options;
  options.rate = 500;
  std::vector<SyntheticPair> pairs;
  for (const SyntheticPlan& plan : plan_synthetic(std::max(count, kLeastPlanned), kSpeedSeed)) {
    if (pairs.size() == count) break;
    const SyntheticEcg ecg = synthesise(plan, options);
    pairs.push_back({recording_of(ecg, plan.ecg_id), ecg.report});
  }
  return pairs;
}

torch::Tensor input_tensor(const std::vector<SyntheticPair>& pairs, const InputConfig& input) {
  std::vector<torch::Tensor> rows;
  for (const SyntheticPair& pair : pairs)
    rows.push_back(torch::tensor(model_input(pair.recording, input))
                       .view({static_cast<std::int64_t>(input.leads.size()), input.samples()}));
  return torch::stack(rows);
}

std::shared_ptr<const WordPiece> speed_tokenizer(const std::vector<SyntheticPair>& pairs) {
  std::vector<std::string> reports;
  for (const SyntheticPair& pair : pairs) reports.push_back(clean_report(pair.report));
  return std::make_shared<WordPiece>(train_wordpiece(reports, kSpeedVocabulary));
}

ModelConfig published_config() {
  ModelConfig config;
  config.zero_shot_embedding = "mix-unnormalised";
  config.mask_padding = false;
  return config;
}

ModelConfig stored_text_config() {
  ModelConfig config = published_config();
  config.mask_padding = true;
  config.text.pad_to_max = false;
  config.text.layers = 1;
  config.text.vocabulary = 1;
  config.text.intermediate = 1;
  return config;
}

ModelConfig without_dropout(ModelConfig config) {
  config.interaction_dropout = config.interaction_drop_path = config.text.dropout = 0;
  return config;
}

std::shared_ptr<EcgTextModel> speed_model(const ModelConfig& config) {
  torch::manual_seed(kSpeedSeed);
  return make_model(config);
}

void copy_weights_beside_tower(const EcgTextModel& from, EcgTextModel& to) {
  const torch::NoGradGuard no_grad;
  const auto parameters = from.named_parameters();
  for (auto& entry : to.named_parameters())
    if (!of_tower(entry.key())) entry.value().copy_(parameters[entry.key()]);
  const auto buffers = from.named_buffers();
  for (auto& entry : to.named_buffers())
    if (!of_tower(entry.key())) entry.value().copy_(buffers[entry.key()]);
}

}  // namespace deri
