#include "deri/data/store.hpp"

#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>

#include "testing/testing.hpp"
#include <sys/resource.h>

#include "deri/base/random.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

StoreInfo small_info() {
  StoreInfo info;
  info.rate = 100;
  info.leads = {"I", "II"};
  info.samples = 3;
  info.label_sets = {{"super", {"CD", "MI", "NORM"}}, {"rhythm", {"AFIB", "SR"}}};
  info.made_by["data_set"] = "a test";
  return info;
}

StoreRecord record(const std::string& id, const std::string& split = kTrain) {
  StoreRecord made;
  made.id = id;
  made.patient = "p" + id;
  made.split = split;
  made.report = "sinus rhythm";
  made.labels = {{"super", {"NORM"}}, {"rhythm", {"SR"}}};
  made.source = "records100/" + id;
  return made;
}

const std::vector<std::int16_t> kFirst = {1, -2, 300, 4, 5, -32767};
const std::vector<std::int16_t> kSecond = {7, 8, 9, 10, 11, 32767};

// A store of two records: one of train, one of test.
void write_small(const fs::path& path) {
  StoreWriter writer(path, small_info());
  writer.add(record("1"), kFirst);
  writer.add(record("2", kTest), kSecond);
  writer.reject("records100/3", "lead V1 is flat");
  writer.finish();
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

class StoreTest : public ::testing::Test {
 protected:
  fs::path path(const std::string& name = "store") const { return scratch_.path() / name; }

  void replace_in(const std::string& file, const std::string& from, const std::string& to) const {
    std::string text = read_file(path() / file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << text;
    text.replace(at, from.size(), to);
    write_file_atomic(path() / file, text);
  }

  TemporaryDirectory scratch_;
};

TEST_F(StoreTest, GivesBackWhatWasWritten) {
  StoreInfo info = small_info();
  StoreRecord odd = record("17");
  odd.report = "Ausgeprägt \"wide\", QRS\r\nsecond line";
  odd.labels = {{"super", {"CD", "MI"}}, {"rhythm", {}}};
  odd.source = "a folder/with, comma";
  StoreRecord unlabelled = record("18", kValidation);
  unlabelled.labels.clear();
  {
    StoreWriter writer(path(), info);
    writer.add(odd, kFirst);
    writer.add(unlabelled, kSecond);
    writer.reject("x.hea", "said \"no\"");
    EXPECT_EQ(writer.records(), 2);
    EXPECT_EQ(writer.rejected(), 1);
    writer.finish();
  }
  const Store store(path());
  EXPECT_EQ(store.info().rate, 100);
  EXPECT_THAT(store.info().leads, ElementsAre("I", "II"));
  EXPECT_EQ(store.info().samples, 3);
  EXPECT_EQ(store.info().label_sets, info.label_sets);
  EXPECT_EQ(store.info().made_by, info.made_by);
  ASSERT_EQ(store.size(), 2U);
  EXPECT_EQ(store.record(0).id, "17");
  EXPECT_EQ(store.record(0).patient, "p17");
  EXPECT_EQ(store.record(0).split, kTrain);
  EXPECT_EQ(store.record(0).report, odd.report);
  EXPECT_EQ(store.record(0).labels, odd.labels);
  EXPECT_EQ(store.record(0).source, odd.source);
  EXPECT_TRUE(store.record(1).labels.empty());
  EXPECT_TRUE(std::ranges::equal(store.signal(0), kFirst));
  EXPECT_TRUE(std::ranges::equal(store.signal(1), kSecond));
  EXPECT_NO_THROW(store.verify());
  EXPECT_EQ(read_file(path() / "rejected.csv"), "file,reason\nx.hea,\"said \"\"no\"\"\"\n");
}

// NumPy's format, version 1.0, byte by byte: magic, version, length of the header, the header as NumPy writes it, data.
TEST_F(StoreTest, SignalsAreAPlainNpyFile) {
  StoreWriter writer(path(), small_info());
  for (int i = 0; i < 12; ++i) writer.add(record(std::to_string(i)), i == 11 ? kSecond : kFirst);
  writer.finish();
  const std::string bytes = read_file(path() / "signals.npy");
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const std::size_t length = static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + length) % 64, 0U);
  const std::string header = bytes.substr(10, length);
  const std::string dictionary = "{'descr': '<i2', 'fortran_order': False, 'shape': (12, 2, 3), }";
  EXPECT_EQ(header.substr(0, dictionary.size()), dictionary);
  EXPECT_EQ(header.find_first_not_of(' ', dictionary.size()), header.size() - 1);
  EXPECT_EQ(header.back(), '\n');
  EXPECT_EQ(bytes.size(), 10 + length + 12 * 2 * 3 * 2);
  EXPECT_EQ(bytes.substr(10 + length, 6), std::string("\x01\x00\xFE\xFF\x2C\x01", 6));  // 1, -2, 300
  EXPECT_EQ(bytes.substr(bytes.size() - 2), "\xFF\x7F");                                // 32767
}

