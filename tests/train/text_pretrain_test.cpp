#include "deri/train/text_pretrain.hpp"

#include "testing/testing.hpp"

#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/model/weights.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Sentences whose second word follows from the first: what a masked model can learn and word counts cannot.
ReportCorpus toy_corpus() {
  Rng rng(4);
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"atrial", "fibrillation"}, {"sinus", "rhythm"}, {"bundle", "block"}, {"axis", "deviation"}};
  const auto text = [&] {
    std::string words;
    for (int i = 0; i < 4; ++i) {
      const auto& [first, second] = rng.pick(pairs);
      words += fmt::format("{} {} ", first, second);
    }
    return words + ".";
  };
  ReportCorpus corpus;
  for (int i = 0; i < 300; ++i) corpus.training.push_back(text());
  for (int i = 0; i < 40; ++i) corpus.validation.push_back(text());
  corpus.checksum = "toy";
  return corpus;
}

class TextPretrain : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { init_logging(false, true); }
  void SetUp() override {
    write_file_atomic(folder_.path() / "text.yaml", R"(
epochs: 6
batch_size: 16
vocabulary_size: 120
checkpoint_steps: 5
log_steps: 1
text: {hidden: 32, layers: 1, heads: 2, intermediate: 64, positions: 32, max_tokens: 32, dropout: 0}
optimiser: {learning_rate: 5e-3, clip_norm: 1}
)");
  }
  TextPretrainConfig config(const std::vector<std::string>& overrides = {}) {
    return load_text_pretrain_config(folder_.path() / "text.yaml", overrides);
  }
  Json train(const std::string& run, bool resume = false, const std::vector<std::string>& overrides = {}) {
    return pretrain_text(config(overrides), toy_corpus(), "toy", folder_.path() / run, resume);
  }
  std::vector<Json> lines(const std::string& run, const std::string& kind) {
    std::vector<Json> found;
    std::istringstream text(read_file(folder_.path() / run / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);)
      if (Json json = Json::parse(line); json["kind"] == kind) found.push_back(json);
    return found;
  }

  TemporaryDirectory folder_;
};

TEST_F(TextPretrain, LearnsWhatCountingCannot) {
  train("run");
  const auto validation = lines("run", "epoch_validation");
  ASSERT_EQ(validation.size(), 6U);
  EXPECT_LT(validation.back()["loss"].get<double>(), 0.6 * validation.back()["unigram_loss"].get<double>());
  EXPECT_EQ(validation.front()["unigram_loss"], validation.back()["unigram_loss"]);
  EXPECT_GT(validation.back()["accuracy"].get<double>(), validation.front()["accuracy"].get<double>());
}

TEST_F(TextPretrain, WritesATowerThatPretrainingTakes) {
  train("run", false, {"epochs=1"});
  const fs::path tower = folder_.path() / "run/best";
  ModelConfig model;
  model.text.pretrained = tower.string();
  model.text.max_tokens = 32;
  const HuggingFaceBert bert = open_huggingface_bert(tower, model.text);
  EXPECT_EQ(bert.config.hidden, 32);
  EXPECT_EQ(bert.config.vocabulary, static_cast<std::int64_t>(bert.tokenizer->size()));
  const ModelBundle bundle = new_model(model, bert.tokenizer, {}, 1);
  const auto saved = load_tensors(tower / "model.safetensors");
  for (const auto& [name, tensor] : module_tensors(bundle.model->text_tower()))
    EXPECT_TRUE(torch::equal(tensor, saved.at("bert." + name))) << name;
  EXPECT_TRUE(saved.contains("cls.predictions.transform.LayerNorm.weight"));
}

TEST_F(TextPretrain, GoesOnFromATower) {
  train("first", false, {"epochs=3"});
  train("second", false, {"epochs=1", "text.pretrained=first/best", "optimiser.learning_rate=1e-5"});
  // The head is new, so the first loss is not the last one of before; the tower's weights hardly moved.
  const auto before = load_tensors(folder_.path() / "first/best/model.safetensors");
  const auto after = load_tensors(folder_.path() / "second/best/model.safetensors");
  const std::string name = "bert.encoder.layer.0.attention.self.query.weight";
  EXPECT_TRUE(torch::allclose(before.at(name), after.at(name), 0, 1e-3));
  EXPECT_EQ(read_file(folder_.path() / "first/best/vocab.txt"), read_file(folder_.path() / "second/best/vocab.txt"));
}

TEST_F(TextPretrain, ResumedRunEndsWithTheSameBits) {
  train("whole", false, {"epochs=2"});
  train("cut", false, {"epochs=2"});
  std::vector<fs::path> files(fs::directory_iterator(folder_.path() / "cut/checkpoints"), {});
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 2U);
  fs::remove(files.back());
  fs::remove_all(folder_.path() / "cut/last");
  train("cut", true, {"epochs=2"});
  EXPECT_TRUE(read_file(folder_.path() / "whole/last/model.safetensors") ==
              read_file(folder_.path() / "cut/last/model.safetensors"));
}

TEST_F(TextPretrain, RefusesWhatDoesNotFit) {
  EXPECT_DERI_ERROR(config({"mask_ratio=1"}), AllOf(HasSubstr("text.yaml"), HasSubstr("mask_ratio")));
  EXPECT_DERI_ERROR(config({"text.layers=0", "text.pooling=mean"}), HasSubstr("text.layers"));
  EXPECT_DERI_ERROR(config({"report_language=de"}), HasSubstr("mixed"));
  EXPECT_DERI_ERROR(config({"mask_rato=0.1"}), HasSubstr("'mask_ratio'"));
  train("run", false, {"epochs=1"});
  EXPECT_DERI_ERROR(train("run", false, {"epochs=1"}), HasSubstr("--resume"));
  EXPECT_DERI_ERROR(train("run", true, {"epochs=1", "mask_ratio=0.3"}), HasSubstr("mask_ratio"));
}

}  // namespace
}  // namespace deri
