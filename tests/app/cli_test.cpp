// The program as a user meets it: help, one path from nothing to a page, and bad input.

#include <cstdlib>
#include <iomanip>
#include <regex>

#include "testing/testing.hpp"

#include "deri/base/csv.hpp"
#include "deri/base/json.hpp"
#include "deri/base/npy.hpp"
#include "deri/data/store.hpp"

namespace deri {
namespace {

using deri::testing::ProgramResult;
using deri::testing::run_deri;
using deri::testing::RunOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

// In an order in which the example of each finds what those before it made.
const std::vector<std::vector<std::string>> kCommands = {
    {"synth"},      {"prepare", "ptbxl"}, {"prepare", "folder"}, {"inspect"},         {"plot"},
    {"pretrain"},   {"pretrain-text"},    {"text-features"},     {"zeroshot"},        {"probe"},
    {"robustness"}, {"compare"},          {"benchmark"},         {"embed"},           {"search"},
    {"bench"},      {"report", "train"},  {"report", "write"},   {"report", "score"}, {"page"}};

// Data sets that a user must bring.
const std::vector<std::vector<std::string>> kDataSets = {
    {"prepare", "mimic"}, {"prepare", "cpsc2018"}, {"prepare", "csn"}};

// A user's error: exit code 2 and one line on standard error that begins as all errors do.
void expect_user_error(const ProgramResult& result, const ::testing::Matcher<const std::string&>& message) {
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, message);
  EXPECT_THAT(result.err, HasSubstr("deri: error: "));
  const std::string last = result.err.substr(result.err.rfind("deri: error: "));
  EXPECT_EQ(std::count(last.begin(), last.end(), '\n'), 1) << result.err;
}

// Nothing half-written: `folder` holds these names and no others.
void expect_entries(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path().filename().string());
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(names));
}

// An archive and its store, made once; tests copy what they damage.
class Cli : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new TemporaryDirectory;
    RunOptions here;
    here.directory = shared_->path();
    ASSERT_EQ(run_deri({"-q", "synth", "--out", "archive", "--records", "80", "--seed", "3"}, here).exit_code, 0);
    ASSERT_EQ(run_deri({"-q", "prepare", "ptbxl", "archive", "--out", "store"}, here).exit_code, 0);
    fs::create_directory_symlink(deri::testing::source_dir() / "configs", shared_->path() / "configs");
    const ProgramResult trained = run_deri(
        with_tiny_model({"-q", "pretrain", "--config", "configs/demo.yaml", "--data", "store", "--out", "run"}), here);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
  static void TearDownTestSuite() { delete shared_; }

  void SetUp() override {
    here_.directory = folder_.path();
    for (const char* name : {"archive", "store", "run"}) {
      if (fs::is_directory(shared_->path() / name))
        fs::copy(shared_->path() / name, folder_.path() / name, fs::copy_options::recursive);
    }
    fs::create_directory_symlink(deri::testing::source_dir() / "configs", folder_.path() / "configs");
  }

  // The demo's configuration, made small enough for a test.
  static std::vector<std::string> with_tiny_model(std::vector<std::string> arguments) {
    for (const char* set :
         {"model.width=32", "model.text.hidden=32", "model.text.intermediate=64", "model.text.heads=2",
          "model.text.layers=1", "vocabulary_size=300", "batch_size=16", "epochs=1"})
      arguments.insert(arguments.end(), {"--set", set});
    return arguments;
  }

  static std::vector<std::string> with_tiny_writer(std::vector<std::string> arguments) {
    for (const char* set : {"writer.decoder.width=32", "writer.decoder.layers=1", "writer.decoder.heads=2",
                            "vocabulary_size=300", "epochs=1"})
      arguments.insert(arguments.end(), {"--set", set});
    return arguments;
  }

  ProgramResult deri(const std::vector<std::string>& arguments) const { return run_deri(arguments, here_); }
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  void write(const std::string& name, const std::string& text) const { write_file_atomic(at(name), text); }

  static TemporaryDirectory* shared_;
  TemporaryDirectory folder_;
  RunOptions here_;
};

TemporaryDirectory* Cli::shared_ = nullptr;

