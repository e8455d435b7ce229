#include "deri/train/report_train.hpp"

#include <cmath>
#include <sstream>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"
#include "deri/base/log.hpp"
#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/report_scoring.hpp"
#include "deri/eval/report_writing.hpp"
#include "deri/model/writer_folder.hpp"
#include "deri/text/wordpiece_trainer.hpp"
#include "deri/train/checkpoint.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const char* const kFastReport = "sinus tachycardia. otherwise normal ecg.";
const char* const kSlowReport = "sinus bradycardia. left axis deviation.";

// 12 leads x 200 samples: a fast or a slow sine, with a report that says which. Record 39 has no report, record 38 a
// very long one.
void write_sine_store(const fs::path& path) {
  StoreInfo info;
  info.rate = 100;
  info.leads = standard_leads();
  info.samples = 200;
  info.label_sets = {{"speed", {"FAST", "SLOW"}}};
  StoreWriter writer(path, info);
  Rng rng(9);
  for (int i = 0; i < 64; ++i) {
    const bool fast = i % 2 == 0;
    const double phase = rng.uniform(0, 6.28), hertz = fast ? rng.uniform(5, 7) : rng.uniform(1, 2);
    std::vector<std::int16_t> signal;
    for (int lead = 0; lead < 12; ++lead)
      for (int t = 0; t < 200; ++t)
        signal.push_back(static_cast<std::int16_t>((300 + 40 * lead) * std::sin(phase + 6.2832 * hertz * t / 100)));
    StoreRecord record;
    record.id = std::to_string(i);
    record.patient = record.id;
    record.split = i < 40 ? kTrain : i < 52 ? kValidation : kTest;
    record.report = fast ? kFastReport : kSlowReport;
    if (i == 38)
      for (int repeats = 0; repeats < 10; ++repeats) record.report += " and more and more of it";
    if (i == 39) record.report = "";
    record.labels["speed"] = {fast ? "FAST" : "SLOW"};
    writer.add(record, signal);
  }
  writer.finish();
}

ModelBundle sine_encoder(std::uint64_t seed = 3) {
  ModelConfig config;
  config.width = 16;
  config.interaction_heads = 2;
  config.interaction_head_width = 8;
  config.input.rate = 100;
  config.input.seconds = 2;
  config.input.scaling = "lead-zscore";
  config.text.trainable = true;
  config.text.hidden = 16;
  config.text.layers = 1;
  config.text.heads = 2;
  config.text.intermediate = 16;
  config.text.positions = 40;
  config.text.max_tokens = 16;
  const std::vector<std::string> corpus{kFastReport, kSlowReport};
  return new_model(config, std::make_shared<WordPiece>(train_wordpiece(corpus, 200)),
                   Prompts::from_json({{"FAST", kFastReport}, {"SLOW", kSlowReport}}, "test"), seed);
}

class ReportTraining : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { init_logging(false, true); }

  void SetUp() override {
    write_sine_store(folder_.path() / "store");
    write_file_atomic(folder_.path() / "config.yaml", R"(
epochs: 4
batch_size: 8
vocabulary_size: 300
checkpoint_steps: 2
log_steps: 1
writer:
  encoding: encoder
  max_tokens: 32
  decoder: {width: 32, layers: 1, heads: 2, positions: 32}
optimiser: {learning_rate: 1e-2, clip_norm: 1}
)");
  }

  ReportTrainConfig config(const std::vector<std::string>& overrides = {}) {
    return load_report_train_config(folder_.path() / "config.yaml", overrides);
  }
  Json train(const std::string& run, const std::vector<std::string>& overrides = {}, bool resume = false) {
    return train_report_writer(config(overrides), sine_encoder(), "encoder", Store(folder_.path() / "store"),
                               folder_.path() / run, resume);
  }
  std::string weights(const std::string& run) { return read_file(folder_.path() / run / "last/writer.safetensors"); }
  std::vector<WrittenReport> test_reports(const std::string& run) {
    const WriterBundle bundle = load_writer(folder_.path() / run / "best");
    const Store store(folder_.path() / "store");
    const SignalReader reader = make_reader(store, bundle.encoder.config.input);
    std::vector<WrittenReport> reports;
    for (const char* split : {kValidation, kTest}) {
      const auto records = store.split(split);
      const auto texts = write_reports(bundle, reader, records, {}, torch::kCPU);
      for (std::size_t i = 0; i < records.size(); ++i)
        reports.push_back({.record = store.record(records[i]).id,
                           .split = split,
                           .truth = store.record(records[i]).report,
                           .text = texts[i].text});
    }
    return reports;
  }

  TemporaryDirectory folder_;
};

