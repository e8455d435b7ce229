#include "deri/data/prepare.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <fstream>

#include "testing/testing.hpp"
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deri/base/csv.hpp"
#include "deri/data/ordered_work.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 450 records of two leads that need no files: 8 blocks. Every seventh cannot be read, every eleventh has no report,
// some ids come twice.
class MadeUp : public RecordSource {
 public:
  static constexpr std::size_t kSize = 450;

  explicit MadeUp(std::string words = "made up") : words_(std::move(words)) {}

  fs::path root() const override { return "/nowhere"; }
  StoreInfo info() const override {
    StoreInfo info;
    info.rate = 50;
    info.leads = {"I", "II"};
    info.label_sets["set"] = {"even", "odd"};
    info.made_by["data_set"] = words_;
    return info;
  }
  std::string fingerprint() const override { return words_; }
  std::size_t size() const override { return kSize; }
  std::string name(std::size_t index) const override { return fmt::format("file {}", index); }

  StoreRecord record(std::size_t index) const override {
    if (index % 11 == 5) throw Rejection("no report", "there is no report");
    StoreRecord record;
    record.id = std::to_string(index % 100 == 99 ? 0 : index);
    record.split = index % 3 == 0 ? kTest : kTrain;
    record.report = fmt::format("report, \"{}\"", index);
    record.source = std::to_string(index);
    return record;
  }

  Recording read(StoreRecord& record) const override {
    const std::size_t index = std::stoul(record.source);
    ++reads_[index];
    if (index % 7 == 3) fail("/nowhere/{}: is damaged", index);
    record.labels["set"] = {index % 2 == 0 ? "even" : "odd"};
    Recording recording;
    recording.rate = 50;
    for (const char* name : {"II", "I"}) {
      Lead lead{name, std::vector<float>(500)};
      for (std::size_t k = 0; k < 500; ++k)
        lead.samples[k] = static_cast<float>((index * 31 + k * (name[1] == 'I' ? 7 : 3)) % 2000) / 1000.0F;
      if (index % 13 == 0) lead.samples[250] = std::nanf("");
      recording.leads.push_back(std::move(lead));
    }
    return recording;
  }

  int reads(std::size_t index) const { return reads_[index]; }

 private:
  std::string words_;
  mutable std::array<std::atomic<int>, kSize> reads_{};
};

// name -> bytes
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files[entry.path().filename()] = read_file(entry.path());
  return files;
}

class Prepare : public ::testing::Test {
 protected:
  fs::path out(const std::string& name = "store") const { return scratch_.path() / name; }
  fs::path partial() const { return scratch_.path() / "store.partial"; }

  // A store made in one go.
  std::map<std::string, std::string> whole() const {
    prepare_store(MadeUp(), out("whole"), {.replace = true});
    return contents(out("whole"));
  }

  struct Interrupted {};
  // Stops when `entries` are done.
  void interrupt(std::int64_t entries, double journal_seconds = 0) const {
    PrepareOptions options;
    options.journal_seconds = journal_seconds;
    options.progress = [&](std::int64_t done, std::int64_t) {
      if (done >= entries) throw Interrupted();
    };
    EXPECT_THROW(prepare_store(MadeUp(), out(), options), Interrupted);
    EXPECT_FALSE(fs::exists(out()));
  }

  void append(const std::string& file, const std::string& bytes) const {
    std::ofstream(partial() / file, std::ios::app | std::ios::binary) << bytes;
  }
  void change_journal(const std::string& key, const Json& value) const {
    Json journal = load_json(partial() / "journal.json");
    journal[key] = value;
    save_json(partial() / "journal.json", journal);
  }

  TemporaryDirectory scratch_;
};

