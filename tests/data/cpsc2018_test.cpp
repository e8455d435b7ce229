#include "deri/data/cpsc2018.hpp"

#include "archive_testing.hpp"
#include "testing/testing.hpp"

#include "deri/data/store.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using deri::testing::rejections;
using deri::testing::waves;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Cpsc : public ::testing::Test {
 protected:
  fs::path source() const { return scratch_.path() / "cpsc"; }
  fs::path out() const { return scratch_.path() / "store"; }
  void write(const std::string& name, int seed, const std::string& dx) const {
    WfdbSignals signals = waves(seed);
    signals.comments = {"Dx: " + dx};
    testing::write_record(source() / name, signals);
  }
  TemporaryDirectory scratch_;
};

TEST_F(Cpsc, ChallengeFormIsLabelledByItsCodes) {
  write("g2/A0002", 2, "59118001,284470004");
  write("g1/A0003", 3, "426783006");
  write("A0001", 1, "164884008");
  write("g1/A0004", 4, "999");
  prepare_cpsc2018(source(), out());
  const Store store(out());
  EXPECT_THAT(store.label_set("cpsc2018"),
              ElementsAre("1AVB", "AFIB", "CLBBB", "CRBBB", "NORM", "PAC", "STD", "STE", "VPC"));
  ASSERT_EQ(store.size(), 4U);
  EXPECT_EQ(store.record(0).id, "A0001");
  EXPECT_THAT(store.record(0).labels.at("cpsc2018"), ElementsAre("VPC"));
  EXPECT_EQ(store.record(1).id, "A0003");
  EXPECT_THAT(store.record(1).labels.at("cpsc2018"), ElementsAre("NORM"));
  EXPECT_TRUE(store.record(2).labels.empty());
  EXPECT_THAT(store.record(3).labels.at("cpsc2018"), ElementsAre("CRBBB", "PAC"));
  EXPECT_TRUE(std::ranges::equal(store.signal(3), waves(2).samples));
  EXPECT_EQ(store.record(3).split, HashSplit(2018, 0.08, 0.2).split_of("A0002"));
}

// A table with labels as pandas writes them; the records are found in folders below. A .mat with a WFDB header beside
// it stands for MATLAB's own format here.
TEST_F(Cpsc, OriginalFormIsLabelledByItsTable) {
  for (int i = 1; i <= 3; ++i) {
    const fs::path base = source() / fmt::format("TrainingSet{}/A000{}", i % 2 + 1, i);
    testing::write_record(base, waves(i));
    fs::rename(base.string() + ".dat", base.string() + ".mat");
    std::string header = read_file(base.string() + ".hea");
    for (std::size_t at = header.find(".dat"); at != std::string::npos; at = header.find(".dat"))
      header.replace(at, 4, ".mat");
    write_file_atomic(base.string() + ".hea", header);
  }
  write_file_atomic(source() / "REFERENCE.csv",
                    "Recording,First_label,Second_label,Third_label,reports\n"
                    "A0003,5,6.0,,\"right, with beats\"\nA0001,1,,nan,\nA0009,1,,,\nA0002,10,,,\n");
  const PrepareSummary summary = prepare_cpsc2018(source(), out());
  EXPECT_EQ(summary.records, 2);
  const Store store(out());
  EXPECT_EQ(store.record(0).id, "A0003");
  EXPECT_EQ(store.record(0).report, "right, with beats");
  EXPECT_EQ(store.record(0).source, "TrainingSet2/A0003.mat");
  EXPECT_THAT(store.record(0).labels.at("cpsc2018"), ElementsAre("CRBBB", "PAC"));
  EXPECT_THAT(store.record(1).labels.at("cpsc2018"), ElementsAre("NORM"));
  EXPECT_TRUE(std::ranges::equal(store.signal(1), waves(1).samples));
  EXPECT_THAT(rejections(out()), ElementsAre(Pair("REFERENCE.csv:4", HasSubstr("no file A0009.mat")),
                                             Pair("TrainingSet1/A0002.mat", HasSubstr("classes are 1 to 9"))));
}

TEST_F(Cpsc, SaysWhatItNeeds) {
  EXPECT_DERI_ERROR(prepare_cpsc2018(source(), out()), HasSubstr("not a folder"));
  make_directories(source());
  EXPECT_DERI_ERROR(prepare_cpsc2018(source(), out()), AllOf(HasSubstr("REFERENCE"), HasSubstr("*.hea")));
  write("A0001", 1, "59118001");
  EXPECT_DERI_ERROR(prepare_cpsc2018(source(), out(), {}, {SplitChoice::Kind::kPublished, {}}),
                    AllOf(HasSubstr("icbeb_train.csv"), HasSubstr("--splits")));
  write_file_atomic(source() / "REFERENCE.csv", "Recording,First_label\nA0001,1\n");
  EXPECT_DERI_ERROR(prepare_cpsc2018(source(), out()), HasSubstr("'Second_label'"));
}

}  // namespace
}  // namespace deri
