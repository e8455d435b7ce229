#include "deri/data/ptbxl.hpp"

#include <cmath>
#include <fstream>
#include <numbers>
#include <numeric>

#include "testing/testing.hpp"

#include "deri/base/csv.hpp"
#include "deri/base/random.hpp"
#include "deri/data/store.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/resample.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int16_t kMissing = -32768;

struct Row {
  int id;
  std::string patient = std::to_string(5000 + id), fold = "1", codes = "{'NORM': 100.0, 'SR': 0.0}",
              report = "sinusrhythmus normales ekg", low = name("records100", "lr"), high = name("records500", "hr");

  explicit Row(int number) : id(number) {}
  std::string name(const char* folder, const char* suffix) const {
    return fmt::format("{}/00000/{:05d}_{}", folder, id, suffix);
  }
};

// A small data set in PTB-XL's layout.
class PtbxlTest : public ::testing::Test {
 protected:
  PtbxlTest() {
    for (const char* folder : {"records100/00000", "records500/00000"}) make_directories(source() / folder);
    write_plain(source() / "scp_statements.csv",
                ",description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass\n"
                "NORM,,1.0,,,NORM,NORM\nIMI,,1.0,,,MI,IMI\nSTD_,,,1.0,,,\nSR,,,,1.0,,\n");
  }

  fs::path source() const { return scratch_.path() / "ptbxl"; }
  fs::path out() const { return scratch_.path() / "store"; }

  // Ten seconds of waves in counts of a microvolt, another for each record and lead.
  static WfdbSignals waves(int id, double rate) {
    WfdbSignals signals;
    signals.rate = rate;
    signals.leads = {"I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"};
    signals.length = static_cast<std::size_t>(10 * rate);
    for (std::size_t lead = 0; lead < 12; ++lead)
      for (std::size_t k = 0; k < signals.length; ++k)
        signals.samples.push_back(static_cast<std::int16_t>(std::lround(
            static_cast<double>(500 + 10 * id) *
            std::sin(2 * std::numbers::pi * static_cast<double>(lead + 1) * static_cast<double>(k) / rate))));
    return signals;
  }

