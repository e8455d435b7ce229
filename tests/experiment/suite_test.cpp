#include "deri/experiment/suite.hpp"

#include "testing/testing.hpp"

#include "deri/train/pretrain_config.hpp"
#include "deri/train/text_pretrain.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class SuiteFile : public ::testing::Test {
 protected:
  // The least a suite can be, with lines put in.
  Suite load(const std::string& model = "{name: A, config: a.yaml, train_on: d}",
             const std::string& task = "{kind: zero-shot, data: d, labels: [super]}", const std::string& more = "") {
    write_file_atomic(folder_.path() / "suite.yaml",
                      fmt::format("data: [{{name: d, store: here/store}}]\nmodels:\n  - {}\ntasks:\n  - {}\n{}\n",
                                  model, task, more));
    return load_suite(folder_.path() / "suite.yaml");
  }
  TemporaryDirectory folder_;
};

TEST_F(SuiteFile, NamesAreTakenFromItsFolder) {
  const Suite suite = load();
  EXPECT_EQ(suite.models.at(0).config, fs::weakly_canonical(folder_.path() / "a.yaml").string());
  EXPECT_EQ(suite.data_set("d").store, fs::weakly_canonical(folder_.path() / "here/store").string());
  EXPECT_EQ(suite.tasks.at(0).name, "zero-shot on d");
  EXPECT_THAT(suite.seeds_of(suite.models.at(0)), ElementsAre(1, 2, 3));
}

TEST_F(SuiteFile, AModelThatIsThereIsMeasuredOnce) {
  const Suite suite = load("{name: A, folder: model}");
  EXPECT_THAT(suite.seeds_of(suite.models.at(0)), ElementsAre(0));
}

TEST_F(SuiteFile, AMapIsMadeOfTheFirstTraining) {
  const Suite suite = load("{name: A, config: a.yaml, train_on: d}", "{kind: map, data: d, labels: [super]}");
  EXPECT_EQ(suite.tasks_of(suite.models.at(0), 1).size(), 1U);
  EXPECT_EQ(suite.tasks_of(suite.models.at(0), 2).size(), 0U);
}

TEST_F(SuiteFile, SaysWhatIsWrong) {
  const std::string model = "{name: A, config: a.yaml, train_on: d}";
  const std::string task = "{kind: zero-shot, data: d, labels: [super]}";
  EXPECT_DERI_ERROR(load("{name: A, config: a.yaml, train_on: e}"),
                    AllOf(HasSubstr("suite.yaml"), HasSubstr("no data set 'e'")));
  EXPECT_DERI_ERROR(load("{name: A, confg: a.yaml, train_on: d}"), HasSubstr("'models.config'"));
  EXPECT_DERI_ERROR(load("{name: A}"), HasSubstr("'A'"));
  EXPECT_DERI_ERROR(load("{name: A, folder: m, train_on: d}"), HasSubstr("not trained here"));
  EXPECT_DERI_ERROR(load("{name: A, config: a.yaml, train_on: d, tower: t}"), HasSubstr("no tower 't'"));
  EXPECT_DERI_ERROR(load(model + "\n  - {name: A, folder: m}"), HasSubstr("twice"));
  EXPECT_DERI_ERROR(load(model + "\n  - {name: 'A)', folder: m}"), HasSubstr("file names"));
  EXPECT_DERI_ERROR(load(model, "{kind: zeroshot, data: d, labels: [super]}"), HasSubstr("zero-shot"));
  EXPECT_DERI_ERROR(load(model, "{kind: probe, data: d}"), HasSubstr("no label set"));
  EXPECT_DERI_ERROR(load(model, "{kind: probe, data: d, labels: [super], fractions: [0]}"), HasSubstr("fraction"));
  EXPECT_DERI_ERROR(load(model, "{kind: robustness, data: d, labels: [super], leads: [5]}"), HasSubstr("5 leads"));
  EXPECT_DERI_ERROR(load(model, "{kind: map, data: d, labels: [super, sub]}"), HasSubstr("one label set"));
  EXPECT_DERI_ERROR(load(model, task, "compare: [[A, B]]"), HasSubstr("no model 'B'"));
  EXPECT_DERI_ERROR(load(model + "\n  - {name: B, folder: m}", task, "compare: [[A, B]]"), HasSubstr("seeds"));
  EXPECT_DERI_ERROR(load(model, task, "seeds: [1, 1]"), HasSubstr("twice"));
  EXPECT_DERI_ERROR(load(model, task, "resamples: 3"), HasSubstr("resamples"));
}

TEST(FileNameOf, KeepsWhatAFileNameCanHave) {
  EXPECT_EQ(file_name_of("DERI (ours), reports translated"), "DERI-ours-reports-translated");
  EXPECT_EQ(file_name_of("a/../b"), "a-..-b");
  EXPECT_EQ(file_name_of(".."), "-");
  EXPECT_EQ(file_name_of(".git"), "-.git");
  EXPECT_EQ(file_name_of("Größe"), "Gr-e");
}

// Every suite that comes with the program: the configurations its models name can be read with its overrides.
TEST(ShippedSuites, CanBeRead) {
  int suites = 0;
  for (const auto& entry : fs::directory_iterator(deri::testing::source_dir() / "configs/suites")) {
    const Suite suite = load_suite(entry.path());
    ++suites;
    for (const SuiteTower& tower : suite.towers) EXPECT_NO_THROW(load_text_pretrain_config(tower.config, tower.set));
    for (const SuiteModel& model : suite.models)
      EXPECT_NO_THROW(load_pretrain_config(model.config, model.set)) << entry.path() << ' ' << model.name;
  }
  EXPECT_EQ(suites, 4);
}

}  // namespace
}  // namespace deri
