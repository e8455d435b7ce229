// CPSC2018 and Chapman-Shaoxing-Ningbo records against the published benchmark's files and the challenge's labels.

#include <algorithm>
#include <cstring>
#include <set>

#include "testing/testing.hpp"

#include "deri/base/csv.hpp"
#include "deri/data/cpsc2018.hpp"
#include "deri/data/csn.hpp"
#include "deri/data/snomed.hpp"
#include "deri/data/store.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;

fs::path data() {
  return testing::shared_dir() / "data";
}

using LabelsById = std::map<std::string, std::set<std::string>>;

// Of a store's label set; records that are not in it have no entry.
LabelsById labels_of(const Store& store, const std::string& set) {
  LabelsById labels;
  for (std::size_t i = 0; i < store.size(); ++i)
    if (const auto found = store.record(i).labels.find(set); found != store.record(i).labels.end())
      labels[store.record(i).id] = {found->second.begin(), found->second.end()};
  return labels;
}

// A row of the published benchmark's files.
struct Published {
  std::string split, diagnosis;
  std::set<std::string> labels;
};

std::map<std::string, Published> read_published(const std::string& folder, const std::string& key,
                                                std::size_t first_label) {
  std::map<std::string, Published> rows;
  for (const auto& [suffix, split] : {std::pair{"train", kTrain}, {"val", kValidation}, {"test", kTest}}) {
    CsvReader table(data() / "splits/published" / folder / fmt::format("{}_{}.csv", folder, suffix));
    for (std::vector<std::string> cells; table.next(cells);) {
      Published row{split, table.has_column("diagnose") ? cells[table.column("diagnose")] : "", {}};
      for (std::size_t i = first_label; i < cells.size(); ++i)
        if (cells[i] == "1") row.labels.insert(table.header()[i]);
      rows[fs::path(cells[table.column(key)]).stem().string()] = row;
    }
  }
  return rows;
}

// The labels 1 to 9 of the challenge's own table.
LabelsById read_reference() {
  const char* const kNames[] = {"NORM", "AFIB", "1AVB", "CLBBB", "CRBBB", "PAC", "VPC", "STD", "STE"};
  LabelsById labels;
  CsvReader table(data() / "cpsc2018/native/REFERENCE_with_text.csv");
  for (std::vector<std::string> cells; table.next(cells);)
    for (const char* column : {"First_label", "Second_label", "Third_label"})
      if (const std::string& cell = cells[table.column(column)]; !cell.empty())
        labels[cells[table.column("Recording")]].insert(kNames[std::stoi(cell) - 1]);
  return labels;
}

TEST(CsnShared, ThePublishedRuleGivesEveryPublishedRow) {
  const auto rows = read_published("chapman", "ecg_path", 3);
  ASSERT_EQ(rows.size(), 23026U);
  for (const auto& [id, row] : rows) {
    const auto labels = csn_published_labels(row.diagnosis);
    ASSERT_EQ((std::set<std::string>{labels.begin(), labels.end()}), row.labels) << id << ' ' << row.diagnosis;
  }
}

TEST(CsnShared, RecordsAtHandHaveThePublishedLabelsAndExactOnes) {
  const TemporaryDirectory folder;
  const PrepareSummary summary =
      prepare_csn(data() / "csn", folder.path() / "published", {}, {.labels = CsnLabels::kPublished});
  EXPECT_EQ(summary.records + summary.rejected, 20);
  prepare_csn(data() / "csn", folder.path() / "exact");
  const Store published_store(folder.path() / "published");
  const LabelsById published = labels_of(published_store, "csn");
  const LabelsById exact = labels_of(Store(folder.path() / "exact"), "csn");
  const auto rows = read_published("chapman", "ecg_path", 3);
  std::vector<std::string> same, others;
  for (std::size_t i = 0; i < published_store.size(); ++i) {
    const std::string& id = published_store.record(i).id;
    if (!rows.contains(id)) continue;
    const bool equal = published.contains(id) && published.at(id) == rows.at(id).labels;
    (equal ? same : others).push_back(id);
  }
  EXPECT_THAT(same, ElementsAre("JS00001", "JS00002", "JS00007", "JS00008"));
  // Its header here (release of the challenge 2021) names one code more, 270492004, than the archive the benchmark
  // read: AF,STDD,STTC there.
  EXPECT_THAT(others, ElementsAre("JS00005"));
  EXPECT_EQ(rows.at("JS00005").diagnosis, "AF,STDD,STTC");
  std::set<std::string> with = rows.at("JS00005").labels;
  with.insert({"1AVB", "AVB", "VB"});
  EXPECT_EQ(published.at("JS00005"), with);

  // What the published rule adds.
  EXPECT_EQ(exact.at("JS00001"), (std::set<std::string>{"AFIB", "RBBB", "TWC"}));
  EXPECT_EQ(published.at("JS00001"), (std::set<std::string>{"AF", "AFIB", "RBBB", "TWC"}));
  EXPECT_EQ(exact.at("JS00005"), (std::set<std::string>{"1AVB", "AF", "STDD", "STTC"}));
  EXPECT_EQ(published.at("JS00005"), (std::set<std::string>{"1AVB", "AF", "AVB", "ST", "STDD", "STTC", "VB"}));
  EXPECT_EQ(exact.at("JS00008"), published.at("JS00008"));
  EXPECT_FALSE(exact.contains("JS00004"));  // sinus bradycardia alone is none of the 38
  for (const auto& [id, labels] : published)
    EXPECT_TRUE(std::ranges::includes(labels, exact.contains(id) ? exact.at(id) : std::set<std::string>())) << id;
}

