#include "deri/eval/zeroshot.hpp"

#include <cmath>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/run_page.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ZeroShot : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreInfo info;
    info.rate = 100;
    info.leads = standard_leads();
    info.samples = 100;
    info.label_sets = {{"side", {"LEFT", "RIGHT"}}, {"none", {"X"}}};
    StoreWriter writer(folder_.path() / "store", info);
    Rng rng(4);
    for (int i = 0; i < 24; ++i) {
      std::vector<std::int16_t> signal(1200);
      for (auto& sample : signal) sample = static_cast<std::int16_t>(rng.normal(0, 500));
      StoreRecord record;
      record.id = record.patient = std::to_string(i);
      record.split = i < 4 ? kTrain : i < 12 ? kValidation : kTest;
      record.report = "a report " + std::to_string(i % 5);
      if (i % 4 != 3) record.labels["side"] = {i % 2 == 0 ? "LEFT" : "RIGHT"};
      writer.add(record, signal);
    }
    writer.finish();
    store_ = std::make_unique<Store>(folder_.path() / "store");

    ModelConfig config;
    config.width = 16;
    config.pool_heads = config.rme_heads = 2;
    config.input.rate = 100;
    config.input.seconds = 1;
    config.text.trainable = true;
    config.text.hidden = 16;
    config.text.layers = 1;
    config.text.heads = 2;
    config.text.intermediate = 16;
    config.text.positions = config.text.max_tokens = 16;
    const auto tokenizer = std::make_shared<WordPiece>(
        std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "left", "right", "a", "report"}, "test");
    bundle_ = new_model(config, tokenizer,
                        Prompts::from_json({{"LEFT", {"left", "a left"}}, {"RIGHT", "right"}}, "p.json"), 3);
    bundle_.model->eval();
    options_.label_sets = {"side"};
    options_.resamples = 100;
  }

  TemporaryDirectory folder_;
  std::unique_ptr<Store> store_;
  ModelBundle bundle_;
  ZeroShotOptions options_;
};

TEST_F(ZeroShot, ScoresAreCosinesWithTheMeanPromptEmbedding) {
  const LabelMatrix labels = label_matrix(*store_, store_->split(kTest), "side");
  const SignalReader reader = make_reader(*store_, bundle_.config.input);
  EcgSession session(*bundle_.model);
  const torch::Tensor records = embed_ecgs(session, reader, labels.indices, {.batch_size = 4});
  const torch::Tensor classes = class_embeddings(bundle_, labels.labels, torch::kCPU);
  const ScoredLabels scores = zero_shot_scores(records, classes, labels);
  ASSERT_EQ(scores.records(), labels.indices.size());

  // record 2, label LEFT, by hand and one record at a time
  std::vector<float> ecg(1200);
  reader.read(labels.indices[2], ecg);
  const torch::NoGradGuard no_grad;
  const torch::Tensor embedding = bundle_.model->ecg_embedding(torch::from_blob(ecg.data(), {1, 12, 100}))[0];
  const torch::Tensor prompts = embed_texts(bundle_, {"left", "a left"}, torch::kCPU);
  EXPECT_NEAR(prompts[0].norm().item<double>(), 1, 1e-5);
  const torch::Tensor prompt = (prompts[0] + prompts[1]) / 2;
  const double cosine = torch::cosine_similarity(embedding, prompt, 0).item<double>();
  EXPECT_NEAR(scores.scores[2 * 2], cosine, 1e-4);
}

TEST_F(ZeroShot, ResultsDoNotDependOnTheBatchAndLeaveTheModeAlone) {
  const SignalReader reader = make_reader(*store_, bundle_.config.input);
  bundle_.model->train();
  EcgSession session(*bundle_.model);
  const torch::Tensor one = embed_ecgs(session, reader, store_->split(kTest), {.batch_size = 1});
  EXPECT_TRUE(bundle_.model->is_training());
  EXPECT_TRUE(torch::allclose(one, embed_ecgs(session, reader, store_->split(kTest), {.batch_size = 5}), 1e-4, 1e-5));
}