TEST_F(Prepare, WritesInOrderAndCounts) {
  std::vector<std::int64_t> progress;
  PrepareOptions options;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(total, 450);
    progress.push_back(done);
  };
  const PrepareSummary summary = prepare_store(MadeUp(), out(), options);
  EXPECT_EQ(progress.front(), 0);
  EXPECT_EQ(progress.back(), 450);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_EQ(summary.records + summary.rejected, 450);
  // 41 of 450 are 5 mod 11; 64 are 3 mod 7, 6 of them both; 99, 199, 299 and 399 repeat the id 0, of which 199 is 3
  // mod 7.
  EXPECT_EQ(summary.rejections,
            (std::map<std::string, std::int64_t>{{"cannot be used", 58}, {"id seen before", 3}, {"no report", 41}}));
  EXPECT_EQ(summary.rate, 50);
  EXPECT_EQ(summary.resumed, 0);
  EXPECT_EQ(summary.first_rejection, "file 3: 3: is damaged");
  const Store store(out());
  store.verify();
  EXPECT_EQ(store.size(), 450U - 102);
  EXPECT_EQ(store.record(3).id, "4");
  EXPECT_THAT(store.record(3).labels.at("set"), ElementsAre("even"));
  EXPECT_EQ(store.signal(3)[1], (4 * 31 + 3) % 2000);  // lead I, though the file has II first
  EXPECT_EQ(store.signal(3)[501], (4 * 31 + 7) % 2000);
  EXPECT_EQ(store.info().made_by["rejections"]["no report"], 41);
  EXPECT_EQ(store.info().made_by["repaired"], summary.repaired);
  EXPECT_GT(summary.repaired, 20);
  CsvReader rejected(out() / "rejected.csv");
  std::vector<std::string> cells;
  ASSERT_TRUE(rejected.next(cells));
  EXPECT_THAT(cells, ElementsAre("file 3", "3: is damaged"));
  ASSERT_TRUE(rejected.next(cells));
  EXPECT_THAT(cells, ElementsAre("file 5", "there is no report"));
}

TEST_F(Prepare, TheBytesDependOnNothingElse) {
  const auto expected = whole();
  EXPECT_EQ(expected.size(), 4U);
  EXPECT_THAT(expected.at("store.json"), ::testing::Not(HasSubstr(scratch_.path().string())));
  for (const std::size_t threads : {1U, 2U, 9U}) {
    const MadeUp source;
    prepare_store(source, out(), {.replace = true, .threads = threads});
    EXPECT_EQ(contents(out()), expected);
    for (std::size_t i = 0; i < source.size(); ++i) EXPECT_LE(source.reads(i), 1);
  }
}

TEST_F(Prepare, InterruptedItGoesOnWhereItWas) {
  const auto expected = whole();
  for (const std::int64_t entries : {1, 64, 65, 200, 449, 450})
    for (const double journal_seconds : {0.0, 1000.0}) {
      interrupt(entries, journal_seconds);
      ASSERT_TRUE(fs::exists(partial() / "journal.json")) << entries;
      const MadeUp source;
      std::int64_t first = -1;
      PrepareOptions options;
      options.progress = [&](std::int64_t done, std::int64_t) { first = first < 0 ? done : first; };
      const PrepareSummary summary = prepare_store(source, out(), options);
      EXPECT_GT(summary.resumed, 0);
      EXPECT_GE(summary.resumed + 64, entries);  // a block at most was lost: the one that was being reported
      EXPECT_EQ(first, summary.resumed);
      EXPECT_EQ(contents(out()), expected) << entries;
      EXPECT_FALSE(fs::exists(partial()));
      for (std::size_t i = 0; i < source.size(); ++i)
        EXPECT_EQ(source.reads(i), static_cast<std::int64_t>(i) < summary.resumed || i % 11 == 5 ? 0 : 1);
      fs::remove_all(out());
    }
}

TEST_F(Prepare, InterruptedAgainAndAgain) {
  const auto expected = whole();
  for (const std::int64_t entries : {64, 128, 129, 300, 448}) interrupt(entries);
  EXPECT_EQ(prepare_store(MadeUp(), out()).splits.at("train"), Store(out("whole")).split("train").size());
  EXPECT_EQ(contents(out()), expected);
}

