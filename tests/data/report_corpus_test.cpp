#include "deri/data/report_corpus.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReportCorpusTest : public ::testing::Test {
 protected:
  ReportCorpus read(const std::string& csv, ReportLanguage language = ReportLanguage::kOriginal) {
    write_file_atomic(folder_.path() / "reports.csv", csv);
    return read_report_corpus(folder_.path() / "reports.csv", language);
  }

  TemporaryDirectory folder_;
};

TEST_F(ReportCorpusTest, TakesEachTrainingTextOnceAndNoTestReport) {
  const ReportCorpus corpus = read(
      "report,strat_fold\n"
      "Sinus rhythm,1\nsinus  rhythm.,8\nsecret,10\natrial flutter,9\nsinus rhythm,9\natrial flutter,9.0\n"
      "pacemaker,3\n,4\nlost,eleven\n");
  EXPECT_THAT(corpus.training, ElementsAre("sinus rhythm.", "pacemaker."));
  EXPECT_THAT(corpus.validation, ElementsAre("atrial flutter."));
  EXPECT_EQ(corpus.rows, 9);
  EXPECT_EQ(corpus.held_out, 1);
  EXPECT_EQ(corpus.unusable, 2);
}

TEST_F(ReportCorpusTest, ReadsTheTableOfAStore) {
  write_file_atomic(folder_.path() / "records.csv", "id,split,report\n1,train,one\n2,validation,two\n3,test,three\n");
  const ReportCorpus corpus = read_report_corpus(folder_.path(), ReportLanguage::kOriginal);
  EXPECT_THAT(corpus.training, ElementsAre("one."));
  EXPECT_THAT(corpus.validation, ElementsAre("two."));
  EXPECT_EQ(corpus.held_out, 1);
}

TEST_F(ReportCorpusTest, SpeaksTheLanguageAskedFor) {
  const std::string csv = "report,split\nsinusrhythmus,train\n";
  EXPECT_THAT(read(csv, ReportLanguage::kEnglish).training, ElementsAre("sinus rhythm."));
  EXPECT_THAT(read(csv, ReportLanguage::kMixed).training, ElementsAre("sinusrhythmus. sinus rhythm."));
  EXPECT_NE(read(csv, ReportLanguage::kMixed).checksum, read(csv).checksum);
}

TEST_F(ReportCorpusTest, RefusesWhatCouldLeakTheTest) {
  EXPECT_DERI_ERROR(read("report\nsinus rhythm\n"), AllOf(HasSubstr("reports.csv"), HasSubstr("strat_fold")));
  EXPECT_DERI_ERROR(read("text,split\na,train\n"), HasSubstr("report"));
  EXPECT_DERI_ERROR(read("report,split\na,test\n"), HasSubstr("no training record"));
  EXPECT_THAT(read("report,split\na,train\nb,Test\n").validation, IsEmpty());
}

}  // namespace
}  // namespace deri