TEST_F(StoreTest, HoldsFourFilesAndSaysWhatIsInThem) {
  write_small(path());
  EXPECT_THAT(names_in(path()), UnorderedElementsAre("signals.npy", "records.csv", "store.json", "rejected.csv"));
  EXPECT_EQ(read_file(path() / "records.csv"),
            "id,patient,split,report,labels,source\n"
            "1,p1,train,sinus rhythm,rhythm:SR super:NORM,records100/1\n"
            "2,p2,test,sinus rhythm,rhythm:SR super:NORM,records100/2\n");
  const Json tree = load_json(path() / "store.json");
  EXPECT_EQ(tree["version"], kStoreVersion);
  EXPECT_EQ(tree["written_by"], "deri " DERI_VERSION);
  EXPECT_EQ(tree["records"], 2);
  EXPECT_EQ(tree["rejected"], 1);
  EXPECT_EQ(tree["splits"]["train"], 1);
  EXPECT_EQ(tree["splits"]["validation"], 0);
  EXPECT_EQ(tree["splits"]["test"], 1);
  // XXH3 of each record's bytes, chained from 0; computed outside with the xxHash library itself.
  EXPECT_EQ(tree["checksum"], "xxh3:e5db649a4f262830");
}

TEST_F(StoreTest, IsTheSameBytesEachTime) {
  write_small(path("a"));
  write_small(path("b"));
  for (const std::string& name : names_in(path("a")))
    EXPECT_EQ(read_file(path("a") / name), read_file(path("b") / name)) << name;
}

TEST_F(StoreTest, AppearsOnlyWhenFinished) {
  {
    StoreWriter writer(path(), small_info());
    writer.add(record("1"), kFirst);
    EXPECT_FALSE(fs::exists(path()));
  }
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
  {
    StoreWriter writer(path(), small_info());
    writer.reject("x", "y");
    EXPECT_DERI_ERROR(writer.finish(), HasSubstr("no record"));
  }
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
}

TEST_F(StoreTest, ReplacesOnlyAStoreAndOnlyOnRequest) {
  write_small(path());
  EXPECT_DERI_ERROR(StoreWriter(path(), small_info()), HasSubstr("exists already"));
  {
    StoreWriter writer(path(), small_info(), true);
    writer.add(record("9"), kFirst);
    EXPECT_EQ(Store(path()).size(), 2U);  // the old one, until the new one is whole
    writer.finish();
  }
  EXPECT_EQ(Store(path()).record(0).id, "9");
  EXPECT_THAT(names_in(scratch_.path()), ElementsAre("store"));

  make_directories(path("precious"));
  write_file_atomic(path("precious") / "data.csv", "kept");
  EXPECT_DERI_ERROR(StoreWriter(path("precious"), small_info(), true), HasSubstr("not a store"));
  EXPECT_EQ(read_file(path("precious") / "data.csv"), "kept");
}

TEST_F(StoreTest, RefusesRecordsThatItCouldNotGiveBack) {
  StoreWriter writer(path(), small_info());
  writer.add(record("1"), kFirst);
  EXPECT_DERI_ERROR(writer.add(record("1"), kFirst), HasSubstr("id 1 was added before"));
  EXPECT_DERI_ERROR(writer.add(record("2", "dev"), kFirst), HasSubstr("split 'dev'"));
  StoreRecord wrong = record("2");
  wrong.labels["super"] = {"HYP"};
  EXPECT_DERI_ERROR(writer.add(wrong, kFirst), AllOf(HasSubstr("'HYP'"), HasSubstr("'super'")));
  wrong.labels = {{"form", {"PAC"}}};
  EXPECT_DERI_ERROR(writer.add(wrong, kFirst), AllOf(HasSubstr("'form'"), HasSubstr("rhythm, super")));
  EXPECT_THROW(writer.add(record("2"), std::span(kFirst).first(5)), InternalError);
  writer.add(record("2"), kSecond);
  writer.finish();
  const Store store(path());
  EXPECT_EQ(store.size(), 2U);
  EXPECT_NO_THROW(store.verify());
}