TEST_F(ReportTraining, LearnsToSayWhatIsThere) {
  const Json summary = train("run", {"epochs=30", "select_by=findings"});
  EXPECT_EQ(summary["training_reports"], 39);
  EXPECT_EQ(summary["records_without_report"], 1);
  EXPECT_EQ(summary["reports_cut"], 1);
  EXPECT_EQ(summary["encodings_kept"], 51);
  EXPECT_EQ(summary["selected_by"], "micro F1 of findings");
  EXPECT_GT(summary["best_validation_score"].get<double>(), 0.9);

  ReportScoringInputs inputs;
  inputs.reports = test_reports("run");
  const Store store(folder_.path() / "store");
  const ModelBundle judge = sine_encoder();
  inputs.store = &store;
  inputs.judge = &judge;
  inputs.label_sets = {"speed"};
  inputs.options.bootstrap.resamples = 200;
  const ReportScoring scoring = score_written_reports(inputs, torch::kCPU);
  EXPECT_TRUE(scoring.not_computed.empty());
  const auto& systems = scoring.comparison.systems;
  ASSERT_EQ(systems.size(), 4U);
  EXPECT_EQ(systems[0].name, "writer");
  EXPECT_EQ(systems[1].name, "shuffled ECGs");
  EXPECT_EQ(systems[2].name, "most frequent report");
  EXPECT_EQ(systems[3].name, "nearest ECG's report");
  EXPECT_GT(systems[0].findings.micro.f1.value, 0.9);
  EXPECT_LT(systems[1].findings.micro.f1.value, 0.8);
  EXPECT_LT(systems[2].findings.micro.f1.value, 0.8);
  EXPECT_GT(systems[0].overlap.rouge_l.value, 0.9);
  // The judge (untrained) tells the two reports apart somehow, so a writer's reports speak of labels; a constant one
  // cannot.
  ASSERT_EQ(systems[0].label_sets.size(), 1U);
  EXPECT_GT(std::abs(systems[0].label_sets[0].macro_auroc.value - 0.5), 0.2);
  EXPECT_EQ(systems[2].label_sets[0].macro_auroc.value, 0.5);
  ASSERT_EQ(scoring.reports.size(), 12U);
  EXPECT_EQ(scoring.reports[0].truth, kFastReport);
}

TEST_F(ReportTraining, WritesTheRunFolder) {
  train("run");
  const fs::path run = folder_.path() / "run";
  for (const char* name :
       {"config.yaml", "data.json", "metrics.jsonl", "summary.json", "samples.jsonl", "best/config.json",
        "best/vocab.json", "best/merges.txt", "best/encoder/config.json", "best/README.md", "last/writer.safetensors"})
    EXPECT_TRUE(fs::exists(run / name)) << name;
  std::istringstream samples(read_file(run / "samples.jsonl"));
  std::vector<Json> lines;
  for (std::string line; std::getline(samples, line);) lines.push_back(parse_json(line, "samples"));
  ASSERT_EQ(lines.size(), 12U);  // 3 after each of 4 epochs
  EXPECT_EQ(lines.front()["epoch"], 1);
  EXPECT_EQ(lines.back()["epoch"], 4);
  EXPECT_EQ(lines.back()["record"], "42");
  EXPECT_EQ(lines.back()["report"], kFastReport);
}

TEST_F(ReportTraining, ResumedRunEndsWithTheSameBits) {
  for (const char* setting : {"writer.train_encoder=false", "writer.train_encoder=true"}) {
    const std::string whole = fmt::format("whole-{}", setting), cut = fmt::format("cut-{}", setting);
    const std::vector<std::string> overrides{setting, "augment.token_dropout=0.2", "augment.gain=0.1"};
    train(whole, overrides);
    train(cut, overrides);
    const fs::path checkpoints = folder_.path() / cut / "checkpoints";
    std::vector<fs::path> files(fs::directory_iterator(checkpoints), {});
    std::sort(files.begin(), files.end());
    ASSERT_EQ(files.size(), 2U);
    fs::remove(files.back());
    fs::remove_all(folder_.path() / cut / "last");
    train(cut, overrides, true);
    EXPECT_TRUE(weights(cut) == weights(whole)) << setting;
    EXPECT_TRUE(read_file(folder_.path() / cut / "samples.jsonl") ==
                read_file(folder_.path() / whole / "samples.jsonl"));
  }
}

TEST_F(ReportTraining, KeptEncodingsChangeNothing) {
  train("kept");
  EXPECT_EQ(train("anew", {"kept_encodings=0"})["encodings_kept"], 0);
  const WriterBundle kept = load_writer(folder_.path() / "kept/last"), anew = load_writer(folder_.path() / "anew/last");
  const auto ours = kept.writer->named_parameters(), theirs = anew.writer->named_parameters();
  for (const auto& parameter : ours)
    EXPECT_TRUE(torch::allclose(parameter.value(), theirs[parameter.key()], 1e-3, 1e-4)) << parameter.key();
}

