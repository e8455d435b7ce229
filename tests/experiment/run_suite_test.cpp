#include "deri/experiment/run_suite.hpp"

#include <cmath>

#include "testing/testing.hpp"

#include "deri/base/file_lock.hpp"
#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/data/store.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

// Two classes told apart by the frequency of a sine, with reports that say which.
void write_store(const fs::path& path) {
  StoreInfo info;
  info.rate = 100;
  info.leads = standard_leads();
  info.samples = 100;
  info.label_sets = {{"speed", {"FAST", "SLOW"}}, {"fast", {"FAST"}}};
  StoreWriter writer(path, info);
  Rng rng(9);
  for (int i = 0; i < 60; ++i) {
    const bool fast = i % 2 == 0;
    const double phase = rng.uniform(0, 6.28), hertz = fast ? rng.uniform(8, 10) : rng.uniform(2, 3);
    std::vector<std::int16_t> signal;
    for (int k = 0; k < 1200; ++k)
      signal.push_back(static_cast<std::int16_t>(500 * std::sin(phase + 0.062832 * hertz * (k % 100))));
    StoreRecord record;
    record.id = record.patient = std::to_string(i);
    record.split = i < 30 ? kTrain : i < 44 ? kValidation : kTest;
    record.report = fmt::format("{} rhythm number {}", fast ? "fast" : "slow", i < 30 ? i % 5 : i % 9);
    record.labels["speed"] = {fast ? "FAST" : "SLOW"};
    record.labels["fast"] = {};
    if (fast) record.labels["fast"] = {"FAST"};
    writer.add(record, signal);
  }
  writer.finish();
}

class RunSuite : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { init_logging(false, true); }

  void SetUp() override {
    write_store(at("store"));
    save_json(at("prompts.json"), {{"FAST", "fast"}, {"SLOW", "slow rhythm"}});
    write_file_atomic(at("model.yaml"), R"(
epochs: 2
batch_size: 15
vocabulary_size: 150
model:
  width: 16
  input: {rate: 100, seconds: 1, scaling: lead-zscore}
  text: {trainable: true, hidden: 16, layers: 0, pooling: mean, heads: 2, intermediate: 32, positions: 32, max_tokens: 16, pad_to_max: false}
optimiser: {learning_rate: 2e-3, clip_norm: 1}
selection: {prompts: prompts.json, label_sets: [speed]}
)");
    write_file_atomic(at("text.yaml"), R"(
epochs: 1
vocabulary_size: 150
text: {hidden: 16, layers: 1, heads: 2, intermediate: 32, positions: 32, max_tokens: 16}
)");
    write();
  }

  // Two models and the tasks that tests need most; more of both where asked for.
  void write(const std::string& labels = "[speed]", const std::string& more_models = "",
             const std::string& more_tasks = "") {
    write_file_atomic(at("suite.yaml"), fmt::format(R"(
title: Toy
seeds: [1, 2]
resamples: 100
permutations: 100
data: [{{name: toy, store: store}}, {{name: elsewhere, about: a set nobody has}}]
towers: [{{name: words, config: text.yaml, reports: toy}}]
models:
  - {{name: MERL, config: model.yaml, train_on: toy, set: [model.kind=merl, model.downconv_stride=1]}}
  - {{name: DERI, config: model.yaml, train_on: toy}}
{1}
tasks:
  - {{name: zero-shot, kind: zero-shot, data: toy, labels: {0}}}
  - {{name: probe, kind: probe, data: toy, labels: [speed], fractions: [50, 100], views: [encoder]}}
{2}
compare: [[DERI, MERL]]
)",
                                                    labels, more_models, more_tasks));
  }

  SuiteResults run(bool available_only = false) {
    SuiteRunOptions options;
    options.out = at("out");
    options.available_only = available_only;
    return run_suite(load_suite(at("suite.yaml")), options);
  }
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  std::string text(const std::string& name) const { return read_file(at(name)); }

  TemporaryDirectory folder_;
};

