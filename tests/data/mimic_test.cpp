#include "deri/data/mimic.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "archive_testing.hpp"
#include "testing/testing.hpp"

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/data/subset.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using deri::testing::rejections;
using deri::testing::waves;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::int16_t kMissing = -32768;

// One study as the archive has it.
struct Study {
  int subject, study;
  std::vector<std::string> lines = {"Sinus rhythm", "Normal ECG, no change"};

  std::string path() const {
    return fmt::format("files/p{:.4}/p{}/s{}/{}", std::to_string(subject), subject, study, study);
  }
};

// A tree in the layout of MIMIC-IV-ECG 1.0.
class Mimic : public ::testing::Test {
 protected:
  fs::path source() const { return scratch_.path() / "mimic"; }
  fs::path out() const { return scratch_.path() / "store"; }

  static constexpr const char* kRecordHeader = "subject_id,study_id,file_name,ecg_time,path\n";
  static std::string report_header() {
    std::string header = "subject_id,study_id,cart_id,ecg_time";
    for (int i = 0; i < 18; ++i) header += fmt::format(",report_{}", i);
    return header + ",bandwidth,filtering,rr_interval,p_onset,p_end,qrs_onset,qrs_end,t_end,p_axis,qrs_axis,t_axis\n";
  }
  static std::string record_row(const Study& study) {
    return csv_row({std::to_string(study.subject), std::to_string(study.study), std::to_string(study.study),
                    "2180-07-23 08:44:00", study.path()});
  }
  static std::string report_row(const Study& study) {
    std::vector<std::string> cells = {std::to_string(study.subject), std::to_string(study.study), "6848296",
                                      "2180-07-23 08:44:00"};
    for (std::size_t i = 0; i < 18; ++i) cells.push_back(i < study.lines.size() ? study.lines[i] : "");
    for (const char* rest :
         {"0.005-150 Hz", "60 Hz notch Baseline filter", "659", "40", "128", "170", "258", "518", "81", "77", "75"})
      cells.emplace_back(rest);
    return csv_row(cells);
  }

  static WfdbSignals signals_of(const Study& study) {
    WfdbSignals signals = waves(study.study % 50, 500, mimic_leads());
    signals.gain = 200;
    return signals;
  }
  void write_record(const Study& study) const {
    deri::testing::write_record(source() / study.path(), signals_of(study));
  }

  void write_tables(const std::string& record_rows, const std::string& report_rows) const {
    make_directories(source());
    write_file_atomic(source() / "record_list.csv", kRecordHeader + record_rows, Survives::kKill);
    write_file_atomic(source() / "machine_measurements.csv", report_header() + report_rows, Survives::kKill);
  }
  void write_archive(const std::vector<Study>& studies) const {
    std::string records, reports;
    for (const Study& study : studies) {
      write_record(study);
      records += record_row(study);
      reports += report_row(study);
    }
    write_tables(records, reports);
  }
  static std::vector<Study> some(int count) {
    std::vector<Study> studies;
    for (int i = 0; i < count; ++i) studies.push_back({10000032 + i / 2, 40689238 + 17 * i});
    return studies;
  }

  TemporaryDirectory scratch_;
};

