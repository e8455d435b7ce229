#include "deri/data/csn.hpp"

#include "archive_testing.hpp"
#include "testing/testing.hpp"

#include "deri/data/snomed.hpp"
#include "deri/data/store.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using deri::testing::waves;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Snomed, CodesComeFromTheComment) {
  EXPECT_EQ(diagnosis_codes({"Age: 3", " Dx: 164889003,59118001 , 164934002", "Dx: 1"}),
            (std::vector<std::string>{"164889003", "59118001", "164934002"}));
  EXPECT_EQ(diagnosis_codes({"dx:"}), std::vector<std::string>());
  EXPECT_EQ(diagnosis_codes({"Age: 3", "Rx: Unknown"}), std::nullopt);
}

TEST(Snomed, ExactLabelsAreForTheirOwnCodes) {
  EXPECT_THAT(csn_exact_labels({"164889003", "59118001", "164934002"}), ElementsAre("AFIB", "RBBB", "TWC"));
  EXPECT_THAT(csn_exact_labels({"164930006", "195042002"}), ElementsAre("2AVB", "STE"));
  EXPECT_THAT(csn_exact_labels({"426177001"}), ElementsAre());  // SB is none of the 38
  for (const std::string& label : csn_labels()) {
    int codes = 0;
    for (const char* code :
         {"164917005", "164937009", "426783006", "74390002",  "195042002", "713422000", "11157007",  "47665007",
          "428750005", "427393009", "164930006", "17338001",  "59931005",  "164931005", "39732003",  "284470004",
          "54016002",  "164947007", "251199005", "251198002", "164890007", "233917008", "111975006", "164909002",
          "75532003",  "426761007", "59118001",  "270492004", "429622005", "164865005", "164889003", "164934002",
          "164912004", "428417006", "89792004",  "164873001", "427084000", "426995002"})
      codes += csn_exact_labels({code}) == std::vector<std::string>{label} ? 1 : 0;
    EXPECT_EQ(codes, 1) << label;
  }
}

TEST(Snomed, PublishedLabelsAreWhateverOccursInTheText) {
  EXPECT_EQ(csn_published_diagnosis({"426177001", "164930006", "428417006"}), "SB,STE,ERV");
  EXPECT_THAT(csn_published_labels("SB,STE,ERV"), ElementsAre("ERV", "ST", "STE"));
  EXPECT_THAT(csn_published_labels("AFIB"), ElementsAre("AF", "AFIB"));
  EXPECT_THAT(csn_published_labels("2AVB1"), ElementsAre("2AVB", "2AVB1", "AVB", "VB"));
  EXPECT_EQ(csn_published_diagnosis({"164909002", "698252002"}), "LBBB,IDC");  // the first of several acronyms
  EXPECT_EQ(csn_published_diagnosis({"426177001", "55827005"}), std::nullopt);
  EXPECT_EQ(csn_published_diagnosis({}), std::nullopt);
}

class Csn : public ::testing::Test {
 protected:
  fs::path source() const { return scratch_.path() / "csn"; }
  fs::path out() const { return scratch_.path() / "store"; }
  void write(const std::string& path, int seed, const std::string& dx) const {
    WfdbSignals signals = waves(seed);
    signals.comments = {"Age: 60", "Sex: Male"};
    if (!dx.empty()) signals.comments.push_back("Dx: " + dx);
    testing::write_record(source() / path, signals);
  }
  TemporaryDirectory scratch_;
};

TEST_F(Csn, ReadsTheTreeInTheOrderOfItsPaths) {
  write("WFDBRecords/02/020/JS00003", 3, "426177001");
  write("WFDBRecords/01/011/JS00002", 2, "164889003,59118001");
  write("WFDBRecords/01/010/JS00001", 1, "164930006");
  write("WFDBRecords/02/021/JS00004", 4, "");
  const PrepareSummary summary = prepare_csn(source(), out());
  EXPECT_EQ(summary.records, 3);
  EXPECT_EQ(summary.rejections.at("no diagnosis"), 1);
  EXPECT_THAT(summary.first_rejection, AllOf(HasSubstr("JS00004"), HasSubstr("#Dx")));
  const Store store(out());
  EXPECT_EQ(store.info().label_sets.at("csn"), csn_labels());
  EXPECT_EQ(store.label_set("csn").size(), 38U);
  EXPECT_EQ(store.record(0).id, "JS00001");
  EXPECT_EQ(store.record(1).source, "WFDBRecords/01/011/JS00002.hea");
  EXPECT_THAT(store.record(1).labels.at("csn"), ElementsAre("AFIB", "RBBB"));
  EXPECT_FALSE(store.record(2).labels.contains("csn"));
  EXPECT_TRUE(std::ranges::equal(store.signal(1), waves(2).samples));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(store.record(i).split, HashSplit(2021, 0.08, 0.2).split_of(store.record(i).id));
  prepare_csn(source(), out(), {.replace = true}, {.labels = CsnLabels::kPublished});
  EXPECT_THAT(Store(out()).record(0).labels.at("csn"), ElementsAre("ST", "STE"));
  EXPECT_THAT(Store(out()).record(1).labels.at("csn"), ElementsAre("AF", "AFIB", "RBBB"));
  EXPECT_EQ(Store(out()).info().made_by["labels"], "published");
}

TEST_F(Csn, SplitFilesGoByTheFileName) {
  for (int i = 1; i <= 4; ++i) write(fmt::format("JS0000{}", i), i, "426783006");
  const fs::path splits = scratch_.path() / "splits";
  make_directories(splits);
  const std::string header = "ecg_path,age,diagnose,SR\n";
  write_file_atomic(splits / "chapman_train.csv", header + "/chapman/WFDBRecords/01/010/JS00002.mat,12,SR,1\n");
  write_file_atomic(splits / "chapman_val.csv", header + "/chapman/WFDBRecords/01/010/JS00001.mat,12,SR,1\n");
  write_file_atomic(splits / "chapman_test.csv", header + "/chapman/WFDBRecords/01/010/JS00004.mat,12,SR,1\n");
  const PrepareSummary summary = prepare_csn(source(), out(), {}, {.splits = parse_split_choice(splits)});
  EXPECT_EQ(summary.rejected, 1);
  const Store store(out());
  EXPECT_EQ(store.record(0).split, "validation");
  EXPECT_EQ(store.record(1).split, "train");
  EXPECT_EQ(store.record(2).split, "test");
}

TEST_F(Csn, SaysWhatItNeeds) {
  EXPECT_DERI_ERROR(prepare_csn(source(), out()), HasSubstr("not a folder"));
  make_directories(source());
  EXPECT_DERI_ERROR(prepare_csn(source(), out()), HasSubstr("no WFDB headers"));
  EXPECT_DERI_ERROR(prepare_csn(source(), out(), {}, {.splits = {SplitChoice::Kind::kPublished, {}}}),
                    AllOf(HasSubstr("chapman_train.csv"), HasSubstr("--splits")));
  EXPECT_EQ(parse_csn_labels("published"), CsnLabels::kPublished);
  EXPECT_DERI_ERROR(parse_csn_labels("substring"), HasSubstr("exact or published"));
}

}  // namespace
}  // namespace deri