// The process is killed where it stands: nothing is flushed, no destructor runs.
TEST_F(Prepare, KilledItGoesOnToTheSameBytes) {
  const auto expected = whole();
  for (const std::int64_t entries : {64, 192, 320, 450}) {
    const pid_t child = fork();
    if (child == 0) {
      PrepareOptions options;
      options.journal_seconds = entries == 320 ? 0.002 : 0;
      options.progress = [&](std::int64_t done, std::int64_t) {
        if (done >= entries) raise(SIGKILL);
      };
      try {
        prepare_store(MadeUp(), out(), options);
      } catch (...) {
      }
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(fs::exists(out()));
    const PrepareSummary summary = prepare_store(MadeUp(), out());
    if (entries != 320) {
      EXPECT_GT(summary.resumed, 0);
    }
    EXPECT_EQ(contents(out()), expected) << entries;
    fs::remove_all(out());
  }
}

// A kill between the journal and the next: the files are longer than it says, by any number of bytes.
TEST_F(Prepare, CutsBackWhatTheJournalDoesNotKnow) {
  const auto expected = whole();
  for (const std::size_t bytes : {1U, 999U, 2000U, 5001U}) {
    interrupt(200);
    append("signals.npy", std::string(bytes, 'x'));
    append("records.csv", std::string("17,\"half a row").substr(0, bytes));
    append("rejected.csv", "\"");
    append("journal.json.tmp-abc", "{");
    append("store.json", "{}");
    EXPECT_GT(prepare_store(MadeUp(), out()).resumed, 0);
    EXPECT_EQ(contents(out()), expected);
    fs::remove_all(out());
  }
}

TEST_F(Prepare, RefusesToGoOnFromWhatWasDamaged) {
  const auto expected = whole();
  const auto expect_refused = [&](const ::testing::Matcher<std::string>& message) {
    EXPECT_DERI_ERROR(prepare_store(MadeUp(), out()), AllOf(message, HasSubstr("--restart")));
    EXPECT_EQ(prepare_store(MadeUp(), out(), {.restart = true}).resumed, 0);
    EXPECT_EQ(contents(out()), expected);
    fs::remove_all(out());
    interrupt(200);
  };
  interrupt(200);
  write_file_atomic(partial() / "journal.json", "{\"fingerprint\": ");
  expect_refused(HasSubstr("journal.json"));
  write_file_atomic(partial() / "journal.json", "[]");
  expect_refused(HasSubstr("journal.json"));
  change_journal("signals_bytes", "many");
  expect_refused(HasSubstr("signals_bytes"));
  change_journal("records", 3);
  expect_refused(HasSubstr("damaged"));
  // after a power cut, blocks of zeros where data were
  std::string records = read_file(partial() / "records.csv");
  std::fill(records.end() - 300, records.end(), '\0');
  std::ofstream(partial() / "records.csv", std::ios::binary) << records;
  EXPECT_THROW(prepare_store(MadeUp(), out()), Error);
  std::string signals = read_file(partial() / "signals.npy");
  fs::remove_all(partial());
  interrupt(200);
  signals[5000] = static_cast<char>(signals[5000] ^ 1);
  std::ofstream(partial() / "signals.npy", std::ios::binary) << signals;
  change_journal("boot", "another start of the machine");
  expect_refused(AllOf(HasSubstr("signals.npy"), HasSubstr("damaged")));
  // the same without damage
  change_journal("boot", "another start of the machine");
  EXPECT_GT(prepare_store(MadeUp(), out()).resumed, 0);
  EXPECT_EQ(contents(out()), expected);
}

TEST_F(Prepare, TruncatedFilesAreRefused) {
  for (const char* file : {"signals.npy", "records.csv", "rejected.csv"}) {
    interrupt(200);
    fs::resize_file(partial() / file, fs::file_size(partial() / file) / 2);
    EXPECT_DERI_ERROR(prepare_store(MadeUp(), out()), AllOf(HasSubstr(file), HasSubstr("shorter")));
    fs::remove_all(partial());
  }
}

TEST_F(Prepare, AnotherPreparationIsNotGoneOnWith) {
  interrupt(200);
  const auto left = contents(partial());
  const auto refused = AllOf(HasSubstr("store.partial"), HasSubstr("another preparation"), HasSubstr("--restart"));
  EXPECT_DERI_ERROR(prepare_store(MadeUp("other words"), out()), refused);
  EXPECT_DERI_ERROR(prepare_store(MadeUp(), out(), {.rate = 25}), refused);
  EXPECT_EQ(contents(partial()), left);
  prepare_store(MadeUp("other words"), out(), {.restart = true});
  EXPECT_EQ(Store(out()).info().made_by["data_set"], "other words");
  EXPECT_FALSE(fs::exists(partial()));
}

TEST_F(Prepare, TheOldStoreStaysUntilTheNewOneIsWhole) {
  prepare_store(MadeUp("old"), out());
  EXPECT_DERI_ERROR(prepare_store(MadeUp(), out()), HasSubstr("exists already"));
  PrepareOptions options;
  options.replace = true;
  options.progress = [&](std::int64_t done, std::int64_t) {
    if (done > 200) throw Interrupted();
  };
  EXPECT_THROW(prepare_store(MadeUp(), out(), options), Interrupted);
  EXPECT_EQ(Store(out()).info().made_by["data_set"], "old");
  options.progress = {};
  EXPECT_GT(prepare_store(MadeUp(), out(), options).resumed, 0);
  EXPECT_EQ(contents(out()), whole());
}

TEST_F(Prepare, OneProcessAtATime) {
  PrepareOptions options;
  bool tried = false;
  options.progress = [&](std::int64_t, std::int64_t) {
    if (std::exchange(tried, true)) return;
    EXPECT_DERI_ERROR(prepare_store(MadeUp(), out()), HasSubstr("another process"));
  };
  prepare_store(MadeUp(), out(), options);
  EXPECT_EQ(contents(out()), whole());
}

TEST_F(Prepare, AFullDiskKeepsWhatWasDone) {
  const auto expected = whole();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);  // write() fails with EFBIG, as with ENOSPC on a full disk
  for (const rlim_t limit : {rlim_t{300'000}, rlim_t{50'000}}) {
    const rlimit limited{limit, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
    EXPECT_DERI_ERROR(prepare_store(MadeUp(), out(), {.journal_seconds = 0}),
                      AllOf(HasSubstr("cannot write"), HasSubstr("signals.npy")));
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(fs::exists(partial()), limit == 300'000);
    EXPECT_EQ(prepare_store(MadeUp(), out()).resumed > 0, limit == 300'000);
    EXPECT_EQ(contents(out()), expected);
    fs::remove_all(out());
  }
  std::signal(SIGXFSZ, previous);
}

class Hopeless : public MadeUp {
 public:
  StoreRecord record(std::size_t) const override { fail("nothing is right"); }
};

TEST_F(Prepare, AllRejectedLeavesNothing) {
  EXPECT_DERI_ERROR(prepare_store(Hopeless(), out(), {.journal_seconds = 0}),
                    AllOf(HasSubstr("all 450 records were rejected"), HasSubstr("nothing is right")));
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
}

TEST_F(Prepare, AnInternalErrorIsNotARejection) {
  class Broken : public MadeUp {
   public:
    Recording read(StoreRecord&) const override { throw std::runtime_error("a bug"); }
  };
  EXPECT_THROW(prepare_store(Broken(), out()), std::runtime_error);
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
}

TEST_F(Prepare, MakesTheRateAskedFor) {
  const PrepareSummary summary = prepare_store(MadeUp(), out(), {.rate = 100});
  EXPECT_EQ(summary.rate, 100);
  EXPECT_EQ(Store(out()).info().samples, 1000);
  EXPECT_DERI_ERROR(prepare_store(MadeUp(), out("b"), {.rate = 0.5}), HasSubstr("cannot be made"));
}

TEST(OrderedWork, BoundsWhatIsMadeAhead) {
  std::atomic<std::size_t> made{0};
  OrderedWork<std::size_t> work(50, 4, 3, [&](std::size_t i) {
    ++made;
    return i * i;
  });
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_LE(made, i + 3);
    EXPECT_EQ(work.next(), i * i);
  }
  EXPECT_EQ(work.next(), std::nullopt);
  OrderedWork<int> nothing(0, 2, 2, [](std::size_t) { return 1; });
  EXPECT_EQ(nothing.next(), std::nullopt);
  OrderedWork<int> failing(9, 2, 2, [](std::size_t i) { return i == 4 ? throw std::runtime_error("four") : 1; });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(failing.next(), 1);
  EXPECT_THROW(failing.next(), std::runtime_error);
}

TEST(PrepareHelpers, ReadNumbersPathsAndFolders) {
  EXPECT_EQ(whole_number("15709.0", "c"), "15709");
  EXPECT_EQ(whole_number("7", "c"), "7");
  for (const char* bad : {"", "1.5", "-1", "nan", "1e3", " 1", ".0"})
    EXPECT_DERI_ERROR(whole_number(bad, "column_x"), HasSubstr("column_x"));
  EXPECT_TRUE(stays_inside("a/b..c/d"));
  for (const char* bad : {"/a", "../a", "a/../b", ".."}) EXPECT_FALSE(stays_inside(bad)) << bad;
  const TemporaryDirectory folder;
  make_directories(folder.path() / "b/c");
  make_directories(folder.path() / "x.hea");
  for (const char* file : {"b/c/2.hea", "b/1.hea", "a.hea", "a.dat"}) write_file_atomic(folder.path() / file, "");
  EXPECT_THAT(list_files(folder.path(), ".hea"), ElementsAre("a.hea", "b/1.hea", "b/c/2.hea"));
  EXPECT_DERI_ERROR(list_files(folder.path() / "none", ".hea"), HasSubstr("cannot read the folder"));
}

}  // namespace
}  // namespace deri