TEST_F(Mimic, PreparesPairsInTheOrderOfTheReports) {
  std::vector<Study> studies = some(4);
  studies[1].lines = {"*** EKG shows Atrial fibrillation\twith", "", "  rapid response, \"new\"  "};
  write_archive(studies);
  std::string records;
  for (const int i : {2, 0, 3, 1}) records += record_row(studies[static_cast<std::size_t>(i)]);
  std::string reports;
  for (const Study& study : studies) reports += report_row(study);
  write_tables(records, reports);
  const PrepareSummary summary = prepare_mimic(source(), out());
  EXPECT_EQ(summary.records, 4);
  EXPECT_THAT(summary.rejections, IsEmpty());
  const Store store(out());
  EXPECT_EQ(store.info().leads, mimic_leads());
  EXPECT_EQ(store.info().rate, 500);
  EXPECT_EQ(store.info().samples, 5000);
  EXPECT_EQ(store.info().made_by["data_set"], "MIMIC-IV-ECG");
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(store.record(i).id, std::to_string(studies[i].study));
    EXPECT_EQ(store.record(i).patient, std::to_string(studies[i].subject));
    EXPECT_EQ(store.record(i).source, studies[i].path());
    // 200 steps per mV: a step is 5 microvolts
    const auto samples = signals_of(studies[i]).samples;
    ASSERT_EQ(store.signal(i).size(), samples.size());
    for (std::size_t k = 0; k < samples.size(); ++k) ASSERT_EQ(store.signal(i)[k], 5 * samples[k]);
  }
  EXPECT_EQ(store.record(0).source, "files/p1000/p10000032/s40689238/40689238");
  EXPECT_EQ(store.record(0).report, "sinus rhythm. normal ecg, no change.");
  EXPECT_EQ(store.record(1).report, "ecg shows atrial fibrillation with.   rapid response, \"new\".");
}

TEST_F(Mimic, ReportsFollowTheFixtures) {
  const Json cases = load_json(testing::parity_dir() / "metrics_parity.json")["mimic_report_cleaning"];
  std::vector<Study> studies;
  std::map<std::string, std::string> kept;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    studies.push_back({10000032, 40000000 + static_cast<int>(i), cases[i]["lines"].get<std::vector<std::string>>()});
    if (cases[i]["kept"].get<bool>()) kept[std::to_string(studies.back().study)] = cases[i]["text"];
  }
  ASSERT_LT(kept.size(), cases.size());
  write_archive(studies);
  const PrepareSummary summary = prepare_mimic(source(), out());
  const Store store(out());
  std::map<std::string, std::string> found;
  for (std::size_t i = 0; i < store.size(); ++i) found[store.record(i).id] = store.record(i).report;
  EXPECT_EQ(found, kept);
  EXPECT_EQ(static_cast<std::size_t>(summary.rejected), cases.size() - kept.size());
}

TEST_F(Mimic, CountsWhatHasNoPair) {
  std::vector<Study> studies = some(8);
  studies[1].lines = {"Sinus rhythm", "Normal"};
  studies[2].lines = {};
  write_archive(studies);
  fs::remove(source() / (studies[3].path() + ".dat"));
  std::string records = kRecordHeader, reports = report_header();
  for (std::size_t i = 0; i < studies.size(); ++i) {
    if (i != 4) records += record_row(studies[i]);  // a report without a record
    if (i != 5) reports += report_row(studies[i]);  // a record without a report
  }
  Study other_subject = studies[6];
  other_subject.subject = 19999999;
  records.erase(records.find(record_row(studies[6])), record_row(studies[6]).size());
  records += record_row(other_subject);
  records += record_row(studies[0]);  // a study a second time
  records += "10000032,none,x,y,files/x\n";
  records += "10000032\n";
  reports += report_row(studies[0]);
  reports += "10000032,abc\n";
  write_tables(records.substr(std::string(kRecordHeader).size()), reports.substr(report_header().size()));
  const PrepareSummary summary = prepare_mimic(source(), out());
  EXPECT_EQ(summary.records, 2);                                                             // 0 and 7
  EXPECT_EQ(summary.rejections, (std::map<std::string, std::int64_t>{{"cannot be used", 2},  // .dat, the row cut short
                                                                     {"different subjects", 1},
                                                                     {"id seen before", 1},
                                                                     {"no record", 1},
                                                                     {"no report", 5},
                                                                     {"report too short", 1}}));
  EXPECT_EQ(summary.rejected, 11);
  const auto rows = rejections(out());
  ASSERT_EQ(rows.size(), 11U);
  EXPECT_THAT(rows[0], Pair(studies[1].path(), HasSubstr("3 words")));
  EXPECT_THAT(rows[1], Pair(studies[2].path(), HasSubstr("report is empty")));
  EXPECT_THAT(rows[2], Pair(studies[3].path(), HasSubstr("40689289.dat")));
  EXPECT_THAT(rows[3], Pair("machine_measurements.csv:6", HasSubstr("no row of study")));
  EXPECT_THAT(rows[4], Pair(other_subject.path(), HasSubstr("19999999")));
  EXPECT_THAT(rows[5], Pair(studies[0].path(), HasSubstr("a second time")));
  EXPECT_THAT(rows[6], Pair("machine_measurements.csv:10", HasSubstr("2 cells")));
  EXPECT_THAT(rows[7], Pair(studies[5].path(), HasSubstr("machine_measurements.csv has no row")));
  EXPECT_THAT(rows[8].first, studies[0].path());
  EXPECT_THAT(rows[9].first, "files/x");
  EXPECT_THAT(rows[10].first, "record_list.csv:11");
  EXPECT_EQ(Store(out()).info().made_by["rejections"]["no report"], 5);
}

