#include "deri/eval/robustness.hpp"

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/eval/degradation.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/probe.hpp"
#include "deri/eval/zeroshot.hpp"

namespace deri {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// Records whose label shows in V6 alone: 0.1 mV or 1 mV of noise; the other leads have 0.3 mV.
class Robustness : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreInfo info;
    info.rate = 100;
    info.leads = standard_leads();
    info.samples = 100;
    info.label_sets = {{"noise", {"LOUD"}}};
    StoreWriter writer(folder_.path() / "store", info);
    Rng rng(4);
    for (int i = 0; i < 120; ++i) {
      const bool loud = rng.below(2) == 1;
      std::vector<std::int16_t> signal(1200);
      for (std::size_t k = 0; k < signal.size(); ++k)
        signal[k] = static_cast<std::int16_t>(rng.normal(0, k < 1100 ? 300 : loud ? 1000 : 100));
      StoreRecord record;
      record.id = record.patient = std::to_string(i);
      record.split = i < 60 ? kTrain : i < 80 ? kValidation : kTest;
      record.labels["noise"] = {};
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
        std::make_shared<WordPiece>(std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "loud"}, "test");
    bundle_ = new_model(config, tokenizer, Prompts::from_json(Json{{"LOUD", "loud"}}, "test"), 3);
    bundle_.model->eval();
    options_.label_sets = {"noise"};
    options_.resamples = 100;
    options_.threads = 1;
    options_.leads = {12, 2};
    options_.noise = {0, 300};
  }

  std::vector<RobustnessPoint> points() const { return robustness(bundle_, *store_, options_, torch::kCPU); }
  static const RobustnessPoint& at(const std::vector<RobustnessPoint>& points, const std::string& key) {
    for (const RobustnessPoint& point : points)
      if (score_key(point) == key) return point;
    fail("no point {}", key);
  }

  TemporaryDirectory folder_;
  std::unique_ptr<Store> store_;
  ModelBundle bundle_;
  RobustnessOptions options_;
};

TEST_F(Robustness, CleanPointsAreTheOrdinaryEvaluations) {
  const auto all = points();
  ASSERT_EQ(all.size(), 8U);
  ZeroShotOptions zero_shot_options;
  zero_shot_options.label_sets = {"noise"};
  zero_shot_options.resamples = 100;
  const auto clean = zero_shot(bundle_, *store_, zero_shot_options, torch::kCPU);
  for (const char* key : {"noise zero-shot leads 12", "noise zero-shot noise 0"})
    EXPECT_THAT(at(all, key).scored.scores, Pointwise(FloatNear(1e-5), clean[0].trained.scored.scores));
  ProbeOptions probe_options;
  probe_options.label_sets = {"noise"};
  probe_options.resamples = probe_options.permutations = 100;
  probe_options.threads = 1;
  const auto probe = linear_probe(bundle_, *store_, probe_options, torch::kCPU);
  EXPECT_THAT(at(all, "noise probe leads 12").scored.scores,
              Pointwise(FloatNear(1e-4), probe[0].trained.scored.scores));
  EXPECT_EQ(at(all, "noise probe leads 12").ids, probe[0].ids);
  EXPECT_EQ(at(all, "noise probe leads 12").auroc.value, probe[0].trained.metrics.macro.auroc);
}

TEST_F(Robustness, FallsWhereTheFindingIsTakenAway) {
  const auto all = points();
  const double clean = at(all, "noise probe leads 12").auroc.value;
  EXPECT_GT(clean, 0.95);
  EXPECT_LT(at(all, "noise probe leads 2").auroc.value, 0.75);  // V6 is gone
  EXPECT_NE(at(all, "noise probe noise 300").scored.scores, at(all, "noise probe noise 0").scored.scores);
}

TEST_F(Robustness, IsTheSameTwiceAndSortedByCurve) {
  const auto all = points(), again = points();
  const std::vector<std::string> expected = {
      "noise zero-shot leads 12", "noise zero-shot leads 2", "noise zero-shot noise 0", "noise zero-shot noise 300",
      "noise probe leads 12",     "noise probe leads 2",     "noise probe noise 0",     "noise probe noise 300"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(score_key(all[i]), expected[i]);
    EXPECT_EQ(all[i].scored.scores, again[i].scored.scores);
  }
  EXPECT_EQ(score_tables(all, Json::object()).size(), 8U);
  EXPECT_EQ(to_json(all, options_)["points"].size(), 8U);
}

TEST_F(Robustness, AModelWithoutPromptsIsProbedAlone) {
  bundle_.prompts = {};
  for (const RobustnessPoint& point : points()) EXPECT_EQ(point.reading, "probe");
  options_.leads = {7};
  EXPECT_DERI_ERROR(points(), HasSubstr("7 leads"));
  options_.label_sets = {"rhythm"};
  EXPECT_THROW(points(), Error);
}

}  // namespace
}  // namespace deri