  // Plain streams: a writer that waits for the disk would make these tests slow.
  void write_record(const std::string& name, const WfdbSignals& signals) const {
    const std::string base = fs::path(name).filename();
    std::string header = fmt::format("{} 12 {} {}\n", base, signals.rate, signals.length), data;
    for (std::size_t lead = 0; lead < 12; ++lead) {
      std::uint16_t checksum = 0;
      for (std::size_t k = 0; k < signals.length; ++k)
        checksum = static_cast<std::uint16_t>(checksum + signals.samples[lead * signals.length + k]);
      header += fmt::format("{}.dat 16 1000(0)/mV 16 0 {} {} 0 {}\n", base, signals.samples[lead * signals.length],
                            static_cast<std::int16_t>(checksum), signals.leads[lead]);
    }
    for (std::size_t k = 0; k < signals.length; ++k)
      for (std::size_t lead = 0; lead < 12; ++lead) {
        const std::int16_t sample = signals.samples[lead * signals.length + k];
        data += static_cast<char>(sample & 0xFF);
        data += static_cast<char>((sample >> 8) & 0xFF);
      }
    write_plain(source() / (name + ".hea"), header);
    write_plain(source() / (name + ".dat"), data);
  }
  static void write_plain(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  void write_low(int id) const { write_record(Row(id).low, waves(id, 100)); }
  void write_high(int id) const { write_record(Row(id).high, waves(id, 500)); }

  void write_table(const std::vector<Row>& rows) const {
    std::string text = "ecg_id,age,patient_id,report,scp_codes,strat_fold,filename_lr,filename_hr\n";
    for (const Row& row : rows)
      text +=
          csv_row({std::to_string(row.id), "56.0", row.patient, row.report, row.codes, row.fold, row.low, row.high});
    write_plain(source() / "ptbxl_database.csv", text);
  }

  // Records 1 to `count` at 100 Hz in folds 1, 2, … 10, 1, …
  std::vector<Row> write_archive(int count) const {
    std::vector<Row> rows;
    for (int id = 1; id <= count; ++id) {
      rows.emplace_back(id);
      rows.back().fold = std::to_string((id - 1) % 10 + 1);
      write_low(id);
    }
    write_table(rows);
    return rows;
  }

  std::vector<std::pair<std::string, std::string>> rejections() const {
    CsvReader table(out() / "rejected.csv", {"file", "reason"});
    std::vector<std::pair<std::string, std::string>> rows;
    std::vector<std::string> cells;
    while (table.next(cells)) rows.emplace_back(cells[0], cells[1]);
    return rows;
  }

  // Prepares an archive of three records after `damage` to the second: it is rejected for the reason, the others are
  // kept.
  template <typename Change>
  void expect_rejected(const Change& damage, const ::testing::Matcher<std::string>& reason) {
    std::vector<Row> rows = write_archive(3);
    damage(rows[1]);
    write_table(rows);
    const PtbxlSummary summary = prepare_ptbxl(source(), out(), {.replace = true});
    EXPECT_EQ(summary.records, 2);
    EXPECT_EQ(summary.rejected, 1);
    ASSERT_EQ(rejections().size(), 1U);
    EXPECT_THAT(rejections()[0].second, reason);
    EXPECT_THAT(rejections()[0].second, ::testing::Not(HasSubstr(scratch_.path().string())));
    const Store store(out());
    EXPECT_EQ(store.record(0).id, "1");
    EXPECT_EQ(store.record(1).id, "3");
    EXPECT_NO_THROW(store.verify());
  }

  void expect_nothing_left() const {
    for (const auto& entry : fs::directory_iterator(scratch_.path())) EXPECT_EQ(entry.path(), source());
  }

  TemporaryDirectory scratch_;
};

TEST_F(PtbxlTest, PreparesWhatTheTableLists) {
  std::vector<Row> rows = write_archive(10);
  rows[0].patient = "15709.0";
  rows[1].codes = "{'IMI': 0.0, 'STD_': 0.0, 'NEW': 100.0}";
  rows[1].report = "  qrs(t) abnormal,    \"inferiorer\" infarkt verlängerung \n";
  rows[2].codes = "{}";
  write_table(rows);
  std::vector<std::pair<std::int64_t, std::int64_t>> progress;
  PrepareOptions options;
  options.progress = [&](std::int64_t done, std::int64_t total) { progress.emplace_back(done, total); };
  const PtbxlSummary summary = prepare_ptbxl(source(), out(), options);
  EXPECT_EQ(summary.records, 10);
  EXPECT_EQ(summary.rejected, 0);
  EXPECT_EQ(summary.repaired, 0);
  EXPECT_EQ(summary.rate, 100);
  EXPECT_EQ(summary.source_rate, 100);
  EXPECT_EQ(summary.first_rejection, "");
  EXPECT_EQ(summary.splits, (std::map<std::string, std::int64_t>{{"train", 8}, {"validation", 1}, {"test", 1}}));
  EXPECT_EQ(summary.unknown_codes, (std::map<std::string, std::int64_t>{{"NEW", 1}}));
  EXPECT_THAT(summary.dropped_duplicates, IsEmpty());
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back(), (std::pair<std::int64_t, std::int64_t>{10, 10}));