TEST_F(Mimic, FillsMissingSamplesOrRejects) {
  const std::vector<Study> studies = some(3);
  write_archive(studies);
  WfdbSignals signals = signals_of(studies[0]);
  signals.samples[100] = 10;
  signals.samples[101] = kMissing;
  signals.samples[102] = 30;
  testing::write_record(source() / studies[0].path(), signals);
  std::fill_n(signals.samples.begin() + 5000, 5000, kMissing);
  testing::write_record(source() / studies[1].path(), signals);
  const PrepareSummary summary = prepare_mimic(source(), out());
  EXPECT_EQ(summary.records, 2);
  EXPECT_EQ(summary.repaired, 1);
  EXPECT_EQ(Store(out()).signal(0)[101], 100);
  ASSERT_EQ(rejections(out()).size(), 1U);
  EXPECT_THAT(rejections(out())[0].second, HasSubstr("lead II has no valid samples"));
}

TEST_F(Mimic, StrictSplitKeepsPatientsTogether) {
  std::vector<Study> studies;
  for (int i = 0; i < 60; ++i) studies.push_back({10000032 + i / 3, 40000000 + i});
  write_archive(studies);
  prepare_mimic(source(), out(), {.rate = 50}, {.validation = 0.3});
  const Store store(out());
  std::map<std::string, std::set<std::string>> splits;
  std::set<std::string> validation;
  for (std::size_t i = 0; i < store.size(); ++i) {
    splits[store.record(i).patient].insert(store.record(i).split);
    if (store.record(i).split == kValidation) validation.insert(store.record(i).patient);
  }
  for (const auto& [patient, of_patient] : splits) EXPECT_EQ(of_patient.size(), 1U) << patient;
  EXPECT_GE(validation.size(), 2U);
  EXPECT_LE(validation.size(), 12U);
  prepare_mimic(source(), out(), {.rate = 50, .replace = true}, {.seed = 1, .validation = 0.3});
  const Store other(out());
  bool differs = false;
  for (std::size_t i = 0; i < store.size(); ++i) differs = differs || other.record(i).split != store.record(i).split;
  EXPECT_TRUE(differs);
  EXPECT_DERI_ERROR(prepare_mimic(source(), out(), {.replace = true}, {.validation = 1.5}), HasSubstr("1.5"));
}

