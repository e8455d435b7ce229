#include "deri/data/folder.hpp"

#include "archive_testing.hpp"
#include "testing/testing.hpp"

#include "deri/data/splits.hpp"
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

class Folder : public ::testing::Test {
 protected:
  fs::path source() const { return scratch_.path() / "folder"; }
  fs::path out() const { return scratch_.path() / "store"; }
  void write(const std::string& name, int seed) const { testing::write_record(source() / name, waves(seed)); }
  void write_table(const std::string& text, const std::string& name = "list.csv") const {
    make_directories(source());
    write_file_atomic(source() / name, text, Survives::kKill);
  }
  TemporaryDirectory scratch_;
};

TEST_F(Folder, ReadsWhatTheTableSays) {
  write("ward 3/one", 1);
  write("two", 2);
  write("three", 3);
  write_table(
      "id,patient,file,report,split,labels,label:form:PVC,label:form:PAC,doctor\n"
      "r1,p1,ward 3/one.hea,\"Sinus, normal\",train,rhythm:SR super:MI super:CD,yes,0,x\n"
      ",p2,two,text, Val ,rhythm:,,,y\n"
      "r3,,three.dat,,test,,0,,\n");
  const PrepareSummary summary = prepare_folder(source(), out());
  EXPECT_EQ(summary.rejected, 0) << summary.first_rejection;
  const Store store(out());
  EXPECT_EQ(store.info().rate, 500);
  EXPECT_THAT(store.label_set("form"), ElementsAre("PAC", "PVC"));
  EXPECT_THAT(store.label_set("rhythm"), ElementsAre("SR"));
  EXPECT_THAT(store.label_set("super"), ElementsAre("CD", "MI"));
  ASSERT_EQ(store.size(), 3U);
  EXPECT_EQ(store.record(0).id, "r1");
  EXPECT_EQ(store.record(0).report, "Sinus, normal");
  EXPECT_EQ(store.record(0).labels, (std::map<std::string, std::vector<std::string>>{
                                        {"form", {"PVC"}}, {"rhythm", {"SR"}}, {"super", {"CD", "MI"}}}));
  EXPECT_EQ(store.record(1).id, "two");
  EXPECT_EQ(store.record(1).split, "validation");
  EXPECT_EQ(store.record(1).labels, (std::map<std::string, std::vector<std::string>>{{"rhythm", {}}}));
  EXPECT_EQ(store.record(2).labels, (std::map<std::string, std::vector<std::string>>{{"form", {}}}));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(std::ranges::equal(store.signal(static_cast<std::size_t>(i)), waves(i + 1).samples));
}

TEST_F(Folder, AFileColumnIsEnough) {
  std::string table = "file\n";
  for (int i = 0; i < 12; ++i) {
    write(fmt::format("e{}", i), i);
    table += fmt::format("e{}.hea\n", i);
  }
  write_table(table);
  prepare_folder(source(), out(), {.rate = 100}, {.validation = 0.3, .test = 0.3});
  const Store store(out());
  EXPECT_EQ(store.info().rate, 100);
  for (std::size_t i = 0; i < store.size(); ++i) {
    EXPECT_EQ(store.record(i).id, fmt::format("e{}", i));
    EXPECT_EQ(store.record(i).split, HashSplit(42, 0.3, 0.3).split_of(store.record(i).id));
  }
}

TEST_F(Folder, PatientsStayTogether) {
  for (int i = 0; i < 4; ++i) write(fmt::format("e{}", i), i);
  write_table("file,patient\ne0.hea,a\ne1.hea,b\ne2.hea,a\ne3.hea,b\n");
  prepare_folder(source(), out());
  const Store store(out());
  EXPECT_EQ(store.record(0).split, store.record(2).split);
  EXPECT_EQ(store.record(0).split, HashSplit(42, 0.1, 0.1).split_of("a"));
  write_table("file,patient,split\ne0.hea,a,train\ne1.hea,b,test\ne2.hea,a,test\n");
  EXPECT_DERI_ERROR(prepare_folder(source(), out(), {.replace = true}),
                    AllOf(HasSubstr("patient a"), HasSubstr("two splits"), HasSubstr("column split")));
}

TEST_F(Folder, LeadsThatTheLimbsGiveAreComputed) {
  WfdbSignals signals = waves(5, 500, {"V1", "V2", "V3", "V4", "V5", "V6", "II", "I"});
  testing::write_record(source() / "eight", signals);
  write_table("file\neight.hea\n");
  prepare_folder(source(), out());
  const Store store(out());
  const auto row = store.signal(0);
  for (std::size_t k = 0; k < 5000; k += 97) {
    EXPECT_EQ(row[k], signals.samples[7 * 5000 + k]);                       // I
    EXPECT_EQ(row[2 * 5000 + k], row[5000 + k] - row[k]);                   // III
    EXPECT_NEAR(row[3 * 5000 + k], -(row[k] + row[5000 + k]) / 2.0, 0.51);  // aVR
  }
}