  const Store store(out());
  ASSERT_EQ(store.size(), 10U);
  EXPECT_EQ(store.info().rate, 100);
  EXPECT_EQ(store.info().samples, 1000);
  EXPECT_EQ(store.info().leads, standard_leads());
  EXPECT_THAT(store.label_set("super"), ElementsAre("MI", "NORM"));
  EXPECT_THAT(store.label_set("sub"), ElementsAre("IMI", "NORM"));
  EXPECT_THAT(store.label_set("form"), ElementsAre("STD"));
  EXPECT_THAT(store.label_set("rhythm"), ElementsAre("SR"));
  EXPECT_EQ(store.info().made_by["data_set"], "PTB-XL");
  EXPECT_EQ(store.info().made_by["unknown_codes"]["NEW"], 1);
  EXPECT_THAT(store.split("train"), ElementsAre(0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U));
  EXPECT_THAT(store.split("validation"), ElementsAre(8U));
  EXPECT_THAT(store.split("test"), ElementsAre(9U));
  EXPECT_EQ(store.record(0).patient, "15709");
  EXPECT_EQ(store.record(0).source, "records100/00000/00001_lr");
  EXPECT_EQ(store.record(1).report, "qrs(t) abnormal,    \"inferiorer\" infarkt verlängerung");
  EXPECT_EQ(store.record(1).labels,
            (std::map<std::string, std::vector<std::string>>{{"super", {"MI"}}, {"sub", {"IMI"}}, {"form", {"STD"}}}));
  EXPECT_THAT(store.record(2).labels, IsEmpty());
  for (std::size_t i = 0; i < store.size(); ++i)
    EXPECT_TRUE(std::ranges::equal(store.signal(i), waves(static_cast<int>(i) + 1, 100).samples)) << i;
}

TEST_F(PtbxlTest, LeadsAreFoundByName) {
  write_archive(1);
  WfdbSignals signals = waves(1, 100);
  std::swap(signals.leads[4], signals.leads[5]);  // MIMIC's order
  write_record(Row(1).low, signals);
  prepare_ptbxl(source(), out());
  const Store store(out());
  const auto expected = waves(1, 100).samples;
  EXPECT_TRUE(std::ranges::equal(store.signal(0).subspan(4000, 1000), std::span(expected).subspan(5000, 1000)));
  EXPECT_TRUE(std::ranges::equal(store.signal(0).subspan(5000, 1000), std::span(expected).subspan(4000, 1000)));
}

TEST_F(PtbxlTest, TenSecondsWhateverTheLength) {
  write_archive(2);
  WfdbSignals longer = waves(1, 100);
  longer.length = 1200;
  longer.samples.clear();
  for (int lead = 0; lead < 12; ++lead)
    for (int k = 0; k < 1200; ++k) longer.samples.push_back(static_cast<std::int16_t>(k));
  write_record(Row(1).low, longer);
  WfdbSignals shorter = longer;
  shorter.length = 900;
  shorter.samples.clear();
  for (int lead = 0; lead < 12; ++lead)
    for (int k = 0; k < 900; ++k) shorter.samples.push_back(static_cast<std::int16_t>(k + 1));
  write_record(Row(2).low, shorter);
  prepare_ptbxl(source(), out());
  const Store store(out());
  EXPECT_EQ(store.signal(0)[0], 100);
  EXPECT_EQ(store.signal(0)[999], 1099);
  EXPECT_EQ(store.signal(1)[49], 0);
  EXPECT_EQ(store.signal(1)[50], 1);
  EXPECT_EQ(store.signal(1)[949], 900);
  EXPECT_EQ(store.signal(1)[950], 0);
}

TEST_F(PtbxlTest, SmallHolesAreFilledAndCounted) {
  write_archive(2);
  WfdbSignals signals = waves(1, 100);
  signals.samples[100] = 10;
  signals.samples[101] = kMissing;
  signals.samples[102] = 30;
  write_record(Row(1).low, signals);
  EXPECT_EQ(prepare_ptbxl(source(), out()).repaired, 1);
  EXPECT_EQ(Store(out()).signal(0)[101], 20);
}

