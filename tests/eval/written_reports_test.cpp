#include "deri/eval/written_reports.hpp"

#include <limits>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/files.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class WrittenReports : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "reports.csv"; }
  std::vector<WrittenReport> read(const std::string& text) const {
    write_file_atomic(file(), text);
    return read_written_reports(file());
  }

  TemporaryDirectory directory_;
};

TEST_F(WrittenReports, ComeBackAsTheyWere) {
  const std::vector<WrittenReport> reports{
      {"100", "test", "sinus rhythm, \"normal\" ecg", "sinus rhythm.\nnormal ecg", 7, -1.0 / 3, true},
      {"100", "val", "", "", 0, 0, true},
      {"a,b", "", "ST-Strecke gehört ärztlich geprüft", "x\r", 48, -1.2345678901234567e-300, false}};
  save_written_reports(file(), reports);
  const std::vector<WrittenReport> loaded = read_written_reports(file());
  ASSERT_EQ(loaded.size(), reports.size());
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(loaded[i].record, reports[i].record);
    EXPECT_EQ(loaded[i].split, reports[i].split);
    EXPECT_EQ(loaded[i].truth, reports[i].truth);
    EXPECT_EQ(loaded[i].text, reports[i].text);
    EXPECT_EQ(loaded[i].tokens, reports[i].tokens);
    EXPECT_EQ(loaded[i].log_probability, reports[i].log_probability);  // to the bit
    EXPECT_EQ(loaded[i].finished, reports[i].finished);
  }
}

TEST_F(WrittenReports, AreWrittenAsThisFile) {
  save_written_reports(file(), {{"7", "test", "atrial flutter", "sinus rhythm, normal", 5, -0.5, false},
                                {"8", "test", "", "x", 1, -std::numeric_limits<double>::infinity(), true}});
  EXPECT_EQ(read_file(file()),
            "record,split,truth,generated,tokens,log_probability,finished\n"
            "7,test,atrial flutter,\"sinus rhythm, normal\",5,-0.5,false\n"
            "8,test,,x,1,,true\n");
}

TEST_F(WrittenReports, OfAnotherProgramNeedTwoColumns) {
  const std::vector<WrittenReport> few = read("generated,model,record\nsinus rhythm,gpt,12\n,gpt,13\n");
  ASSERT_EQ(few.size(), 2U);
  EXPECT_EQ(few[0].record, "12");
  EXPECT_EQ(few[0].text, "sinus rhythm");
  EXPECT_EQ(few[0].truth, "");
  EXPECT_EQ(few[0].tokens, 0U);
  EXPECT_TRUE(few[0].finished);
  EXPECT_EQ(few[1].text, "");

  const std::vector<WrittenReport> python =
      read("record,generated,tokens,log_probability,finished\n1,a, 3 ,-2e-1,False\n2,b,,,\n3,c,4,-1,1\n");
  EXPECT_EQ(python[0].tokens, 3U);
  EXPECT_EQ(python[0].log_probability, -0.2);
  EXPECT_FALSE(python[0].finished);
  EXPECT_EQ(python[1].log_probability, 0);
  EXPECT_TRUE(python[1].finished);
  EXPECT_TRUE(python[2].finished);
}

TEST_F(WrittenReports, NameTheRowThatIsWrong) {
  const std::string path = file().string();
  EXPECT_DERI_ERROR(read("record,text\n1,a\n"), AllOf(StartsWith(path), HasSubstr("no column 'generated'")));
  EXPECT_DERI_ERROR(read("generated\na\n"), HasSubstr("no column 'record'"));
  EXPECT_DERI_ERROR(read("record,generated\n"), AllOf(StartsWith(path), HasSubstr("no reports")));
  EXPECT_DERI_ERROR(read("record,generated\n1,\"a\nb\"\n1,c\n"),
                    AllOf(StartsWith(path + ":4: "), HasSubstr("the record '1' appears twice:")));
  EXPECT_DERI_ERROR(read("record,split,generated\n1,val,a\n1,test,a\n1,test,b\n"),
                    AllOf(StartsWith(path + ":4: "), HasSubstr("'1' appears twice in the split 'test'")));
  EXPECT_DERI_ERROR(read("record,generated\n,a\n"), AllOf(StartsWith(path + ":2: "), HasSubstr("record is empty")));
  EXPECT_DERI_ERROR(read("record,generated,tokens\n1,a,-3\n"), HasSubstr(":2: the tokens '-3' is not a number"));
  EXPECT_DERI_ERROR(read("record,generated,tokens\n1,a,3.5\n"), HasSubstr("'3.5' is not a number"));
  EXPECT_DERI_ERROR(read("record,generated,log_probability\n1,a,nan\n"), HasSubstr("log_probability 'nan'"));
  EXPECT_DERI_ERROR(read("record,generated,finished\n1,a,true\n2,a,maybe\n"),
                    HasSubstr(":3: finished is 'maybe': write true or false"));
  EXPECT_DERI_ERROR(read_written_reports(directory_.path() / "none.csv"), HasSubstr("none.csv"));
}

TEST_F(WrittenReports, ThatCannotBeReadBackAreNotWritten) {
  EXPECT_DERI_ERROR(save_written_reports(file(), {}), HasSubstr("no reports"));
  EXPECT_DERI_ERROR(save_written_reports(file(), {{"1", "test", "", "a"}, {"1", "test", "", "b"}}),
                    HasSubstr("appears twice"));
  EXPECT_DERI_ERROR(save_written_reports(file(), {{"", "test", "", "a"}}), HasSubstr("record is empty"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

}  // namespace
}  // namespace deri
