#include "deri/train/text_pretrain.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/text_input.hpp"
#include "deri/text/wordpiece_trainer.hpp"
#include "deri/train/token_masking.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// Purposes of random numbers, kept apart in mix_seed(); 2 is the loop's.
constexpr std::uint64_t kTowerSeed = 11, kOrderSeed = 12, kMaskSeed = 13, kValidationSeed = 14;

// Batches of an epoch are cut from runs of so many batches sorted by length: little padding, and still a random
// mixture.
constexpr std::size_t kBatchesSorted = 16;

struct Tower {
  TextTowerConfig config;
  std::shared_ptr<const WordPiece> tokenizer;
};

Tower open_tower(const TextPretrainConfig& config, const ReportCorpus& corpus) {
  TextTowerConfig text = config.text;
  text.pad_to_max = false;
  if (!text.pretrained.empty()) {
    HuggingFaceBert bert = open_huggingface_bert(text.pretrained, text);
    return {bert.config, bert.tokenizer};
  }
  const auto tokenizer =
      std::make_shared<WordPiece>(train_wordpiece(corpus.training, static_cast<std::size_t>(config.vocabulary_size)));
  text.vocabulary = static_cast<std::int64_t>(tokenizer->size());
  return {text, tokenizer};
}

std::shared_ptr<BertForMaskedLm> make_tower(const TextPretrainConfig& config, const Tower& tower) {
  torch::manual_seed(mix_seed(config.seed, {kTowerSeed}));
  auto model = std::make_shared<BertForMaskedLm>(bert_options(tower.config));
  if (!config.text.pretrained.empty()) load_bert_weights(config.text.pretrained, model->bert());
  model->to(parse_device(config.device));
  return model;
}

class TextPretraining : public TrainingTask {
 public:
  TextPretraining(const TextPretrainConfig& config, const ReportCorpus& corpus)
      : config_(config),
        device_(parse_device(config.device)),
        tower_(open_tower(config, corpus)),
        model_(make_tower(config, tower_)),
        training_(tokenize_texts(*tower_.tokenizer, tower_.config, corpus.training)),
        validation_(tokenize_texts(*tower_.tokenizer, tower_.config, corpus.validation)) {
    if (validation_.size() < 2) fail("{} validation texts; at least 2 are needed", validation_.size());
  }

  torch::nn::Module& module() override { return *model_; }
  std::int64_t batches_per_epoch() const override {
    const auto size = static_cast<std::size_t>(config_.batch_size);
    return static_cast<std::int64_t>((training_.size() + size - 1) / size);
  }
  void start_epoch(std::int64_t epoch, std::int64_t first_batch) override;
  std::optional<StepLoss> next_loss(std::int64_t step) override;
  std::map<std::string, double> validate() override;
  double score(const std::map<std::string, double>& validation) const override { return -validation.at("loss"); }
  std::pair<std::string, std::string> score_name() const override { return {"loss", "loss"}; }
  void save(const fs::path& folder, const RunPosition&, const std::map<std::string, double>&) override {
    save_huggingface_bert(folder, *model_, tower_.config, *tower_.tokenizer);
  }

 private:
  using Tokens = std::vector<std::int32_t>;
  // Logits [n, vocabulary] and targets [n] of the texts with some tokens masked.
  std::pair<torch::Tensor, torch::Tensor> guess(const std::vector<const Tokens*>& texts, std::uint64_t seed);
  double unigram_loss(const torch::Tensor& targets) const;

  const TextPretrainConfig config_;
  const torch::Device device_;
  const Tower tower_;
  std::shared_ptr<BertForMaskedLm> model_;
  const std::vector<Tokens> training_, validation_;
  std::vector<std::vector<std::size_t>> batches_;  // of the epoch under way
  std::size_t next_batch_ = 0;
};

void TextPretraining::start_epoch(std::int64_t epoch, std::int64_t first_batch) {
  Rng rng(mix_seed(config_.seed, {kOrderSeed, static_cast<std::uint64_t>(epoch)}));
  std::vector<std::size_t> order(training_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  rng.shuffle(order);
  const auto size = static_cast<std::size_t>(config_.batch_size);
  batches_.clear();
  for (std::size_t first = 0; first < order.size(); first += kBatchesSorted * size) {
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), first + kBatchesSorted * size));
    std::stable_sort(begin, end,
                     [&](std::size_t a, std::size_t b) { return training_[a].size() < training_[b].size(); });
  }
  for (std::size_t first = 0; first < order.size(); first += size)
    batches_.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(first),
                          order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), first + size)));
  rng.shuffle(batches_);
  next_batch_ = static_cast<std::size_t>(first_batch);
}