TEST_F(PtbxlTest, DropsTheDuplicatesOfTheRelease) {
  std::vector<Row> rows = write_archive(2);
  const std::pair<int, const char*> duplicates[] = {{137, "8727"},  {139, "11121"}, {140, "13451"}, {141, "16722"},
                                                    {142, "8159"},  {143, "16914"}, {145, "16690"}, {456, "16773"},
                                                    {458, "19497"}, {459, "19795"}, {461, "16942"}, {462, "19466.0"}};
  std::vector<std::string> ids;
  for (const auto& [id, patient] : duplicates) {
    rows.emplace_back(id);
    rows.back().patient = patient;
    ids.push_back(std::to_string(id));
  }
  write_table(rows);  // their files do not even exist
  const PtbxlSummary summary = prepare_ptbxl(source(), out());
  EXPECT_EQ(summary.dropped_duplicates, ids);
  EXPECT_EQ(summary.records, 2);
  EXPECT_EQ(summary.rejected, 0);
  const Store store(out());
  EXPECT_EQ(store.info().made_by["dropped_duplicates"]["count"], 12);
  EXPECT_EQ(store.info().made_by["dropped_duplicates"]["ecg_ids"], Json(ids));
  EXPECT_EQ(store.info().made_by["listed"], 14);
}

TEST_F(PtbxlTest, KeepsANumberOfADuplicateThatIsAnotherPatients) {
  std::vector<Row> rows = write_archive(1);
  rows.emplace_back(137);
  write_low(137);
  write_table(rows);
  EXPECT_EQ(prepare_ptbxl(source(), out()).records, 2);
}

TEST_F(PtbxlTest, ReadsTheRateThatMostRecordsHave) {
  write_archive(3);
  write_high(1);
  EXPECT_EQ(prepare_ptbxl(source(), out()).rate, 100);
  EXPECT_EQ(Store(out()).size(), 3U);
  write_high(2);
  write_high(3);
  const PtbxlSummary summary = prepare_ptbxl(source(), out(), {.replace = true});
  EXPECT_EQ(summary.rate, 500);
  EXPECT_EQ(summary.source_rate, 500);
  const Store store(out());
  EXPECT_EQ(store.info().samples, 5000);
  EXPECT_EQ(store.record(2).source, "records500/00000/00003_hr");
  EXPECT_TRUE(std::ranges::equal(store.signal(2), waves(3, 500).samples));
}

TEST_F(PtbxlTest, RateAskedForIsReadWhereItExists) {
  write_archive(3);
  write_high(2);
  const PtbxlSummary summary = prepare_ptbxl(source(), out(), {.rate = 500});
  EXPECT_EQ(summary.source_rate, 500);
  EXPECT_EQ(summary.records, 1);
  ASSERT_EQ(summary.rejected, 2);
  EXPECT_EQ(rejections()[0].first, "records500/00000/00001_hr");
  EXPECT_TRUE(std::ranges::equal(Store(out()).signal(0), waves(2, 500).samples));
  write_high(1);
  write_high(3);
  EXPECT_EQ(prepare_ptbxl(source(), out(), {.rate = 100, .replace = true}).source_rate, 100);
}

TEST_F(PtbxlTest, RateAskedForIsMadeWhereItDoesNot) {
  write_archive(2);
  for (const double rate : {500.0, 250.0}) {
    const PtbxlSummary summary = prepare_ptbxl(source(), out(), {.rate = rate, .replace = true});
    EXPECT_EQ(summary.source_rate, 100);
    EXPECT_EQ(summary.rate, rate);
    const Store store(out());
    ASSERT_EQ(store.info().samples, static_cast<std::int64_t>(10 * rate));
    std::vector<float> lead;
    const auto samples = waves(1, 100).samples;
    for (std::size_t k = 0; k < 1000; ++k) lead.push_back(static_cast<float>(samples[1000 + k]) / 1000.0F);
    const std::vector<float> expected = resample(lead, 100, rate);
    const std::size_t length = expected.size();
    for (std::size_t k = 0; k < length; ++k)
      ASSERT_NEAR(store.signal(0)[length + k], 1000 * static_cast<double>(expected[k]), 0.51);
    EXPECT_EQ(store.info().made_by["options"]["rate"], rate);
    EXPECT_EQ(store.info().made_by["source_rate"], 100.0);
  }
  for (const double rate : {0.0, -100.0, 5.0, 1e6, 100.01, std::nan("")})
    EXPECT_DERI_ERROR(prepare_ptbxl(source(), out(), {.rate = rate, .replace = true}), HasSubstr("cannot be made"));
}