TEST_F(StoreTest, RefusesAnImpossibleDescription) {
  const auto refused = [&](const auto& change, const std::string& part) {
    StoreInfo info = small_info();
    change(info);
    EXPECT_DERI_ERROR(StoreWriter(path(), info), HasSubstr(part));
  };
  refused([](StoreInfo& info) { info.rate = 0; }, "rate");
  refused([](StoreInfo& info) { info.leads = {"I", "I"}; }, "leads");
  refused([](StoreInfo& info) { info.leads.clear(); }, "leads");
  refused([](StoreInfo& info) { info.samples = 0; }, "samples");
  refused([](StoreInfo& info) { info.label_sets["a:b"] = {"X"}; }, "'a:b'");
  refused([](StoreInfo& info) { info.label_sets["super"] = {"two words"}; }, "'two words'");
  refused([](StoreInfo& info) { info.label_sets["super"] = {"MI", "MI"}; }, "twice");
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
}

TEST_F(StoreTest, LeavesNothingBehindOnAFullDisk) {
  StoreInfo info = small_info();
  info.samples = 1 << 18;  // 1 MiB a record
  const std::vector<std::int16_t> signal(2U << 18, 5);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);  // write() fails with EFBIG, as with ENOSPC on a full disk
  const rlimit limited{rlim_t{3} << 20, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  {
    StoreWriter writer(path(), info);
    EXPECT_DERI_ERROR(for (int i = 0; i < 10; ++i) writer.add(record(std::to_string(i)), signal),
                      AllOf(HasSubstr("cannot write"), HasSubstr("signals.npy")));
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous);
  EXPECT_TRUE(fs::is_empty(scratch_.path()));
}

TEST_F(StoreTest, AnotherVersionIsNamed) {
  write_small(path());
  replace_in("store.json", "\"version\": 2", "\"version\": 7");
  EXPECT_DERI_ERROR(Store{path()},
                    AllOf(HasSubstr("version 7"), HasSubstr("version 2"), HasSubstr("prepare it again")));
}

TEST_F(StoreTest, NotAStore) {
  EXPECT_DERI_ERROR(Store{path("nowhere")}, AllOf(HasSubstr("nowhere"), HasSubstr("store.json")));
  make_directories(path());
  EXPECT_DERI_ERROR(Store{path()}, HasSubstr("not a store"));
  write_file_atomic(path() / "store.json", "{\"version\": ");
  EXPECT_DERI_ERROR(Store{path()}, HasSubstr("store.json"));
  for (const char* text : {"[]", "3", "{}", "{\"version\": 1.5}", "{\"version\": \"2\"}", "{\"version\": 2}"}) {
    write_file_atomic(path() / "store.json", text);
    EXPECT_THROW(Store{path()}, Error) << text;
  }
}

struct Damage {
  const char *file, *from, *to, *message;
};

