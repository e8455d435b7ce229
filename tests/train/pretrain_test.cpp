#include "deri/train/pretrain.hpp"

#include <cmath>
#include <map>
#include <sstream>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"
#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/base/safetensors.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/nn/precision.hpp"
#include "deri/train/checkpoint.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

// A store of 12 leads x 200 samples in two classes, told apart by the frequency of a sine, with reports that say which.
void write_toy_store(const fs::path& path) {
  StoreInfo info;
  info.rate = 100;
  info.leads = standard_leads();
  info.samples = 200;
  info.label_sets = {{"speed", {"FAST", "SLOW"}}};
  StoreWriter writer(path, info);
  Rng rng(9);
  for (int i = 0; i < 60; ++i) {
    const bool fast = i % 2 == 0;
    const double phase = rng.uniform(0, 6.28), hertz = fast ? rng.uniform(5, 7) : rng.uniform(1, 2);
    std::vector<std::int16_t> signal;
    for (int lead = 0; lead < 12; ++lead)
      for (int t = 0; t < 200; ++t)
        signal.push_back(static_cast<std::int16_t>((300 + 40 * lead) * std::sin(phase + 6.2832 * hertz * t / 100) +
                                                   rng.normal(0, 20)));
    StoreRecord record;
    record.id = std::to_string(i);
    record.patient = std::to_string(i);
    record.split = i < 40 ? kTrain : i < 50 ? kValidation : kTest;
    record.report = fmt::format("{} rhythm number {}", fast ? "fast" : "slow", i / 4 % 5);
    record.labels["speed"] = {fast ? "FAST" : "SLOW"};
    writer.add(record, signal);
  }
  writer.finish();
}

class Pretrain : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { init_logging(false, true); }

  void SetUp() override {
    write_toy_store(folder_.path() / "store");
    save_json(folder_.path() / "prompts.json", {{"FAST", "fast"}, {"SLOW", {"slow", "slow rhythm"}}});
    write_file_atomic(folder_.path() / "config.yaml", R"(
epochs: 4
batch_size: 16
vocabulary_size: 200
checkpoint_steps: 2
log_steps: 1
model:
  backbone: resnet18
  width: 32
  input: {rate: 100, seconds: 2, scaling: lead-zscore}
  text: {trainable: true, hidden: 32, layers: 0, pooling: mean, heads: 2, intermediate: 64, positions: 32, max_tokens: 16, pad_to_max: false}
optimiser: {learning_rate: 2e-3, clip_norm: 1}
augment: {gain: 0.1, shift_seconds: 0.1}
selection: {prompts: prompts.json, label_sets: [speed]}
)");
  }

  PretrainConfig config(const std::vector<std::string>& overrides = {}) {
    return load_pretrain_config(folder_.path() / "config.yaml", overrides);
  }
  Json train(const std::string& run, bool resume = false, const std::vector<std::string>& overrides = {}) {
    return pretrain(config(overrides), Store(folder_.path() / "store"), folder_.path() / run, resume);
  }
  // A HuggingFace folder with a tower of random weights that knows the reports' words.
  fs::path write_tower() {
    const WordPiece tokenizer({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "fast", "slow", "rhythm", "number", "0", "1", "2"},
                              "a test");
    TextTowerConfig text;
    text.vocabulary = static_cast<std::int64_t>(tokenizer.size());
    text.hidden = 32;
    text.layers = 2;
    text.heads = 2;
    text.intermediate = 64;
    text.positions = 16;
    torch::manual_seed(8);
    const BertForMaskedLm model(bert_options(text));
    save_huggingface_bert(folder_.path() / "tower", model, text, tokenizer);
    return folder_.path() / "tower";
  }
  Json train_frozen(const std::string& run, std::vector<std::string> overrides) {
    for (const std::string& set :
         {fmt::format("model.text.pretrained={}", write_tower().string()), std::string("model.text.trainable=false"),
          std::string("epochs=3"), std::string("selection={by: loss}")})
      overrides.push_back(set);
    return train(run, false, overrides);
  }
  // Of every step, and of every epoch's validation.
  std::vector<double> losses(const std::string& run) {
    std::vector<double> found;
    std::istringstream lines(read_file(folder_.path() / run / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) found.push_back(parse_json(line, run).at("loss").get<double>());
    return found;
  }
  std::string weights(const std::string& run) { return read_file(folder_.path() / run / "last/model.safetensors"); }

  TemporaryDirectory folder_;
};

