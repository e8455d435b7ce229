#include "deri/eval/probe.hpp"

#include <algorithm>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/data/subset.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/eval/comparison.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Records whose label shows in their amplitude: 0.1 mV or 1 mV of noise. An encoder that sees mV tells them apart
// whatever its weights; the label "COIN" nobody can tell.
class Probe : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreInfo info;
    info.rate = 100;
    info.leads = standard_leads();
    info.samples = 100;
    info.label_sets = {{"noise", {"COIN", "LOUD"}}, {"none", {"X"}}};
    StoreWriter writer(folder_.path() / "store", info);
    Rng rng(4);
    for (int i = 0; i < 120; ++i) {
      const bool loud = rng.below(2) == 1;
      std::vector<std::int16_t> signal(1200);
      for (auto& sample : signal) sample = static_cast<std::int16_t>(rng.normal(0, loud ? 1000 : 100));
      StoreRecord record;
      record.id = record.patient = std::to_string(i);
      record.split = i < 60 ? kTrain : i < 80 ? kValidation : kTest;
      record.labels["noise"] = {};
      if (rng.below(2) == 1) record.labels["noise"].emplace_back("COIN");
      if (loud) record.labels["noise"].emplace_back("LOUD");
      writer.add(record, signal);
    }
    writer.finish();
    store_ = std::make_unique<Store>(folder_.path() / "store");

    ModelConfig config;
    config.width = 16;
    config.pool_heads = config.rme_heads = 2;
    config.input.rate = 100;
    config.input.seconds = 1;
    config.input.scaling = "millivolt";
    config.text.trainable = true;
    config.text.hidden = 16;
    config.text.layers = 1;
    config.text.heads = 2;
    config.text.intermediate = 16;
    config.text.positions = config.text.max_tokens = 16;
    const auto tokenizer =
        std::make_shared<WordPiece>(std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"}, "test");
    bundle_ = new_model(config, tokenizer, {}, 3);
    bundle_.model->eval();
    options_.label_sets = {"noise"};
    options_.resamples = options_.permutations = 100;
    options_.threads = 1;
  }

  std::vector<ProbeResult> probe() const { return linear_probe(bundle_, *store_, options_, torch::kCPU); }

  TemporaryDirectory folder_;
  std::unique_ptr<Store> store_;
  ModelBundle bundle_;
  ProbeOptions options_;
};

TEST_F(Probe, ReadsWhatTheFeaturesShowAndNothingElse) {
  options_.views = {EcgView::kEncoder};
  const ProbeResult result = probe().at(0);
  EXPECT_EQ(result.train_records, 60U);
  EXPECT_EQ(result.ids.size(), 40U);
  EXPECT_EQ(result.ids.front(), "80");
  for (const ProbeScores* scores : {&result.trained, &result.untrained}) {
    EXPECT_EQ(scores->metrics.labels.at(1).name, "LOUD");
    EXPECT_GT(scores->metrics.labels.at(1).auroc, 0.99);
    EXPECT_GT(scores->metrics.labels.at(1).accuracy, 0.8);  // its threshold rests on 20 records
    EXPECT_NEAR(scores->metrics.labels.at(0).auroc, 0.5, 0.3);
    EXPECT_TRUE(scores->scored.probabilities);
  }
  EXPECT_GE(result.difference.macro.p_value, 0.005);
}

TEST_F(Probe, TheBestViewOnValidationIsTaken) {
  const ProbeResult result = probe().at(0);
  const Json& views = result.trained.fit.at("validation_auroc_of_views");
  ASSERT_EQ(views.size(), 3U);
  double best = 0;
  for (const auto& [name, auroc] : views.items()) best = std::max(best, auroc.get<double>());
  EXPECT_EQ(views.at(view_name(result.trained.view)).get<double>(), best);
}

TEST_F(Probe, FractionsAreScikitLearnsSubsets) {
  options_.views = {EcgView::kAligned};
  options_.fractions = {0.1, 1};
  const auto results = probe();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].train_records, split_off_train(60, 0.1).train.size());
  EXPECT_EQ(results[1].train_records, 60U);
  options_.fractions = {0.001};
  EXPECT_THROW(probe(), Error);
}

TEST_F(Probe, TheSameOptionsGiveTheSameNumbers) {
  EXPECT_EQ(to_json(probe(), options_), to_json(probe(), options_));
}

TEST_F(Probe, ThePublishedProtocolIsMarked) {
  options_.published_protocol = true;
  const auto results = probe();
  EXPECT_EQ(results.at(0).trained.view, EcgView::kEncoder);
  EXPECT_EQ(results.at(0).trained.metrics.threshold_source, ThresholdSource::kTest);
  EXPECT_EQ(to_json(results, options_).at("protocol"), "published");
  options_.views = {EcgView::kEncoder, EcgView::kMix};
  EXPECT_DERI_ERROR(probe(), HasSubstr("one view"));
}

TEST_F(Probe, SaysWhatIsMissing) {
  options_.label_sets = {"none"};
  EXPECT_DERI_ERROR(probe(), AllOf(HasSubstr("train"), HasSubstr("none")));
  options_.label_sets = {"nonsense"};
  EXPECT_DERI_ERROR(probe(), HasSubstr("nonsense"));
}

TEST_F(Probe, ResultFilesCompareByTheirScores) {
  options_.views = {EcgView::kEncoder};
  const ProbeResult result = probe().at(0);
  const auto a = folder_.path() / "a.json";
  const auto b = folder_.path() / "b.json";
  save_result(a, Json::object(), {{"noise@1", {result.ids, result.trained.scored, Json::object()}}});
  EXPECT_DERI_ERROR(compare_results(a, b), HasSubstr("b.scores"));
  save_result(b, Json::object(), {{"other", {result.ids, result.untrained.scored, Json::object()}}});
  EXPECT_DERI_ERROR(compare_results(a, b), HasSubstr("nothing in common"));
  save_result(b, Json::object(), {{"noise@1", {result.ids, result.untrained.scored, Json::object()}}});
  PairedOptions paired;
  paired.permutations = paired.resamples = 100;
  const auto comparisons = compare_results(a, b, paired);
  ASSERT_EQ(comparisons.size(), 1U);
  EXPECT_EQ(comparisons[0].key, "noise@1");
  EXPECT_EQ(comparisons[0].comparison.macro.difference.value, result.difference.macro.difference.value);
  EXPECT_THAT(to_text(comparisons), HasSubstr("noise@1"));
  write_file_atomic(folder_.path() / "b.scores" / "thesis.txt", "mine");
  EXPECT_DERI_ERROR(save_result(b, Json::object(), {}), HasSubstr("thesis.txt"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "b.scores" / "thesis.txt"));
}

}  // namespace
}  // namespace deri