TEST_F(PtbxlTest, OneFileNameColumnIsEnough) {
  write_low(1);
  write_plain(source() / "ptbxl_database.csv",
              "ecg_id,patient_id,report,scp_codes,strat_fold,filename_lr\n"
              "1,7,text,\"{'SR': 0.0}\",1.0,records100/00000/00001_lr\n");
  EXPECT_EQ(prepare_ptbxl(source(), out()).records, 1);
}

TEST_F(PtbxlTest, ReportsStayAsTheyAreUnlessAskedFor) {
  write_archive(2);
  const PtbxlSummary summary = prepare_ptbxl(source(), out());
  EXPECT_EQ(summary.translation.reports, 0);
  EXPECT_EQ(summary.translation.words, 0);
  EXPECT_THAT(summary.notes, IsEmpty());
  const Store store(out());
  EXPECT_EQ(store.record(0).report, "sinusrhythmus normales ekg");
  EXPECT_FALSE(store.info().made_by.contains("translation"));
}

TEST_F(PtbxlTest, ReportsInEnglish) {
  std::vector<Row> rows = write_archive(4);
  rows[1].report = "sinus rhythm. left axis deviation.";
  rows[2].report = "vorhofflimmern quietschente linkstyp";
  fs::remove(source() / (rows[3].low + ".dat"));
  write_table(rows);
  const PtbxlSummary summary = prepare_ptbxl(source(), out(), {}, {}, ReportLanguage::kEnglish);
  EXPECT_EQ(summary.records, 3);
  EXPECT_EQ(summary.translation.reports, 3);  // the rejected record's too
  EXPECT_EQ(summary.translation.words, 9);
  EXPECT_EQ(summary.translation.unknown_words, 1);
  EXPECT_THAT(summary.notes, ElementsAre(AllOf(HasSubstr("3 reports"), HasSubstr("9 foreign words 1 "))));
  const Store store(out());
  EXPECT_EQ(store.record(0).report, "sinus rhythm. normal ecg");
  EXPECT_EQ(store.record(1).report, "sinus rhythm. left axis deviation.");
  EXPECT_EQ(store.record(2).report, "atrial fibrillation quietschente left axis deviation");
  const Json& made_by = store.info().made_by["translation"];
  EXPECT_EQ(made_by["language"], "en");
  EXPECT_EQ(made_by["reports"], 3);
  EXPECT_EQ(made_by["words"], 9);
  EXPECT_EQ(made_by["unknown_words"], 1);
}

TEST_F(PtbxlTest, GoesOnOnlyInTheSameLanguage) {
  write_archive(70);
  PrepareOptions interrupted;
  interrupted.journal_seconds = 0;
  interrupted.progress = [](std::int64_t done, std::int64_t) {
    if (done >= 64) throw std::runtime_error("interrupted");
  };
  EXPECT_THROW(prepare_ptbxl(source(), out(), interrupted), std::runtime_error);
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out(), {}, {}, ReportLanguage::kEnglish), HasSubstr("restart"));
  EXPECT_EQ(prepare_ptbxl(source(), out(), {.restart = true}, {}, ReportLanguage::kEnglish).records, 70);
}

TEST_F(PtbxlTest, TheStoreDoesNotDependOnThreads) {
  std::vector<Row> rows = write_archive(80);
  fs::remove(source() / (rows[40].low + ".dat"));
  rows[50].fold = "11";
  write_table(rows);
  std::vector<std::string> texts;
  for (const std::size_t threads : {1U, 2U, 7U}) {
    prepare_ptbxl(source(), out(), {.rate = 125, .replace = true, .threads = threads});
    std::string text;
    for (const char* file : {"signals.npy", "records.csv", "rejected.csv", "store.json"})
      text += read_file(out() / file);
    texts.push_back(std::move(text));
  }
  EXPECT_EQ(Store(out()).size(), 78U);
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_EQ(texts[0], texts[2]);
}

TEST_F(PtbxlTest, RejectsARecordWithoutItsSignalFile) {
  expect_rejected([&](Row& row) { fs::remove(source() / (row.low + ".dat")); },
                  AllOf(HasSubstr("missing"), HasSubstr("00002_lr.dat")));
}