// 1000 reports that are long enough, among shorter ones: the validation rows are the fixture's. One small record serves
// all studies.
TEST_F(Mimic, PublishedSplitEqualsTheFixture) {
  const Json expected = load_json(testing::parity_dir() / "metrics_parity.json")["train_test_split_test_size_0.02"];
  const int count = expected["n"];
  const Study only{10000032, 1};
  WfdbSignals small = waves(1, 50, mimic_leads());
  testing::write_record(source() / only.path(), small);
  std::string records, reports;
  std::vector<std::string> long_enough;
  for (int i = 0; static_cast<int>(long_enough.size()) < count; ++i) {
    Study study{10000032 + i, 40000000 + i};
    if (i % 5 == 2)
      study.lines = {"Too short"};
    else
      long_enough.push_back(std::to_string(study.study));
    records += csv_row({std::to_string(study.subject), std::to_string(study.study), "1", "", only.path()});
    reports += report_row(study);
  }
  write_tables(records, reports);
  prepare_mimic(source(), out(), {.rate = 50}, {.splits = {SplitChoice::Kind::kPublished, {}}});
  const Store store(out());
  EXPECT_EQ(store.size(), static_cast<std::size_t>(count));
  std::set<std::string> validation, fixture;
  for (const std::size_t index : store.split(kValidation)) validation.insert(store.record(index).id);
  for (const auto& row : expected["val"]) fixture.insert(long_enough[row.get<std::size_t>()]);
  EXPECT_EQ(validation, fixture);
}

TEST_F(Mimic, SplitFilesGoByStudy) {
  const std::vector<Study> studies = some(4);
  write_archive(studies);
  const fs::path splits = scratch_.path() / "splits";
  make_directories(splits);
  write_file_atomic(splits / "train.csv", fmt::format("subject_id,study_id\n1,{}\n", studies[0].study));
  write_file_atomic(splits / "val.csv", fmt::format("study_id\n{}.0\n", studies[1].study));
  write_file_atomic(splits / "test.csv", fmt::format("study_id\n{}\n", studies[2].study));
  const PrepareSummary summary = prepare_mimic(source(), out(), {}, {.splits = parse_split_choice(splits)});
  EXPECT_EQ(summary.rejections, (std::map<std::string, std::int64_t>{{"not in the split files", 1}}));
  EXPECT_EQ(summary.splits, (std::map<std::string, std::int64_t>{{"test", 1}, {"train", 1}, {"validation", 1}}));
}

TEST_F(Mimic, StaysInItsFolder) {
  std::vector<Study> studies = some(3);
  write_archive(studies);
  const std::string records = read_file(source() / "record_list.csv");
  for (const std::string bad : {"/etc/passwd", "../../x", "files/../../y"}) {
    std::string changed = records;
    changed.replace(changed.find(studies[1].path()), studies[1].path().size(), bad);
    write_file_atomic(source() / "record_list.csv", changed);
    EXPECT_EQ(prepare_mimic(source(), out(), {.replace = true}).records, 2);
    EXPECT_THAT(rejections(out()), ElementsAre(Pair(bad, HasSubstr("outside"))));
  }
}

TEST_F(Mimic, NamesWhatIsMissing) {
  EXPECT_DERI_ERROR(prepare_mimic(source(), out()), HasSubstr("not a folder"));
  make_directories(source());
  EXPECT_DERI_ERROR(prepare_mimic(source(), out()), HasSubstr("no record_list.csv"));
  write_archive(some(2));
  write_file_atomic(source() / "record_list.csv", "subject_id,study_id\n");
  EXPECT_DERI_ERROR(prepare_mimic(source(), out()), AllOf(HasSubstr("record_list.csv"), HasSubstr("'path'")));
  write_archive(some(2));
  fs::remove(source() / "machine_measurements.csv");
  EXPECT_DERI_ERROR(prepare_mimic(source(), out()), HasSubstr("no machine_measurements.csv"));
  write_tables("", "");
  EXPECT_DERI_ERROR(prepare_mimic(source(), out()), HasSubstr("no records"));
  write_file_atomic(source() / "machine_measurements.csv", "subject_id,study_id,cart_id\n1,2,3\n");
  EXPECT_DERI_ERROR(prepare_mimic(source(), out()), HasSubstr("'report_0'"));
}

}  // namespace
}  // namespace deri