std::pair<torch::Tensor, torch::Tensor> TextPretraining::guess(const std::vector<const Tokens*>& texts,
                                                               std::uint64_t seed) {
  const TextInput input = make_text_input(texts, tower_.config, tower_.tokenizer->pad_id(), torch::kCPU);
  const MaskedText masked = mask_tokens(input, *tower_.tokenizer, config_.mask_ratio, seed);
  return {model_->forward(masked.input.ids.to(device_), masked.input.mask.to(device_), masked.masked.to(device_)),
          masked.targets.to(device_)};
}

std::optional<StepLoss> TextPretraining::next_loss(std::int64_t step) {
  if (next_batch_ >= batches_.size()) return std::nullopt;
  std::vector<const Tokens*> texts;
  for (const std::size_t text : batches_[next_batch_++]) texts.push_back(&training_[text]);
  const auto [logits, targets] = guess(texts, mix_seed(config_.seed, {kMaskSeed, static_cast<std::uint64_t>(step)}));
  StepLoss loss;
  // A batch of texts without a word has nothing to guess: a zero that still has a gradient.
  loss.total = targets.size(0) > 0 ? torch::nn::functional::cross_entropy(logits.to(torch::kFloat32), targets)
                                   : logits.to(torch::kFloat32).sum();
  loss.examples = texts.size();
  return loss;
}

// Of guessing by the training texts' frequencies, each token counted once more than it is seen.
double TextPretraining::unigram_loss(const torch::Tensor& targets) const {
  std::vector<double> counts(static_cast<std::size_t>(tower_.config.vocabulary), 1);
  double total = static_cast<double>(counts.size());
  for (const Tokens& text : training_)
    for (std::size_t t = 1; t + 1 < text.size(); ++t, ++total) ++counts[static_cast<std::size_t>(text[t])];
  const torch::Tensor ids = targets.cpu();
  double sum = 0;
  for (std::int64_t i = 0; i < ids.size(0); ++i)
    sum -= std::log(counts[static_cast<std::size_t>(ids[i].item<std::int64_t>())] / total);
  return sum / static_cast<double>(ids.size(0));
}

std::map<std::string, double> TextPretraining::validate() {
  const auto size = static_cast<std::size_t>(config_.batch_size);
  double loss = 0, right = 0;
  std::vector<torch::Tensor> all_targets;
  for (std::size_t first = 0; first < validation_.size(); first += size) {
    std::vector<const Tokens*> texts;
    for (std::size_t i = first; i < std::min(first + size, validation_.size()); ++i) texts.push_back(&validation_[i]);
    const auto [logits, targets] = guess(texts, mix_seed(config_.seed, {kValidationSeed, first}));
    if (targets.size(0) == 0) continue;
    const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
    loss += torch::nn::functional::cross_entropy(logits, targets, sum).item<double>();
    right += logits.argmax(1).eq(targets).sum().item<double>();
    all_targets.push_back(targets);
  }
  if (all_targets.empty()) fail("no validation text has a token to guess");
  const torch::Tensor targets = torch::cat(all_targets);
  const auto guesses = static_cast<double>(targets.size(0));
  return {{"loss", loss / guesses}, {"accuracy", right / guesses}, {"unigram_loss", unigram_loss(targets)}};
}

void validate(const TextPretrainConfig& config) {
  validate(static_cast<const LoopConfig&>(config));
  require(config.vocabulary_size >= 100, "vocabulary_size must be at least 100");
  require(config.mask_ratio > 0 && config.mask_ratio < 1, "mask_ratio must be above 0 and below 1");
  parse_report_language(config.report_language);
  require(config.text.layers >= 1, "text.layers must be at least 1: without a layer no token knows the others");
  validate(config.text);
}

}  // namespace

TextPretrainConfig load_text_pretrain_config(const fs::path& path, const std::vector<std::string>& overrides) {
  auto config = load_config<TextPretrainConfig>(path, overrides);
  resolve_file(config.text.pretrained, path);
  try {
    validate(config);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
  return config;
}

Json pretrain_text(const TextPretrainConfig& config, const ReportCorpus& corpus, const std::string& source,
                   const fs::path& run, bool resume) {
  validate(config);
  TextPretraining task(config, corpus);
  open_run_folder(run, write_config(config),
                  {{"source", source},
                   {"checksum", corpus.checksum},
                   {"rows", corpus.rows},
                   {"test_records_left_out", corpus.held_out},
                   {"training_texts", corpus.training.size()},
                   {"validation_texts", corpus.validation.size()}},
                  resume);
  spdlog::info("pre-training a text tower on {}: {} training and {} validation texts, {} test records left out", source,
               corpus.training.size(), corpus.validation.size(), corpus.held_out);
  return run_training(task, config, run, resume);
}

}  // namespace deri