TEST_F(Pretrain, LearnsWritesTheRunFolderAndTheModelIsUsable) {
  const Json summary = train("run", false, {"epochs=20"});
  const fs::path run = folder_.path() / "run";
  for (const char* name : {"config.yaml", "data.json", "metrics.jsonl", "summary.json", "best/config.json",
                           "best/vocab.txt", "best/prompts.json", "best/README.md", "last/model.safetensors"})
    EXPECT_TRUE(fs::exists(run / name)) << name;
  EXPECT_EQ(summary["steps"], 60);
  EXPECT_GT(summary["best_validation_score"].get<double>(), 0.9);
  int epochs = 0;
  std::istringstream metrics(read_file(run / "metrics.jsonl"));
  for (std::string line; std::getline(metrics, line);) {
    const Json values = parse_json(line, "metrics.jsonl");
    if (values["kind"] != "epoch_train") continue;
    ++epochs;
    EXPECT_GT(values["loader_wait_share"].get<double>(), 0);
    EXPECT_LT(values["loader_wait_share"].get<double>(), 1);
  }
  EXPECT_EQ(epochs, 20);

  const ModelBundle bundle = load_model(run / "best");
  const Store store(folder_.path() / "store");
  ZeroShotOptions options;
  options.label_sets = {"speed"};
  options.resamples = 100;
  const auto results = zero_shot(bundle, store, options, torch::kCPU);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].ids.size(), 10U);
  EXPECT_GT(results[0].trained.metrics.macro.auroc, 0.9);
  EXPECT_EQ(bundle.training["seed"], 42);
}

TEST_F(Pretrain, ResumedRunEndsWithTheSameBits) {
  train("whole");
  for (const char* precision : {"float32", "bfloat16"}) {
    const std::string set = fmt::format("precision={}", precision);
    const std::string whole = fmt::format("whole-{}", precision), cut = fmt::format("cut-{}", precision);
    train(whole, false, {set});
    train(cut, false, {set});
    // Back to the middle of an epoch, as a kill leaves it: the newest checkpoint is older than what metrics.jsonl
    // tells.
    const fs::path checkpoints = folder_.path() / cut / "checkpoints";
    std::vector<fs::path> files(fs::directory_iterator(checkpoints), {});
    std::sort(files.begin(), files.end());
    ASSERT_EQ(files.size(), 2U);
    fs::remove(files.back());
    fs::remove_all(folder_.path() / cut / "last");
    const std::string metrics = read_file(folder_.path() / cut / "metrics.jsonl");
    train(cut, true, {set});
    EXPECT_TRUE(weights(whole) == weights(cut)) << precision;  // EXPECT_EQ would write out how the bytes differ
    EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), [&] {
      const std::string again = read_file(folder_.path() / cut / "metrics.jsonl");
      return std::count(again.begin(), again.end(), '\n');
    }());
  }
  EXPECT_TRUE(weights("whole") == weights("whole-float32"));
  EXPECT_TRUE(weights("whole") != weights("whole-bfloat16"));
}

TEST_F(Pretrain, MerlTrainsOnTheSameStore) {
  const Json summary = train("run", false, {"model.kind=merl", "model.downconv_stride=1", "epochs=12"});
  EXPECT_EQ(summary["kind"], "merl");
  EXPECT_GT(summary["best_validation_score"].get<double>(), 0.8);
}

TEST_F(Pretrain, SelectsByLossIfAsked) {
  const Json summary = train("run", false, {"selection={by: loss}", "epochs=2"});
  EXPECT_EQ(summary["selected_by"], "loss");
  EXPECT_FALSE(fs::exists(folder_.path() / "run/best/prompts.json"));
}

// A tower in evaluation mode draws no random numbers: whatever else a step draws is the same either way. With weights
// that hardly move, every step's loss shows the features' rounding alone; else AdamW makes more of any difference, step
// by step.
TEST_F(Pretrain, KeptTextFeaturesGiveTheLossesOfTheLiveTower) {
  struct Case {
    std::vector<std::string> set;
    double tolerance;
  };
  const std::vector<Case> cases = {
      {{}, 1e-4},
      {{"model.text.pad_to_max=true", "model.mask_padding=false"}, 1e-4},
      {{"model.text.pad_to_max=true", "model.interaction_dropout=0.5"}, 1e-4},
      {{"model.kind=merl", "model.downconv_stride=1"}, 1e-4},
      // Under autocast the live tower computes in bfloat16, whose rounding is 8 times as coarse.
      {{"precision=bfloat16"}, 5e-3},
      // A training as it is.
      {{"optimiser.learning_rate=2e-3"}, 5e-2}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    std::vector<std::string> live = {"optimiser.learning_rate=1e-9"};
    live.insert(live.end(), cases[i].set.begin(), cases[i].set.end());
    auto kept = live;
    live.emplace_back("text_features=off");
    kept.push_back(fmt::format("text_features={}", (folder_.path() / fmt::format("features-{}", i)).string()));
    train_frozen(fmt::format("live-{}", i), live);
    train_frozen(fmt::format("kept-{}", i), kept);
    const auto expected = losses(fmt::format("live-{}", i)), found = losses(fmt::format("kept-{}", i));
    ASSERT_EQ(expected.size(), 15U);  // 9 steps, and 3 epochs' training and validation
    ASSERT_EQ(found.size(), expected.size());
    double largest = 0;
    for (std::size_t line = 0; line < found.size(); ++line)
      largest = std::max(largest, std::abs(found[line] / expected[line] - 1));
    EXPECT_LE(largest, cases[i].tolerance) << i;
    EXPECT_GT(largest, 0) << i << ": the live tower was used";
  }
}