TEST_F(PtbxlTest, RejectsARecordWithoutItsHeader) {
  expect_rejected([&](Row& row) { fs::remove(source() / (row.low + ".hea")); }, HasSubstr("00002_lr.hea"));
}

TEST_F(PtbxlTest, RejectsATruncatedSignalFile) {
  expect_rejected([&](Row& row) { fs::resize_file(source() / (row.low + ".dat"), 12345); }, HasSubstr("truncated"));
}

TEST_F(PtbxlTest, RejectsAHeaderThatPromisesTooMuch) {
  expect_rejected(
      [&](Row& row) {
        std::string header = read_file(source() / (row.low + ".hea"));
        const std::string promise = " 12 100 1000";
        const std::size_t at = header.find(promise);
        ASSERT_NE(at, std::string::npos) << header;
        write_plain(source() / (row.low + ".hea"), header.replace(at, promise.size(), " 12 100 1000000000000"));
      },
      AllOf(HasSubstr("1000000000000"), HasSubstr("00002_lr")));
}

TEST_F(PtbxlTest, RejectsAHeaderOfRubbish) {
  expect_rejected([&](Row& row) { write_plain(source() / (row.low + ".hea"), std::string("\xFF\0\n12", 5)); },
                  HasSubstr("00002_lr.hea"));
}

TEST_F(PtbxlTest, RejectsAFlatLead) {
  expect_rejected(
      [&](Row& row) {
        WfdbSignals signals = waves(row.id, 100);
        std::fill_n(signals.samples.begin() + 6000, 1000, std::int16_t{17});
        write_record(row.low, signals);
      },
      AllOf(HasSubstr("V1"), HasSubstr("flat")));
}

TEST_F(PtbxlTest, RejectsALeadOfMissingSamples) {
  expect_rejected(
      [&](Row& row) {
        WfdbSignals signals = waves(row.id, 100);
        std::fill_n(signals.samples.begin() + 1000, 1000, kMissing);
        write_record(row.low, signals);
      },
      AllOf(HasSubstr("lead II "), HasSubstr("no valid samples")));
}

TEST_F(PtbxlTest, RejectsALongGap) {
  expect_rejected(
      [&](Row& row) {
        WfdbSignals signals = waves(row.id, 100);
        std::fill_n(signals.samples.begin() + 300, 40, kMissing);
        write_record(row.low, signals);
      },
      AllOf(HasSubstr("lead I "), HasSubstr("misses 0.40 s")));
}

TEST_F(PtbxlTest, RejectsARecordWithoutALead) {
  expect_rejected(
      [&](Row& row) {
        WfdbSignals signals = waves(row.id, 100);
        signals.leads[11] = "resp";
        write_record(row.low, signals);
      },
      HasSubstr("V6"));
}

TEST_F(PtbxlTest, RejectsCellsThatCannotBeRead) {
  expect_rejected([](Row& row) { row.fold = "11"; }, HasSubstr("strat_fold is 11"));
  expect_rejected([](Row& row) { row.fold = "1.5"; }, HasSubstr("strat_fold"));
  expect_rejected([](Row& row) { row.fold = ""; }, HasSubstr("strat_fold"));
  expect_rejected([](Row& row) { row.patient = ""; }, HasSubstr("patient_id"));
  expect_rejected([](Row& row) { row.patient = "nan"; }, HasSubstr("patient_id"));
  expect_rejected([](Row& row) { row.codes = "NORM"; }, HasSubstr("scp_codes"));
  expect_rejected([](Row& row) { row.id = 1; }, HasSubstr("id 1 appears a second time"));
  expect_rejected([](Row& row) { row.low = ""; }, HasSubstr("no file at 100 Hz"));
  expect_rejected([](Row& row) { row.low = "../ptbxl/" + row.low; }, HasSubstr("outside"));
  expect_rejected([](Row& row) { row.low = "/etc/passwd"; }, HasSubstr("outside"));
  expect_rejected([](Row& row) { row.low = std::string(10000, 'x'); }, ::testing::Not(IsEmpty()));
}

