// PTB-XL itself (its first 1,899 records) against the published benchmark's split files.

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "testing/testing.hpp"

#include "deri/base/csv.hpp"
#include "deri/data/ptbxl.hpp"
#include "deri/data/ptbxl_labels.hpp"
#include "deri/data/store.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

fs::path archive() {
  return testing::shared_dir() / "data/ptbxl";
}

const std::vector<std::string> kDuplicates = {"137", "139", "140", "141", "142", "143",
                                              "145", "456", "458", "459", "461", "462"};

// One label set of the published files: for each ecg_id its split and labels.
struct Published {
  std::string split;
  std::set<std::string> labels;
};

std::map<std::string, Published> read_published(const std::string& set, std::set<std::string>& names) {
  std::map<std::string, Published> records;
  for (const auto& [suffix, split] : {std::pair{"train", kTrain}, {"val", kValidation}, {"test", kTest}}) {
    CsvReader table(
        testing::shared_dir() / "data/splits/published/ptbxl" / set / fmt::format("ptbxl_{}_{}.csv", set, suffix),
        {"ecg_id", set});
    // The labels stand after the column of the set's name, in an order that differs between the three files.
    const std::size_t first = table.column(set) + 1;
    names.insert(table.header().begin() + static_cast<std::ptrdiff_t>(first), table.header().end());
    std::vector<std::string> cells;
    while (table.next(cells)) {
      Published& record = records[cells[table.column("ecg_id")]];
      record.split = split;
      for (std::size_t i = first; i < cells.size(); ++i)
        if (cells[i] == "1") record.labels.insert(table.header()[i]);
    }
  }
  return records;
}

class PtbxlShared : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryDirectory>();
    summary_ = std::make_unique<PtbxlSummary>(prepare_ptbxl(archive(), folder_->path() / "store"));
    store_ = std::make_unique<Store>(folder_->path() / "store");
  }
  static void TearDownTestSuite() {
    store_.reset();
    summary_.reset();
    folder_.reset();
  }

  // Ids whose labels of a set are not the published ones; every record's split is compared too.
  static std::vector<std::string> differing(const std::string& set, const std::string& published_name) {
    std::set<std::string> names;
    const auto published = read_published(published_name, names);
    const auto& ours = store_->label_set(set);
    EXPECT_EQ(names, std::set<std::string>(ours.begin(), ours.end()));
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < store_->size(); ++i) {
      const StoreRecord& record = store_->record(i);
      const auto labels = record.labels.find(set);
      const auto there = published.find(record.id);
      const bool has = labels != record.labels.end(), had = there != published.end();
      if (has != had ||
          (has && std::set<std::string>(labels->second.begin(), labels->second.end()) != there->second.labels))
        ids.push_back(record.id);
      if (had && record.split != there->second.split) ADD_FAILURE() << record.id << " is in another split";
    }
    return ids;
  }

  static std::unique_ptr<TemporaryDirectory> folder_;
  static std::unique_ptr<PtbxlSummary> summary_;
  static std::unique_ptr<Store> store_;
};

std::unique_ptr<TemporaryDirectory> PtbxlShared::folder_;
std::unique_ptr<PtbxlSummary> PtbxlShared::summary_;
std::unique_ptr<Store> PtbxlShared::store_;

TEST_F(PtbxlShared, PreparesEveryRecordButTheDuplicates) {
  EXPECT_EQ(summary_->rate, 100);  // the 500 Hz files are there for 500 records only
  EXPECT_EQ(summary_->dropped_duplicates, kDuplicates);
  EXPECT_EQ(summary_->records + summary_->rejected, 1899 - 12);
  EXPECT_EQ(summary_->rejected, 0) << summary_->first_rejection;
  EXPECT_TRUE(summary_->unknown_codes.empty());
  EXPECT_EQ(store_->size(), 1887U);
  EXPECT_EQ(store_->info().samples, 1000);
  EXPECT_NO_THROW(store_->verify());
}

TEST_F(PtbxlShared, StatementsGiveTheFullLabelSets) {
  const PtbxlLabeller labeller(archive() / "scp_statements.csv");
  EXPECT_THAT(labeller.label_sets().at("super"), ElementsAre("CD", "HYP", "MI", "NORM", "STTC"));
  EXPECT_EQ(labeller.label_sets().at("sub").size(), 23U);
  EXPECT_EQ(labeller.label_sets().at("form").size(), 19U);
  EXPECT_EQ(labeller.label_sets().at("rhythm").size(), 12U);
  EXPECT_EQ(store_->info().label_sets, labeller.label_sets());
}

TEST_F(PtbxlShared, LabelsAndSplitsEqualThePublishedOnes) {
  EXPECT_THAT(differing("super", "super_class"), ElementsAre());
  EXPECT_THAT(differing("sub", "sub_class"), ElementsAre("1371"));  // its codes changed between two releases
  EXPECT_THAT(differing("form", "form"), ElementsAre());
  EXPECT_THAT(differing("rhythm", "rhythm"), ElementsAre());
}

TEST_F(PtbxlShared, PublishedFilesDropTheDuplicatesToo) {
  std::set<std::string> names;
  for (const char* set : {"super_class", "sub_class", "form", "rhythm"}) {
    const auto published = read_published(set, names);
    for (const std::string& id : kDuplicates) EXPECT_FALSE(published.contains(id)) << set << ' ' << id;
  }
}

// The 100 Hz files hold microvolts, leads interleaved: the store's samples are the file's.
TEST_F(PtbxlShared, SamplesAreTheArchives) {
  for (const std::size_t index : {0U, 1000U, 1886U}) {
    const std::string bytes = read_file(archive() / (store_->record(index).source + ".dat"));
    ASSERT_EQ(bytes.size(), 24000U);
    for (std::size_t lead = 0; lead < 12; ++lead)
      for (std::size_t k = 0; k < 1000; ++k) {
        std::int16_t sample = 0;
        std::memcpy(&sample, bytes.data() + 2 * (12 * k + lead), 2);
        ASSERT_EQ(store_->signal(index)[lead * 1000 + k], sample) << index << ' ' << lead << ' ' << k;
      }
  }
}

TEST_F(PtbxlShared, AskedFor500HzOnlyTheRecordsThatHaveItAreRead) {
  const TemporaryDirectory folder;
  const PtbxlSummary summary = prepare_ptbxl(archive(), folder.path() / "store", {.rate = 500});
  EXPECT_EQ(summary.source_rate, 500);
  std::int64_t expected = 0;
  for (std::size_t i = 0; i < store_->size(); ++i) {
    const std::string& id = store_->record(i).id;
    const std::string name = fmt::format("records500/{:02d}000/{:05d}_hr.hea", std::stoi(id) / 1000, std::stoi(id));
    expected += fs::exists(archive() / name) ? 1 : 0;
  }
  EXPECT_EQ(summary.records, expected);
  EXPECT_GT(expected, 480);
  EXPECT_EQ(summary.records + summary.rejected, 1887);
  EXPECT_THAT(summary.first_rejection, AllOf(HasSubstr("records500"), HasSubstr("_hr")));
  const Store store(folder.path() / "store");
  EXPECT_EQ(store.info().samples, 5000);
  EXPECT_NO_THROW(store.verify());
}

}  // namespace
}  // namespace deri