// A CSV recording says neither rate nor unit.
TEST_F(Folder, ReadsFormatsThatSayTooLittleWithOptions) {
  std::string ecg = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6\n";
  for (int k = 0; k < 1000; ++k) {
    for (int lead = 0; lead < 12; ++lead) ecg += fmt::format("{}{}", lead > 0 ? "," : "", (k * (lead + 1)) % 500);
    ecg += '\n';
  }
  write_table(ecg, "ecg.csv");
  write_table("file\necg.csv\n", "table.csv");
  EXPECT_DERI_ERROR(prepare_folder(source(), out()), HasSubstr("--rate"));
  FolderOptions options;
  options.read.rate = 100;
  options.read.unit = "uV";
  options.store_rate = 100;
  const PrepareSummary summary = prepare_folder(source(), out(), {}, options);
  EXPECT_EQ(summary.records, 1);
  EXPECT_EQ(Store(out()).signal(0)[1000 + 7], 14);
}

TEST_F(Folder, RejectsRowsThatCannotBeUsed) {
  for (int i = 0; i < 3; ++i) write(fmt::format("e{}", i), i);
  write_table(
      "file,split,labels,label:a:B\n"
      "e0.hea,,,\n,,,\n../e1.hea,,,\n/etc/passwd,,,\ne1.hea,exam,,\ne1.hea,,MI,\ne1.hea,,,maybe\nnone.hea,,,\n"
      "e2.hea,,a:C C:,\ne2.hea\n");
  const PrepareSummary summary = prepare_folder(source(), out());
  EXPECT_EQ(summary.records, 2);
  EXPECT_THAT(rejections(out()),
              ElementsAre(Pair("list.csv:3", HasSubstr("names no file")), Pair("../e1.hea", HasSubstr("outside")),
                          Pair("/etc/passwd", HasSubstr("outside")), Pair("e1.hea", HasSubstr("split is 'exam'")),
                          Pair("e1.hea", HasSubstr("'MI'")), Pair("e1.hea", HasSubstr("'maybe'")),
                          Pair("none.hea", HasSubstr("none.hea")), Pair("e2.hea", HasSubstr("1 cells"))));
}

TEST_F(Folder, ATableMayHaveItsOwnNames) {
  write("e0", 0);
  write_table("path,text,id\ne0.hea,words,9\n");
  FolderOptions options;
  options.columns = {{"file", "path"}, {"report", "text"}};
  prepare_folder(source(), out(), {}, options);
  EXPECT_EQ(Store(out()).record(0).report, "words");
  EXPECT_EQ(Store(out()).record(0).id, "9");
  options.columns["patient"] = "subject";
  EXPECT_DERI_ERROR(prepare_folder(source(), out(), {.replace = true}, options), HasSubstr("no column 'subject'"));
  options.columns = {{"file", "path"}, {"age", "id"}};
  EXPECT_DERI_ERROR(prepare_folder(source(), out(), {.replace = true}, options),
                    AllOf(HasSubstr("'age'"), HasSubstr("file, id, report")));
}

TEST_F(Folder, SaysWhichTableToMake) {
  EXPECT_DERI_ERROR(prepare_folder(source(), out()), HasSubstr("not a folder"));
  write("e0", 0);
  const auto advice = AllOf(HasSubstr("file"), HasSubstr("report"), HasSubstr("patient"), HasSubstr("labels"));
  EXPECT_DERI_ERROR(prepare_folder(source(), out()), AllOf(HasSubstr("no table"), advice));
  write_table("name,report\n");
  EXPECT_DERI_ERROR(prepare_folder(source(), out()), AllOf(HasSubstr("no table"), advice));
  EXPECT_DERI_ERROR(prepare_folder(source(), out(), {}, {.table = source() / "list.csv"}),
                    AllOf(HasSubstr("no column 'file'"), advice));
  write_table("file\ne0.hea\n", "a.csv");
  write_table("file\ne0.hea\n", "b.csv");
  EXPECT_DERI_ERROR(prepare_folder(source(), out()), AllOf(HasSubstr("a.csv, b.csv"), HasSubstr("--table")));
  EXPECT_EQ(prepare_folder(source(), out(), {}, {.table = source() / "b.csv"}).records, 1);
  write_table("file,label:x\ne0.hea,1\n", "c.csv");
  EXPECT_DERI_ERROR(prepare_folder(source(), out(), {.replace = true}, {.table = source() / "c.csv"}),
                    HasSubstr("label:SET:NAME"));
  EXPECT_DERI_ERROR(prepare_folder(source(), out(), {.replace = true}, {.validation = 0.6, .test = 0.6}),
                    HasSubstr("several"));
}

}  // namespace
}  // namespace deri