class DamagedStoreTest : public StoreTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedStoreTest, IsRefused) {
  write_small(path());
  replace_in(GetParam().file, GetParam().from, GetParam().to);
  EXPECT_DERI_ERROR(Store{path()}, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Damages, DamagedStoreTest,
                         ::testing::Values(Damage{"store.json", "\"records\": 2", "\"records\": 3", "lists 2 records"},
                                           Damage{"store.json", "\"records\": 2", "\"records\": 2.5", "'records'"},
                                           Damage{"store.json", "\"samples\": 3", "\"samples\": 4", "shape [2, 2, 3]"},
                                           Damage{"store.json", "\"samples\": 3", "\"samples\": -3", "-3 samples"},
                                           Damage{"store.json", "\"samples\"", "\"simples\"", "'samples'"},
                                           Damage{"store.json", "\"rate\": 100.0", "\"rate\": \"fast\"", "'rate'"},
                                           Damage{"store.json", "\"II\"", "\"I\"", "leads"},
                                           Damage{"store.json", "\"CD\"", "\"C D\"", "'C D'"},
                                           Damage{"store.json", "xxh3:", "crc:", "checksum"},
                                           Damage{"records.csv", "2,p2,test", "1,p2,test", "the id 1 appears twice"},
                                           Damage{"records.csv", "2,p2,test", "2,p2,exam", "split 'exam'"},
                                           Damage{"records.csv", "super:NORM", "super:HYP", "'HYP'"},
                                           Damage{"records.csv", "super:NORM", "NORM", "records.csv:2"},
                                           Damage{"records.csv", "super:NORM", "super:NORM super:NORM", "twice"},
                                           Damage{"records.csv", "id,patient", "key,patient", "no column 'id'"},
                                           Damage{"records.csv",
                                                  "2,p2,test,sinus rhythm,rhythm:SR super:NORM,records100/2\n", "",
                                                  "lists 1 records"},
                                           Damage{"signals.npy", "(2, 2, 3)", "(1, 2, 3)", "shape [1, 2, 3]"},
                                           Damage{"signals.npy", "(2, 2, 3)", "(9, 2, 3)", "promises"},
                                           Damage{"signals.npy", "<i2", "<u2", "'<u2'"}));

TEST_F(StoreTest, TruncatedOrMissingFilesAreRefused) {
  write_small(path());
  fs::resize_file(path() / "signals.npy", fs::file_size(path() / "signals.npy") - 1);
  EXPECT_DERI_ERROR(Store{path()}, HasSubstr("signals.npy"));
  fs::remove(path() / "signals.npy");
  EXPECT_DERI_ERROR(Store{path()}, HasSubstr("signals.npy"));
  fs::remove(path() / "records.csv");
  EXPECT_DERI_ERROR(Store{path()}, HasSubstr("records.csv"));
}

TEST_F(StoreTest, ChangedSamplesFailTheChecksum) {
  write_small(path());
  EXPECT_NO_THROW(Store(path()).verify());
  std::string bytes = read_file(path() / "signals.npy");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomic(path() / "signals.npy", bytes);
  EXPECT_DERI_ERROR(Store(path()).verify(), AllOf(HasSubstr("checksum"), HasSubstr("signals.npy")));
}

TEST_F(StoreTest, SplitsAndLabelSetsByName) {
  write_small(path());
  const Store store(path());
  EXPECT_THAT(store.split(kTrain), ElementsAre(0U));
  EXPECT_THAT(store.split(kTest), ElementsAre(1U));
  EXPECT_DERI_ERROR(store.split(kValidation), AllOf(HasSubstr("'validation'"), HasSubstr("test, train")));
  EXPECT_THAT(store.label_set("super"), ElementsAre("CD", "MI", "NORM"));
  EXPECT_DERI_ERROR(store.label_set("sub"), AllOf(HasSubstr("'sub'"), HasSubstr("rhythm, super")));
}

TEST_F(StoreTest, LabelMatrixLeavesOutRecordsWithoutTheSet) {
  StoreWriter writer(path(), small_info());
  StoreRecord first = record("1");
  first.labels = {{"super", {"NORM", "CD"}}};
  StoreRecord second = record("2");
  second.labels = {{"rhythm", {"AFIB"}}};
  StoreRecord third = record("3");
  third.labels = {{"super", {}}, {"rhythm", {"SR", "AFIB"}}};
  for (const StoreRecord& each : {first, second, third}) writer.add(each, kFirst);
  writer.finish();
  const Store store(path());
  const LabelMatrix super = label_matrix(store, {2, 1, 0}, "super");
  EXPECT_THAT(super.indices, ElementsAre(2U, 0U));
  EXPECT_THAT(super.labels, ElementsAre("CD", "MI", "NORM"));
  EXPECT_THAT(super.values, ElementsAre(0, 0, 0, 1, 0, 1));
  const LabelMatrix rhythm = label_matrix(store, {0, 1, 2}, "rhythm");
  EXPECT_THAT(rhythm.indices, ElementsAre(1U, 2U));
  EXPECT_THAT(rhythm.values, ElementsAre(1, 0, 1, 1));
  EXPECT_DERI_ERROR(label_matrix(store, {0}, "sub"), HasSubstr("'sub'"));
}

}  // namespace
}  // namespace deri