TEST_F(PtbxlTest, NamesTheRowOfARecordWithoutAFile) {
  std::vector<Row> rows = write_archive(3);
  rows[2].low = "";
  write_table(rows);
  const PtbxlSummary summary = prepare_ptbxl(source(), out());
  ASSERT_EQ(summary.rejected, 1);
  EXPECT_EQ(rejections()[0].first, "ptbxl_database.csv:4");
  EXPECT_EQ(summary.first_rejection, "ptbxl_database.csv:4: the table names no file at 100 Hz");
}

TEST_F(PtbxlTest, AllRejectedIsAnErrorWithTheFirstReason) {
  std::vector<Row> rows = write_archive(3);
  for (const Row& row : rows) fs::remove(source() / (row.low + ".dat"));
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()),
                    AllOf(HasSubstr("all 3 records were rejected"), HasSubstr("00001_lr"), HasSubstr("missing")));
  expect_nothing_left();
}

TEST_F(PtbxlTest, RefusesAPatientInTwoSplits) {
  std::vector<Row> rows = write_archive(10);
  rows[8].patient = rows[0].patient + ".0";
  write_table(rows);
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()),
                    AllOf(HasSubstr("patient 5001"), HasSubstr("record 1 in train"), HasSubstr("9 in validation")));
  expect_nothing_left();
  rows[8].patient = "5009";
  rows[1].patient = rows[0].patient;  // two folds of one split are no leak
  write_table(rows);
  EXPECT_EQ(prepare_ptbxl(source(), out()).records, 10);
}

TEST_F(PtbxlTest, RefusesMissingFilesAndColumns) {
  write_archive(1);
  const std::string table = read_file(source() / "ptbxl_database.csv");
  for (const std::string column : {"ecg_id", "patient_id", "report", "scp_codes", "strat_fold"}) {
    std::string changed = table;
    changed.replace(changed.find(column), column.size(), "other");
    write_plain(source() / "ptbxl_database.csv", changed);
    EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()),
                      AllOf(HasSubstr("ptbxl_database.csv"), HasSubstr("no column '" + column + "'")));
  }
  write_plain(source() / "ptbxl_database.csv", "ecg_id,patient_id,report,scp_codes,strat_fold\n");
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()), HasSubstr("no column 'filename_lr'"));
  write_plain(source() / "ptbxl_database.csv", table.substr(0, table.find('\n') + 1));
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()), HasSubstr("lists no records"));
  write_plain(source() / "ptbxl_database.csv", table);
  fs::remove(source() / "scp_statements.csv");
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()), AllOf(HasSubstr("no scp_statements.csv"), HasSubstr("ptbxl")));
  EXPECT_DERI_ERROR(prepare_ptbxl(scratch_.path() / "nowhere", out()), HasSubstr("not a folder"));
  make_directories(scratch_.path() / "ptbxl/empty");
  EXPECT_DERI_ERROR(prepare_ptbxl(source() / "empty", out()), HasSubstr("no ptbxl_database.csv"));
  expect_nothing_left();
}

TEST_F(PtbxlTest, DoesNotTouchWhatExists) {
  write_archive(1);
  make_directories(out());
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), out()), HasSubstr("exists already"));
  EXPECT_DERI_ERROR(prepare_ptbxl(source(), source(), {.replace = true}), HasSubstr("not a store"));
  EXPECT_TRUE(fs::is_empty(out()));
  EXPECT_TRUE(fs::exists(source() / "ptbxl_database.csv"));
}

TEST_F(PtbxlTest, AnExceptionOfTheCallerLeavesNothing) {
  write_archive(3);
  PrepareOptions options;
  options.progress = [](std::int64_t, std::int64_t) { throw std::runtime_error("interrupted"); };
  EXPECT_THROW(prepare_ptbxl(source(), out(), options), std::runtime_error);
  expect_nothing_left();
}

}  // namespace
}  // namespace deri