TEST_F(RunSuite, TrainsMeasuresAndWritesEverything) {
  write("[speed, fast]", "",
        "  - {name: robustness, kind: robustness, data: toy, labels: [speed], leads: [12, 1], noise: [0]}\n"
        "  - {name: map, kind: map, data: toy, labels: [speed]}");
  const SuiteResults results = run();
  ASSERT_EQ(results.runs.size(), 4U);
  for (const TrainedRun& run : results.runs) {
    EXPECT_EQ(run.state, "done");
    EXPECT_GT(run.seconds, 0);
  }
  // Zero-shot: two label sets and their mean; probe: two fractions of one.
  ASSERT_EQ(results.columns.size(), 5U);
  const ResultColumn& mean = results.columns[2];
  EXPECT_EQ(mean.label_set, "mean");
  EXPECT_EQ(results.columns[0].records, 16U);
  EXPECT_EQ(results.columns[3].fraction, 0.5);
  for (std::size_t model = 0; model < 2; ++model) {
    ASSERT_EQ(mean.models.at(model).seeds.size(), 2U);
    const auto value = [&](std::size_t column) { return results.columns[column].models[model].trained.value; };
    EXPECT_NEAR(mean.models[model].trained.value, (value(0) + value(1)) / 2, 1e-12);
    const auto& seeds = results.columns[0].models[model].seeds;
    EXPECT_NEAR(value(0), (seeds[0].trained.value + seeds[1].trained.value) / 2, 1e-12);
    EXPECT_EQ(results.columns[0].models[model].difference.value,
              value(0) - results.columns[0].models[model].untrained.value);
  }
  ASSERT_EQ(mean.comparisons.size(), 1U);
  EXPECT_NEAR(mean.comparisons[0].difference.value, mean.models[1].trained.value - mean.models[0].trained.value, 1e-12);
  // Leads and noise, read by prompts and by a probe, of two models; a clean point is the probe's number.
  ASSERT_EQ(results.robustness.size(), 8U);
  EXPECT_EQ(results.robustness[2].reading, "probe");
  EXPECT_NEAR(results.robustness[2].auroc.at(0).value, results.columns[4].models[0].trained.value, 0.2);
  for (const char* name : {"out/results.json", "out/tables.md", "out/tables.tex", "out/index.html",
                           "out/results/DERI/seed-1/map.json", "out/runs/MERL/seed-2/best/model.safetensors"})
    EXPECT_TRUE(fs::exists(at(name))) << name;
  EXPECT_FALSE(fs::exists(at("out/results/DERI/seed-2/map.json")));
  EXPECT_THAT(text("out/tables.md"), AllOf(HasSubstr("MERL"), HasSubstr("DERI")));
  EXPECT_THAT(text("out/index.html"), AllOf(HasSubstr("</html>"), HasSubstr("<svg")));
}

TEST_F(RunSuite, DoesNothingTwiceAndWhatChangedAgain) {
  const SuiteResults first = run();
  const fs::path weights = at("out/runs/DERI/seed-1/best/model.safetensors");
  const fs::path zero_shot = at("out/results/DERI/seed-1/zero-shot.json"),
                 probe = at("out/results/DERI/seed-1/probe.json");
  const auto trained = fs::last_write_time(weights), scored = fs::last_write_time(zero_shot),
             probed = fs::last_write_time(probe);
  const std::string results = text("out/results.json");
  run();
  EXPECT_EQ(fs::last_write_time(weights), trained);
  EXPECT_EQ(fs::last_write_time(zero_shot), scored);
  EXPECT_EQ(text("out/results.json"), results);

  write("[speed, fast]");
  run();
  EXPECT_EQ(fs::last_write_time(weights), trained);
  EXPECT_NE(fs::last_write_time(zero_shot), scored);
  EXPECT_EQ(fs::last_write_time(probe), probed);

  // A result that is gone is made again, and is the same.
  fs::remove(probe);
  write();
  run();
  EXPECT_EQ(text("out/results.json"), results);
}

TEST_F(RunSuite, ATextTowerIsTrainedOnce) {
  write("[speed]",
        "  - {name: read, config: model.yaml, train_on: toy, tower: words, set: [model.text.pad_to_max=false]}");
  const SuiteResults results = run();
  for (const TrainedRun& run : results.runs) EXPECT_EQ(run.state, "done") << run.model;
  EXPECT_TRUE(fs::exists(at("out/towers/words/best/config.json")));
  EXPECT_THAT(text("out/runs/read/seed-2/config.yaml"), HasSubstr("towers/words/best"));
}

TEST_F(RunSuite, ARunThatFailsIsToldAndTheOthersGoOn) {
  write("[speed]", "  - {name: broken, config: nothing.yaml, train_on: toy}");
  const SuiteResults results = run();
  for (const TrainedRun& run : results.runs)
    EXPECT_THAT(run.state, run.model == "broken" ? HasSubstr("failed: ") : HasSubstr("done"));
  EXPECT_THAT(text("out/tables.md"), HasSubstr("nothing.yaml"));
}

TEST_F(RunSuite, WhatAnotherProcessIsAtIsLeftToIt) {
  make_directories(at("out/locks"));
  write_file_atomic(at("out/suite.json"), "{}");
  SuiteResults results;
  {
    const auto lock = FileLock::try_take(at("out/locks/DERI-seed-2"));
    ASSERT_TRUE(lock);
    results = run();
  }
  EXPECT_EQ(results.runs.at(2).state, "done");
  EXPECT_EQ(results.runs.at(3).state, "missing");
  EXPECT_EQ(results.columns.at(0).models.at(1).seeds.size(), 1U);
  EXPECT_EQ(run().runs.at(3).state, "done");
}

TEST_F(RunSuite, ADataSetThatIsNotThereStopsOrIsLeftOut) {
  write("[speed]", "  - {name: far, config: model.yaml, train_on: elsewhere}");
  EXPECT_DERI_ERROR(run(), AllOf(HasSubstr("a set nobody has"), HasSubstr("--data elsewhere=")));
  const SuiteResults results = run(true);
  EXPECT_EQ(results.models.size(), 2U);
  EXPECT_THAT(results.note, HasSubstr("model far"));
}

TEST_F(RunSuite, DoesNotWriteIntoAnothersFolder) {
  make_directories(at("out"));
  write_file_atomic(at("out/letter.txt"), "dear");
  EXPECT_DERI_ERROR(run(), HasSubstr("not the folder of a suite"));
}

}  // namespace
}  // namespace deri