TEST_F(ZeroShot, ReportsTrainedUntrainedAndTheirDifference) {
  const auto results = zero_shot(bundle_, *store_, options_, torch::kCPU);
  ASSERT_EQ(results.size(), 1U);
  const ZeroShotResult& result = results[0];
  EXPECT_EQ(result.ids.size(), 9U);  // of 12 test records, those with a label of the set
  EXPECT_EQ(result.trained.metrics.labels[0].positives + result.trained.metrics.labels[1].positives, 9U);
  EXPECT_NEAR(result.difference.difference,
              result.trained.intervals.macro.auroc.value - result.untrained.intervals.macro.auroc.value, 1e-12);
  EXPECT_NE(result.trained.intervals.labels[0].auroc.value, result.untrained.intervals.labels[0].auroc.value);
  EXPECT_EQ(result.trained.metrics.threshold_source, ThresholdSource::kValidation);

  const Json json = to_json(results, options_);
  EXPECT_EQ(json["threshold_chosen_on"], "validation");
  EXPECT_EQ(json["label_sets"]["side"]["trained"]["labels"][0]["label"], "LEFT");
  EXPECT_THAT(to_text(results), AllOf(HasSubstr("LEFT"), HasSubstr("untrained")));
  EXPECT_NEAR(mean_zero_shot_auroc(bundle_, *store_, kTest, {"side"}, 4, torch::kCPU),
              result.trained.metrics.macro.auroc, 1e-9);
}

TEST_F(ZeroShot, PublishedProtocolChoosesThresholdsOnTheScoredSplit) {
  options_.published_protocol = true;
  const auto results = zero_shot(bundle_, *store_, options_, torch::kCPU);
  EXPECT_EQ(results[0].trained.metrics.threshold_source, ThresholdSource::kTest);
  EXPECT_EQ(to_json(results, options_)["protocol"], "published");
}

TEST_F(ZeroShot, ErrorsSayWhatIsMissing) {
  options_.label_sets = {"none"};
  EXPECT_DERI_ERROR(zero_shot(bundle_, *store_, options_, torch::kCPU), HasSubstr("'none'"));
  options_.label_sets = {"side"};
  bundle_.prompts = Prompts::from_json({{"LEFT", "left"}}, "p.json");
  EXPECT_DERI_ERROR(zero_shot(bundle_, *store_, options_, torch::kCPU), HasSubstr("'RIGHT'"));
  EXPECT_DERI_ERROR(parse_device("gpu"), HasSubstr("'gpu'"));
}

TEST_F(ZeroShot, ThePageShowsCurvesTablesAndExamples) {
  save_json(folder_.path() / "z.json", to_json(zero_shot(bundle_, *store_, options_, torch::kCPU), options_));
  write_file_atomic(folder_.path() / "metrics.jsonl",
                    "{\"kind\":\"epoch_train\",\"step\":1,\"loss\":3.5}\n"
                    "{\"kind\":\"epoch_validation\",\"step\":1,\"loss\":3.25,\"zero_shot_auroc\":0.5}\n");
  save_json(folder_.path() / "summary.json", {{"training_records", 4}, {"epochs", 1}, {"best_epoch", 1}});
  RunPageInputs inputs;
  inputs.run = folder_.path();
  inputs.zero_shot_json = folder_.path() / "z.json";
  inputs.bundle = &bundle_;
  inputs.store = store_.get();
  inputs.note = "a < caveat";
  const std::string page = run_page(inputs);
  EXPECT_THAT(
      page, AllOf(HasSubstr("a &lt; caveat"), HasSubstr("Zero-shot"), HasSubstr("LEFT"), HasSubstr("nearest report")));
  save_json(folder_.path() / "z.json", {{"label_sets", {{"side", 3}}}});
  EXPECT_DERI_ERROR(run_page(inputs), HasSubstr("z.json"));
}

}  // namespace
}  // namespace deri