TEST_F(Pretrain, KeptTextFeaturesAreSharedByRunsAndMadeBesideTheStore) {
  const fs::path features = folder_.path() / "store.text-features";
  train_frozen("live", {"augment.token_dropout=0.5"});
  train("own", false, {"epochs=1"});
  EXPECT_FALSE(fs::exists(features)) << "reports that change, and a tower that learns, have no features to keep";
  train_frozen("first", {"seed=1"});
  ASSERT_TRUE(fs::exists(features));
  const auto written = [&] {
    std::map<std::string, fs::file_time_type> times;
    for (const auto& entry : fs::recursive_directory_iterator(features))
      if (entry.path().extension() != ".lock") times[entry.path().string()] = fs::last_write_time(entry.path());
    return times;
  };
  const auto before = written();
  EXPECT_EQ(before.size(), 5U);
  train_frozen("second", {"seed=2"});
  train_frozen("again", {"seed=1"});
  EXPECT_EQ(written(), before);
  EXPECT_TRUE(weights("again") == weights("first"));
  EXPECT_FALSE(fs::exists(folder_.path() / "text-features"));
}

TEST_F(Pretrain, KeptTextFeaturesGoBesideTheRunIfTheStoreIsReadOnly) {
  write_file_atomic(folder_.path() / "store.text-features", "in the way");
  make_directories(folder_.path() / "runs");
  train_frozen("runs/first", {});
  EXPECT_TRUE(fs::is_directory(folder_.path() / "runs/text-features"));
}

TEST_F(Pretrain, RefusesWhatDoesNotFit) {
  EXPECT_DERI_ERROR(config({"epoch=3"}), AllOf(HasSubstr("config.yaml"), HasSubstr("'epochs'")));
  EXPECT_DERI_ERROR(config({"batch_size=1"}), HasSubstr("batch_size"));
  EXPECT_DERI_ERROR(config({"precision=float16"}), HasSubstr("'float16'"));
  EXPECT_DERI_ERROR(config({"text_features=''"}), HasSubstr("text_features"));
  EXPECT_EQ(config({"text_features=kept"}).text_features, (folder_.path() / "kept").string());
  EXPECT_DERI_ERROR(train("run", false, {"device=cuda:0"}), HasSubstr("cuda"));
  EXPECT_DERI_ERROR(train("run", false, {"model.text.trainable=false"}), HasSubstr("text.trainable"));
  EXPECT_DERI_ERROR(train("run", false, {"model.input.leads=[I, X9]"}), HasSubstr("X9"));
  EXPECT_DERI_ERROR(train("run", false, {"selection.label_sets=[super]"}), HasSubstr("super"));
  EXPECT_DERI_ERROR(train("run2", false, {"optimiser.learning_rate=1e20", "optimiser.clip_norm=0"}),
                    HasSubstr("not finite"));
}

TEST_F(Pretrain, ResumeRefusesAnotherConfigurationAndARunInTheWay) {
  train("run", false, {"epochs=1"});
  EXPECT_DERI_ERROR(train("run", false, {"epochs=1"}), HasSubstr("--resume"));
  EXPECT_DERI_ERROR(train("run", true, {"epochs=2"}), HasSubstr("another 'epochs'"));
  make_directories(folder_.path() / "mine");
  write_file_atomic(folder_.path() / "mine/notes.txt", "not a run");
  EXPECT_DERI_ERROR(train("mine"), HasSubstr("not a run folder"));
}

TEST_F(Pretrain, DamagedCheckpointIsNamed) {
  train("run", false, {"epochs=1"});
  for (const auto& entry : fs::directory_iterator(folder_.path() / "run/checkpoints"))
    write_file_atomic(entry.path(), read_file(entry.path()).substr(0, 1000));
  EXPECT_DERI_ERROR(train("run", true, {"epochs=1"}), AllOf(HasSubstr("checkpoints"), HasSubstr("safetensors")));
}

TEST(Precision, AutocastRunsMatrixProductsInBfloat16AndEnds) {
  const torch::Tensor a = torch::ones({4, 4});
  {
    const AutocastGuard guard(Precision::kBfloat16, torch::kCPU);
    EXPECT_EQ(torch::matmul(a, a).scalar_type(), torch::kBFloat16);
  }
  EXPECT_EQ(torch::matmul(a, a).scalar_type(), torch::kFloat32);
  EXPECT_DERI_ERROR(parse_precision("half"), HasSubstr("'half'"));
}

}  // namespace
}  // namespace deri