TEST_F(Cli, HelpAndVersion) {
  EXPECT_EQ(deri({"--version"}).out, "deri " DERI_VERSION "\n");
  const ProgramResult help = deri({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const auto& command : kCommands) EXPECT_THAT(help.out, HasSubstr(command.front()));
  EXPECT_EQ(deri({}).exit_code, 2);
  EXPECT_EQ(deri({"train"}).exit_code, 2);
}

TEST_F(Cli, EveryHelpHasAnExampleThatRuns) {
  for (const char* name : {"archive", "store", "run"}) fs::remove_all(at(name));
  for (std::vector<std::string> command : kCommands) {
    command.emplace_back("--help");
    const ProgramResult help = deri(command);
    EXPECT_EQ(help.exit_code, 0);
    std::smatch match;
    ASSERT_TRUE(std::regex_search(help.out, match, std::regex("Example:\n  deri (.*)\n"))) << help.out;
    std::istringstream words(match[1].str());
    std::vector<std::string> arguments;
    for (std::string word; words >> std::quoted(word);) arguments.push_back(word);
    if (arguments.front() == "pretrain") arguments = with_tiny_model(arguments);
    if (arguments.front() == "report" && arguments[1] == "train") arguments = with_tiny_writer(arguments);
    const ProgramResult run = deri(arguments);
    EXPECT_EQ(run.exit_code, 0) << match[1] << '\n' << run.err;
  }
  EXPECT_THAT(read_file(at("page.html")),
              AllOf(HasSubstr("</html>"), HasSubstr("macro AUROC"), HasSubstr("nearest report")));
  const Json zero_shot = load_json(at("zeroshot.json"));
  EXPECT_EQ(zero_shot["label_sets"]["super"]["trained"]["labels"].size(), 5U);
  EXPECT_TRUE(zero_shot["label_sets"]["rhythm"]["untrained"]["macro_auroc"].contains("low"));
}

TEST_F(Cli, BenchWritesEveryFigure) {
  const ProgramResult result =
      deri({"-q", "bench", "--quick", "--seconds", "0.1", "--only", "latency,resnet", "--json", "bench.json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("ResNet-18, forward, batch 2"), HasSubstr("ours bfloat16"),
                                HasSubstr("share of the ceiling >= 0.8")));
  const Json json = load_json(at("bench.json"));
  EXPECT_GT(json["machine"]["ceiling_float32"].get<double>(), 0);
  EXPECT_TRUE(json["settings"]["quick"].get<bool>());
  ASSERT_EQ(json["workloads"].size(), 3U);
  EXPECT_EQ(json["workloads"][0]["workload"], "latency");
  EXPECT_EQ(json["workloads"][0]["rows"].back()["name"], "reference, as it starts");
  EXPECT_EQ(json["workloads"][2]["title"], "ResNet-18, forward and backward, batch 2");
  for (const Json& workload : json["workloads"]) {
    ASSERT_GE(workload["rows"].size(), 4U);  // embeddings have one in int8, and the reference as it starts
    const Json &reference = workload["rows"][0], &ours = workload["rows"][1];
    EXPECT_EQ(reference["name"], "reference float32");
    EXPECT_EQ(reference["ratio"], 1);
    EXPECT_EQ(reference["greatest_difference"], 0);
    EXPECT_EQ(ours["name"], "ours float32");
    // A ReLU whose input is within a rounding error of 0 may choose the other side, which gradients see, outputs do
    // not.
    const bool of_gradients = workload["title"].get<std::string>().find("backward") != std::string::npos;
    EXPECT_LT(ours["greatest_difference"].get<double>(), of_gradients ? 0.05 : 1e-3);
    EXPECT_FALSE(ours["goals"].empty());
    for (const char* key : {"rate", "gflop_per_second", "share_of_ceiling", "median_seconds"})
      EXPECT_GT(ours[key].get<double>(), 0) << key;
  }
}

TEST_F(Cli, BenchMeasuresMemoryAndDrawsFigures) {
  const ProgramResult result = deri({"-q", "bench", "--quick", "--seconds", "0.1", "--only", "memory,curves,growth",
                                     "--json", "bench.json", "--figures", "figures"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = load_json(at("bench.json"));
  ASSERT_EQ(json["workloads"].size(), 1U);
  for (const Json& row : json["workloads"][0]["rows"]) EXPECT_GT(row["peak_memory_bytes"].get<double>(), 1e8);
  ASSERT_EQ(json["figures"].size(), 4U);
  for (const Json& figure : json["figures"]) {
    EXPECT_THAT(read_file(at("figures/" + figure["key"].get<std::string>() + ".svg")),
                HasSubstr(figure["title"].get<std::string>()));
    for (const Json& line : figure["lines"])
      for (const Json& y : line["y"]) EXPECT_GT(y.get<double>(), 0) << line["name"];
  }
}

TEST_F(Cli, BenchRefusesWhatItCannotDo) {
  expect_user_error(deri({"bench", "--only", "resnet,embde"}), AllOf(HasSubstr("embde"), HasSubstr("embed, latency")));
  expect_user_error(deri({"bench", "--json", "nowhere/bench.json"}), HasSubstr("nowhere/bench.json"));
}

TEST_F(Cli, EveryDataSetsHelpHasAnExample) {
  for (std::vector<std::string> command : kDataSets) {
    const std::string name = command.back();
    command.emplace_back("--help");
    const ProgramResult help = deri(command);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example:\n  deri prepare " + name + " "));
    expect_user_error(deri({"prepare", name, "archive", "--out", "new"}), HasSubstr("archive"));
  }
  expect_entries(folder_.path(), {"archive", "store", "run", "configs"});
}

TEST_F(Cli, InspectGoesOnAfterABadFile) {
  write("letter.doc", "Dear colleague");
  const std::string good = "archive/records100/00000/00001_lr.hea";
  const ProgramResult text = deri({"inspect", "letter.doc", good});
  expect_user_error(text, AllOf(HasSubstr("letter.doc"), HasSubstr("1 of 2 files could not be read")));
  EXPECT_THAT(text.out, AllOf(HasSubstr("12 leads, 100 Hz, 10 s"), HasSubstr("I II III aVR aVL aVF V1")));

  const ProgramResult json = deri({"inspect", "--json", "letter.doc", good});
  EXPECT_EQ(json.exit_code, 2);
  std::istringstream lines(json.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_THAT(parse_json(line, "line 1")["error"].get<std::string>(), HasSubstr("not an ECG file"));
  ASSERT_TRUE(std::getline(lines, line));
  const Json second = parse_json(line, "line 2");
  EXPECT_EQ(second["rate"], 100);
  EXPECT_EQ(second["leads"].size(), 12U);
  EXPECT_TRUE(second["quality"].contains("flags"));
  expect_user_error(deri({"inspect", "letter.doc"}), HasSubstr("not an ECG file of a known format"));
}

TEST_F(Cli, WhatAFileDoesNotSayMustBeGiven) {
  write("two.csv", "0.1,0.2\n0.3,0.4\n0.5,0.1\n");
  expect_user_error(deri({"inspect", "two.csv"}), AllOf(HasSubstr("--rate"), HasSubstr("--leads")));
  const ProgramResult said = deri({"inspect", "two.csv", "--rate", "250", "--unit", "mV", "--leads", "I,II"});
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("2 leads, 250 Hz"));
}

TEST_F(Cli, PlotWritesAPictureOrNothing) {
  const std::string good = "archive/records100/00000/00001_lr.hea";
  EXPECT_EQ(deri({"plot", good, "--out", "a.png", "--dpi", "60"}).exit_code, 0);
  EXPECT_TRUE(read_file(at("a.png")).starts_with("\x89PNG"));
  EXPECT_EQ(deri({"plot", good, "--out", "a.pdf", "--layout", "rows"}).exit_code, 0);
  EXPECT_TRUE(read_file(at("a.pdf")).starts_with("%PDF"));
  expect_user_error(deri({"plot", good, "--out", "a.bmp"}), HasSubstr("a.bmp"));
  EXPECT_FALSE(fs::exists(at("a.bmp")));
}

TEST_F(Cli, EmbeddingsOfFilesAreThoseOfTheirStore) {
  ASSERT_EQ(deri({"-q", "embed", "--model", "run/best", "--data", "store", "--out", "all.npy"}).exit_code, 0);
  const ProgramResult files =
      deri({"embed", "--model", "run/best", "--out", "two.npy", "archive/records100/00000/00002_lr.hea", "nothing.hea",
            "archive/records100/00000/00001_lr.hea"});
  EXPECT_EQ(files.exit_code, 0) << files.err;
  EXPECT_THAT(files.err, AllOf(HasSubstr("nothing.hea"), HasSubstr("1 files were left out")));
  const NpyArray<float> all(at("all.npy")), two(at("two.npy"));
  const auto width = static_cast<std::size_t>(all.shape().at(1));
  ASSERT_EQ(all.shape().at(0), 80);
  ASSERT_EQ(two.shape(), (std::vector<std::int64_t>{2, all.shape().at(1)}));
  for (std::size_t k = 0; k < width; ++k) {
    EXPECT_NEAR(two.values()[k], all.values()[width + k], 2e-3);
    EXPECT_NEAR(two.values()[width + k], all.values()[k], 2e-3);
  }
  CsvReader index(at("two.csv"), {"id", "source"});
  std::vector<std::string> row;
  ASSERT_TRUE(index.next(row));
  EXPECT_EQ(row[index.column("id")], "00002_lr");
  const auto shape_of = [&](const std::string& view) {
    const ProgramResult run = deri(
        {"-q", "embed", "--model", "run/best", "--data", "store", "--split", "test", "--view", view, "--out", "v.npy"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return NpyArray<float>(at("v.npy")).shape();
  };
  EXPECT_EQ(shape_of("aligned").at(1), all.shape().at(1));
  EXPECT_EQ(shape_of("encoder").at(1), 512);
  expect_user_error(deri({"embed", "--model", "run/best", "--out", "x.npy"}), HasSubstr("--data"));
  expect_user_error(deri({"embed", "--model", "run/best", "--data", "store", "--view", "mean", "--out", "x.npy"}),
                    HasSubstr("unknown view 'mean'"));
}

TEST_F(Cli, ReportsOfFilesAreThoseOfTheirStore) {
  const ProgramResult trained = deri(with_tiny_writer({"-q", "report", "train", "--config", "configs/report-small.yaml",
                                                       "--model", "run/best", "--data", "store", "--out", "writer"}));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const std::vector<std::string> write{"-q", "report", "write", "--model", "writer/best"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), write.begin(), write.end());
    return deri(more);
  };
  ASSERT_EQ(with({"--data", "store", "--split", "test", "--out", "reports.csv", "--tokens", "tokens.jsonl"}).exit_code,
            0);
  const Store store(at("store"));
  const StoreRecord& first = store.record(store.split(kTest).front());
  CsvReader reports(at("reports.csv"), {"record", "generated"});
  std::vector<std::string> row;
  ASSERT_TRUE(reports.next(row));
  EXPECT_EQ(row[reports.column("record")], first.id);
  const std::string generated = row[reports.column("generated")], lines = read_file(at("tokens.jsonl"));
  const Json line = parse_json(lines.substr(0, lines.find('\n')), "tokens.jsonl");
  EXPECT_EQ(line["generated"], generated);
  EXPECT_LE(line["tokens"][0]["log_probability"].get<double>(), 0);

  const std::string file = "archive/" + first.source + ".hea";
  const ProgramResult one = with({file, "archive/nothing.hea"});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(one.out, file + "\t" + generated + "\n");
  EXPECT_THAT(one.err, HasSubstr("nothing.hea"));

  expect_user_error(with({}), HasSubstr("name a store with --data, or ECG files"));
  expect_user_error(with({"archive/nothing.hea"}), HasSubstr("none of 1 files could be read"));
  expect_user_error(with({"--data", "store", "--beams", "0"}), HasSubstr("beams is 0"));
  expect_user_error(with({"--data", "store", "--max-tokens", "1000"}), HasSubstr("max_length is 1000"));
  expect_user_error(deri({"report", "write", "--model", "run/best", "--data", "store"}),
                    AllOf(HasSubstr("not a report writer"), HasSubstr("deri report train")));
  expect_user_error(deri({"zeroshot", "--model", "writer/best", "--data", "store"}),
                    AllOf(HasSubstr("report writer"), HasSubstr("writer/best/encoder")));
  write_file_atomic(at("empty.csv"), "record,generated\n");
  expect_user_error(deri({"report", "score", "--reports", "empty.csv"}), HasSubstr("empty.csv"));
  expect_user_error(deri({"report", "score", "--reports", "reports.csv", "--against", "reports.csv"}),
                    HasSubstr("NAME=FILE"));
}

TEST_F(Cli, TextFeaturesAreMadeBeforehandAndTrainingTakesThem) {
  const ProgramResult text =
      deri({"-q", "pretrain-text", "--config", "configs/text-small.yaml", "--reports", "store", "--out", "text-run",
            "--set", "epochs=1", "--set", "vocabulary_size=300", "--set",
            "text={hidden: 32, layers: 1, heads: 2, intermediate: 64, positions: 96, max_tokens: 96}"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  const auto with_tower = [&](std::vector<std::string> arguments) {
    arguments = with_tiny_model(std::move(arguments));
    for (const std::string& set : {fmt::format("model.text.pretrained={}", at("text-run/best").string()),
                                   std::string("model.text.trainable=false"), std::string("augment.token_dropout=0")})
      arguments.insert(arguments.end(), {"--set", set});
    return arguments;
  };
  const std::vector<std::string> make =
      with_tower({"text-features", "--config", "configs/demo.yaml", "--data", "store"});
  const ProgramResult made = deri(make);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.err, AllOf(HasSubstr("done: "), HasSubstr("store.text-features")));
  const auto features_json = [&] {
    for (const auto& entry : fs::directory_iterator(at("store.text-features")))
      if (entry.is_directory()) return entry.path() / "features.json";
    return fs::path();
  };
  const std::string before = read_file(features_json());
  EXPECT_GT(load_json(features_json())["reports"].get<int>(), 10);

  const ProgramResult trained =
      deri(with_tower({"pretrain", "--config", "configs/demo.yaml", "--data", "store", "--out", "frozen"}));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_THAT(trained.err, AllOf(HasSubstr("store.text-features"), Not(HasSubstr("the text tower reads"))));
  EXPECT_EQ(read_file(features_json()), before);
  // The tower of a model that was trained with it frozen is the same.
  const ProgramResult same = deri({"text-features", "--model", "frozen/best", "--data", "store"});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.err, HasSubstr("every report is there already"));

  const fs::path hidden = features_json().parent_path() / "hidden-00000.npy";
  std::string bytes = read_file(hidden);
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomic(hidden, bytes);
  expect_user_error(deri(make), AllOf(HasSubstr("hidden-00000.npy"), HasSubstr("checksum")));
  expect_user_error(deri({"text-features", "--config", "configs/demo.yaml", "--data", "store"}),
                    AllOf(HasSubstr("demo.yaml"), HasSubstr("model.text.pretrained")));
  EXPECT_EQ(deri({"text-features", "--data", "store"}).exit_code, 2);
}

TEST_F(Cli, SearchFindsAnEcgItself) {
  const std::vector<std::string> ask = {"search", "--model", "run/best", "--data", "store", "--count", "3"};
  auto by_file = ask;
  by_file.insert(by_file.end(), {"archive/records100/00000/00007_lr.hea", "--json", "hits.json"});
  const ProgramResult found = deri(by_file);
  EXPECT_EQ(found.exit_code, 0) << found.err;
  const Json hits = load_json(at("hits.json"));
  ASSERT_EQ(hits["records"].size(), 3U);
  EXPECT_EQ(hits["records"][0]["id"], "7");
  EXPECT_NEAR(hits["records"][0]["cosine"].get<double>(), 1, 1e-3);
  EXPECT_EQ(hits["reports"].size(), 3U);

  const std::string report = Store(at("store")).record(4).report;
  auto by_text = ask;
  by_text.insert(by_text.end(), {"--query", report, "--json", "hits.json"});
  ASSERT_EQ(deri(by_text).exit_code, 0);
  EXPECT_NEAR(load_json(at("hits.json"))["reports"][0]["cosine"].get<double>(), 1, 1e-4);
  expect_user_error(deri(ask), HasSubstr("--query"));
}

TEST_F(Cli, SynthIsDeterministicAndKeepsWhatIsThere) {
  EXPECT_EQ(deri({"-q", "synth", "--out", "again", "--records", "80", "--seed", "3"}).exit_code, 0);
  for (const char* file : {"ptbxl_database.csv", "scp_statements.csv", "records100/00000/00080_lr.dat"})
    EXPECT_EQ(read_file(at("archive") / file), read_file(at("again") / file)) << file;
  expect_user_error(deri({"synth", "--out", "again"}), AllOf(HasSubstr("again"), HasSubstr("exists")));
}

TEST_F(Cli, KilledTrainingResumesToTheSameBits) {
  const auto train = [&](const std::string& out) {
    return with_tiny_model({"-q", "pretrain", "--config", "configs/demo.yaml", "--data", "store", "--out", out,
                            "--resume", "--set", "checkpoint_steps=1", "--threads", "1"});
  };
  auto whole = train("whole"), cut = train("cut");
  for (auto* arguments : {&whole, &cut}) arguments->insert(arguments->end(), {"--set", "epochs=6"});
  ASSERT_EQ(deri(whole).exit_code, 0);
  int kills = 0;
  ProgramResult result;
  do {
    RunOptions killed = here_;
    if (kills < 3) killed.kill_after_seconds = 2.0 + kills;
    result = run_deri(cut, killed);
    kills += result.exit_code == 128 + 9;
    ASSERT_TRUE(result.exit_code == 0 || result.exit_code == 128 + 9) << result.err;
  } while (result.exit_code != 0);
  EXPECT_EQ(read_file(at("whole/last/model.safetensors")), read_file(at("cut/last/model.safetensors")))
      << kills << " kills";
  EXPECT_EQ(read_file(at("whole/best/model.safetensors")), read_file(at("cut/best/model.safetensors")));
}

// --- bad input: ECG files
// ---------------------------------------------------------------------------------------------

class BadRecord : public Cli {
 protected:
  // Prepares the damaged archive: it succeeds, and exactly record 1 is listed with a reason that matches.
  void expect_rejected(const ::testing::Matcher<const std::string&>& reason) {
    const ProgramResult result = deri({"prepare", "ptbxl", "archive", "--out", "new"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("1 records were rejected"));
    CsvReader rejected(at("new/rejected.csv"), {"file", "reason"});
    std::vector<std::string> row;
    ASSERT_TRUE(rejected.next(row));
    EXPECT_THAT(row[0], HasSubstr("00001_lr"));
    EXPECT_THAT(row[1], reason);
    EXPECT_FALSE(rejected.next(row));
    EXPECT_EQ(Store(at("new")).size(), 79U);
  }
  std::string record(const std::string& ending) const { return "archive/records100/00000/00001_lr" + ending; }
};

TEST_F(BadRecord, MissingDat) {
  fs::remove(at(record(".dat")));
  expect_rejected(HasSubstr("00001_lr.dat"));
}

TEST_F(BadRecord, TruncatedDat) {
  write(record(".dat"), read_file(at(record(".dat"))).substr(0, 5000));
  expect_rejected(HasSubstr("truncated"));
}

TEST_F(BadRecord, HeaderPromisingATrillionSamples) {
  const std::string header = read_file(at(record(".hea")));
  write(record(".hea"),
        std::regex_replace(header, std::regex("00001_lr 12 100 1000"), "00001_lr 12 100 1000000000000"));
  expect_rejected(HasSubstr("1000000000000"));
}

TEST_F(BadRecord, FlatLead) {
  std::string data = read_file(at(record(".dat")));
  for (std::size_t t = 0; t < 1000; ++t) data[24 * t + 2] = data[24 * t + 3] = 0;  // lead II of twelve 16-bit leads
  write(record(".dat"), data);
  std::string header = read_file(at(record(".hea")));
  write(record(".hea"), std::regex_replace(header, std::regex("(/mV 16 0 )[-0-9]+ [-0-9]+ 0 II\n"), "$1 0 0 0 II\n"));
  expect_rejected(AllOf(HasSubstr("II"), HasSubstr("flat")));
}

TEST_F(BadRecord, LeadOfMissingSamples) {
  std::string data = read_file(at(record(".dat")));
  for (std::size_t t = 0; t < 1000; ++t) {
    data[24 * t + 2] = 0;
    data[24 * t + 3] = static_cast<char>(0x80);  // -32768: WFDB's "no sample"
  }
  write(record(".dat"), data);
  const std::string header = read_file(at(record(".hea")));
  write(record(".hea"),
        std::regex_replace(header, std::regex("(/mV 16 0 )[-0-9]+ [-0-9]+ 0 II\n"), "$1 -32768 0 0 II\n"));
  expect_rejected(HasSubstr("lead II has no valid samples"));
}

TEST_F(BadRecord, AllRecordsBad) {
  fs::remove_all(at("archive/records100/00000"));
  fs::create_directory(at("archive/records100/00000"));
  expect_user_error(deri({"prepare", "ptbxl", "archive", "--out", "new"}), HasSubstr("00001_lr"));
  EXPECT_FALSE(fs::exists(at("new")));
}

// --- bad input: tables, configurations, models, disks
// -----------------------------------------------------------------

TEST_F(Cli, CsvWithoutAColumn) {
  const std::string table = read_file(at("archive/ptbxl_database.csv"));
  write("archive/ptbxl_database.csv", std::regex_replace(table, std::regex("strat_fold"), "fold"));
  expect_user_error(deri({"prepare", "ptbxl", "archive", "--out", "new"}),
                    AllOf(HasSubstr("ptbxl_database.csv"), HasSubstr("'strat_fold'")));
  expect_entries(folder_.path(), {"archive", "store", "run", "configs"});
}

TEST_F(Cli, UnknownKeyInTheYaml) {
  write("mine.yaml", "epoch: 3\n");
  expect_user_error(deri({"pretrain", "--config", "mine.yaml", "--data", "store", "--out", "new"}),
                    AllOf(HasSubstr("mine.yaml"), HasSubstr("'epoch'"), HasSubstr("did you mean 'epochs'")));
  EXPECT_FALSE(fs::exists(at("new")));
}

TEST_F(Cli, ModelOfAnotherVersion) {
  Json config = load_json(at("run/best/config.json"));
  config["deri_model_version"] = 99;
  save_json(at("run/best/config.json"), config);
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store", "--json", "z.json"}),
                    AllOf(HasSubstr("config.json"), HasSubstr("version 99"), HasSubstr("version 1")));
  EXPECT_FALSE(fs::exists(at("z.json")));
}

TEST_F(Cli, StoreOfAnotherVersion) {
  Json info = load_json(at("store/store.json"));
  info["version"] = 99;
  save_json(at("store/store.json"), info);
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store"}),
                    AllOf(HasSubstr("version 99"), HasSubstr("prepare it again")));
}

TEST_F(Cli, DamagedModelsAreNamed) {
  const std::string weights = read_file(at("run/best/model.safetensors"));
  write("run/best/model.safetensors", weights.substr(0, weights.size() / 2));
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store"}), HasSubstr("model.safetensors"));
  fs::remove(at("run/best/vocab.txt"));
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store"}), HasSubstr("vocab.txt"));
  expect_user_error(deri({"zeroshot", "--model", "nowhere", "--data", "store"}), HasSubstr("nowhere"));
}

TEST_F(Cli, UnknownLabelSetSplitAndPrompt) {
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store", "--labels", "supper"}),
                    HasSubstr("supper"));
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store", "--split", "tset"}), HasSubstr("tset"));
  write("p.json", R"({"NORM": "normal ecg"})");
  expect_user_error(deri({"zeroshot", "--model", "run/best", "--data", "store", "--prompts", "p.json"}),
                    AllOf(HasSubstr("p.json"), HasSubstr("'CD'")));
}

// A disk that fills up: no file may grow beyond a limit, so that write() fails as it does on a full disk.
TEST_F(Cli, FullDiskLeavesNothingHalfWritten) {
  RunOptions full = here_;
  full.file_size_limit = 300'000;
  expect_user_error(run_deri({"prepare", "ptbxl", "archive", "--out", "new"}, full), HasSubstr("signals.npy"));
  expect_entries(folder_.path(), {"archive", "store", "run", "configs"});
  full.file_size_limit = 1000;
  expect_user_error(run_deri({"synth", "--out", "new", "--records", "3"}, full), HasSubstr("cannot write"));
  expect_user_error(run_deri({"zeroshot", "--model", "run/best", "--data", "store", "--json", "z.json"}, full),
                    HasSubstr("z.json"));
  expect_entries(folder_.path(), {"archive", "store", "run", "configs"});
  full.file_size_limit = 300'000;
  expect_user_error(
      run_deri(with_tiny_model({"pretrain", "--config", "configs/demo.yaml", "--data", "store", "--out", "new"}), full),
      HasSubstr("model.safetensors"));
  EXPECT_FALSE(fs::exists(at("new/best")));
  EXPECT_FALSE(fs::exists(at("new/best.partial")));
  EXPECT_FALSE(fs::exists(at("new/last")));
  // with room again, the same command goes on
  const ProgramResult resumed = deri(
      with_tiny_model({"pretrain", "--config", "configs/demo.yaml", "--data", "store", "--out", "new", "--resume"}));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

}  // namespace
}  // namespace deri