TEST(CsnShared, SamplesAreTheArchives) {
  const TemporaryDirectory folder;
  prepare_csn(data() / "csn", folder.path() / "store");
  const Store store(folder.path() / "store");
  store.verify();
  const std::string bytes = read_file(data() / "csn/JS00001.mat");
  ASSERT_EQ(store.record(0).id, "JS00001");
  for (std::size_t lead = 0; lead < 12; ++lead)
    for (std::size_t k = 0; k < 5000; ++k) {
      std::int16_t sample = 0;
      std::memcpy(&sample, bytes.data() + 24 + 2 * (12 * k + lead), 2);
      ASSERT_EQ(store.signal(0)[lead * 5000 + k], sample);
    }
}

TEST(CsnShared, ThePublishedFilesGiveTheSplit) {
  const TemporaryDirectory folder;
  const PrepareSummary summary = prepare_csn(data() / "csn", folder.path() / "store", {},
                                             {.splits = parse_split_choice(data() / "splits/published/chapman")});
  const auto rows = read_published("chapman", "ecg_path", 3);
  const Store store(folder.path() / "store");
  EXPECT_EQ(store.size(), 5U);
  EXPECT_EQ(summary.rejections.at("not in the split files"), 15);
  for (std::size_t i = 0; i < store.size(); ++i) EXPECT_EQ(store.record(i).split, rows.at(store.record(i).id).split);
}

TEST(CpscShared, ChallengeFormHasTheReferenceLabels) {
  const TemporaryDirectory folder;
  const PrepareSummary summary = prepare_cpsc2018(data() / "cpsc2018", folder.path() / "store", {},
                                                  parse_split_choice(data() / "splits/published/icbeb"));
  EXPECT_EQ(summary.records, 10) << summary.first_rejection;
  const Store store(folder.path() / "store");
  const LabelsById found = labels_of(store, "cpsc2018"), reference = read_reference();
  const auto rows = read_published("icbeb", "filename", 7);
  ASSERT_EQ(found.size(), 10U);
  for (const auto& [id, labels] : found) {
    EXPECT_EQ(labels, reference.at(id)) << id;
    EXPECT_EQ(labels, rows.at(id).labels) << id;
  }
  for (std::size_t i = 0; i < store.size(); ++i) EXPECT_EQ(store.record(i).split, rows.at(store.record(i).id).split);
}

TEST(CpscShared, OriginalFormHasThePublishedLabels) {
  const TemporaryDirectory folder;
  const PrepareSummary summary = prepare_cpsc2018(data() / "cpsc2018/native", folder.path() / "store");
  EXPECT_EQ(summary.records, 5) << summary.first_rejection;
  const Store store(folder.path() / "store");
  const LabelsById found = labels_of(store, "cpsc2018");
  const auto rows = read_published("icbeb", "filename", 7);
  EXPECT_EQ(found.size(), 5U);
  for (const auto& [id, labels] : found) EXPECT_EQ(labels, rows.at(id).labels) << id;
  EXPECT_EQ(store.record(0).id, "A1980");
  EXPECT_FALSE(store.record(0).report.empty());
}

}  // namespace
}  // namespace deri