TEST_F(ReportTraining, EncoderIsLeftAloneTrainedOrRandomAsToldTo) {
  const torch::Tensor given = sine_encoder().model->parameters().front();
  const auto trained = [&](const std::string& run, const std::vector<std::string>& overrides) {
    train(run, overrides);
    return load_writer(folder_.path() / run / "last").encoder.model->parameters().front();
  };
  EXPECT_TRUE(torch::equal(trained("frozen", {"epochs=1"}), given));
  const torch::Tensor moved = trained("trained", {"epochs=1", "writer.train_encoder=true"});
  EXPECT_FALSE(torch::equal(moved, given));
  EXPECT_LT((moved - given).abs().max().item<double>(), 0.2);
  EXPECT_GT((trained("random", {"epochs=1", "random_encoder=true"}) - given).abs().max().item<double>(), 0.01);
}

TEST_F(ReportTraining, EveryKindTrains) {
  for (const char* setting : {"writer.decoder.kind=relational", "writer.memory=pooled", "writer.encoding=mix",
                              "writer.encoding=aligned", "precision=bfloat16"}) {
    const std::string run = fmt::format("run-{}", setting);
    const Json summary = train(run, {setting, "epochs=2", "writer.decoder.relation_heads=4"});
    EXPECT_TRUE(std::isfinite(summary["best_validation_score"].get<double>())) << setting;
    EXPECT_EQ(test_reports(run).size(), 24U) << setting;
  }
}

TEST_F(ReportTraining, RefusesWhatCannotBeTrained) {
  EXPECT_DERI_ERROR(config({"writer.max_tokens=33"}), AllOf(HasSubstr("config.yaml"), HasSubstr("max_tokens is 33")));
  EXPECT_DERI_ERROR(config({"select_by=bleu"}), HasSubstr("select_by"));
  EXPECT_DERI_ERROR(config({"vocabulary_size=100"}), HasSubstr("vocabulary_size"));
  EXPECT_DERI_ERROR(config({"writer.encodin=mix"}), HasSubstr("did you mean 'writer.encoding'"));
  EXPECT_DERI_ERROR(train("x", {"writer.decoder.pretrained=/nowhere"}), HasSubstr("/nowhere is not a folder"));
  EXPECT_FALSE(fs::exists(folder_.path() / "x"));

  StoreInfo info = Store(folder_.path() / "store").info();
  StoreWriter writer(folder_.path() / "mute", info);
  const std::vector<std::int16_t> signal(12 * 200, 1);
  int id = 0;
  for (const char* split : {kTrain, kTrain, kValidation, kTest}) {
    StoreRecord record;
    record.id = std::to_string(id++);
    record.split = split;
    writer.add(record, signal);
  }
  writer.finish();
  EXPECT_DERI_ERROR(train_report_writer(config(), sine_encoder(), "encoder", Store(folder_.path() / "mute"),
                                        folder_.path() / "x", false),
                    AllOf(HasSubstr("mute"), HasSubstr("no record of the split train has a report")));

  train("run", {"epochs=1"});
  EXPECT_DERI_ERROR(train("run", {"epochs=1"}), HasSubstr("run"));
  // Another encoder is another run.
  EXPECT_DERI_ERROR(train_report_writer(config({"epochs=1"}), sine_encoder(4), "encoder",
                                        Store(folder_.path() / "store"), folder_.path() / "run", true),
                    HasSubstr("run"));
}

TEST_F(ReportTraining, ScoringNeedsTheSameRecords) {
  train("run", {"epochs=1"});
  ReportScoringInputs inputs;
  inputs.reports = test_reports("run");
  inputs.options.bootstrap.resamples = 100;
  EXPECT_EQ(score_written_reports(inputs, torch::kCPU).not_computed.size(), 2U);
  std::vector<WrittenReport> fewer = inputs.reports;
  fewer.pop_back();
  inputs.against = {{"other", fewer}};
  EXPECT_DERI_ERROR(score_written_reports(inputs, torch::kCPU), AllOf(HasSubstr("other"), HasSubstr("63")));
  inputs.against = {};
  inputs.split = "tset";
  EXPECT_DERI_ERROR(score_written_reports(inputs, torch::kCPU), HasSubstr("'tset'"));
  inputs.split = kTest;
  const Store store(folder_.path() / "store");
  inputs.store = &store;
  inputs.reports.back().record = "stranger";
  EXPECT_DERI_ERROR(score_written_reports(inputs, torch::kCPU), AllOf(HasSubstr("stranger"), HasSubstr("store")));
}

}  // namespace
}  // namespace deri
