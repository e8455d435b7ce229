#include "deri/data/ptbxl_labels.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Labels = std::map<std::string, std::vector<std::string>>;

// Some of the official file's statements, with the columns that are read in another order and one that is not.
constexpr const char* kStatements =
    ",description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass\n"
    "NDT,\"non-diagnostic, T\",1.0,1.0,,STTC,STTC\n"
    "NST_,,1.0,1.0,,STTC,NST_\n"
    "NORM,,1.0,,,NORM,NORM\n"
    "IMI,,1.0,,,MI,IMI\n"
    "ILMI,,1.0,0.0,,MI,IMI\n"
    "1AVB,,1.0,,,CD,_AVB\n"
    "LAFB,,1,,,CD,LAFB/LPFB\n"
    "STD_,,,1.0,,,\n"
    "PRC(S),,,1.0,,,\n"
    "SR,,,,1.0,,\n"
    "AFIB,,,,1.0,,\n";

PtbxlLabeller labeller(const std::string& text = kStatements) {
  const TemporaryDirectory folder;
  write_file_atomic(folder.path() / "scp_statements.csv", text);
  return PtbxlLabeller(folder.path() / "scp_statements.csv");
}

std::vector<std::pair<std::string, double>> parsed(const std::string& text) {
  std::vector<std::pair<std::string, double>> codes;
  for (const ScpCode& code : parse_scp_codes(text)) codes.emplace_back(code.code, code.likelihood);
  return codes;
}

TEST(ParseScpCodes, ReadsPythonDictionaries) {
  EXPECT_THAT(parsed("{'NORM': 100.0, 'SR': 0.0}"), ElementsAre(Pair("NORM", 100.0), Pair("SR", 0.0)));
  EXPECT_THAT(parsed("{\"PRC(S)\":5,'LAO/LAE' :\t1e1 , }"), ElementsAre(Pair("PRC(S)", 5.0), Pair("LAO/LAE", 10.0)));
  EXPECT_THAT(parsed(" { } "), ElementsAre());
  EXPECT_THAT(parsed("{'A': -1}\n"), ElementsAre(Pair("A", -1.0)));
}

TEST(ParseScpCodes, RefusesEverythingElse) {
  for (const char* text : {"",
                           "{",
                           "}",
                           "NORM",
                           "{NORM: 100.0}",
                           "{'NORM'}",
                           "{'NORM': }",
                           "{'NORM': 100.0",
                           "{'NORM': 100.0,",
                           "{'NORM: 100.0}",
                           "{'NORM\": 100.0}",
                           "{'': 1}",
                           "{'N M': 1}",
                           "{'A': 1 'B': 2}",
                           "{'A': nan}",
                           "{'A': inf}",
                           "{'A': 1}}",
                           "{'A': 1} x",
                           "{,}",
                           "{'A': 'B'}",
                           "{'A\\'': 1}",
                           "{'\xC3\x84': 1}",
                           "['A']",
                           "{'A': 1,, 'B': 1}"})
    EXPECT_DERI_ERROR(parse_scp_codes(text), HasSubstr("scp_codes"));
  EXPECT_DERI_ERROR(parse_scp_codes("{'A': x}"), HasSubstr("a number expected at character 7"));
}

TEST(PtbxlLabeller, ListsEveryLabelAlphabetically) {
  const Labels expected = {{"super", {"CD", "MI", "NORM", "STTC"}},
                           {"sub", {"AVB", "IMI", "LAFB/LPFB", "NORM", "NST", "STTC"}},
                           {"form", {"NDT", "NST", "PRC(S)", "STD"}},
                           {"rhythm", {"AFIB", "SR"}}};
  EXPECT_EQ(labeller().label_sets(), expected);
}

TEST(PtbxlLabeller, LabelsARecordWhateverTheLikelihood) {
  const PtbxlLabeller labels = labeller();
  const Labels expected = {
      {"super", {"MI", "STTC"}}, {"sub", {"IMI", "NST"}}, {"form", {"NST", "STD"}}, {"rhythm", {"SR"}}};
  EXPECT_EQ(labels.labels("{'STD_': 0.0, 'NST_': 0.0, 'IMI': 15.0, 'ILMI': 100.0, 'SR': 0.0}"), expected);
  const Labels block = {{"super", {"CD"}}, {"sub", {"AVB"}}};
  EXPECT_EQ(labels.labels("{'1AVB': 100.0}"), block);
}

TEST(PtbxlLabeller, GivesNoSetWithoutALabel) {
  const PtbxlLabeller labels = labeller();
  EXPECT_EQ(labels.labels("{}"), Labels{});
  EXPECT_EQ(labels.labels("{'AFIB': 0.0}"), (Labels{{"rhythm", {"AFIB"}}}));
}

TEST(PtbxlLabeller, KnowsWhichCodesTheStatementsList) {
  const PtbxlLabeller labels = labeller();
  EXPECT_TRUE(labels.knows("NST_"));
  EXPECT_FALSE(labels.knows("NST"));
  EXPECT_EQ(labels.labels("{'NEW': 100.0}"), Labels{});
}

TEST(PtbxlLabeller, RefusesStatementsThatCannotBeMeant) {
  const std::string header = ",diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass\n";
  EXPECT_DERI_ERROR(labeller(",diagnostic,form,rhythm,diagnostic_class\nNORM,1,,,NORM\n"),
                    AllOf(HasSubstr("scp_statements.csv"), HasSubstr("'diagnostic_subclass'")));
  EXPECT_DERI_ERROR(labeller(header + "NORM,yes,,,NORM,NORM\n"), AllOf(HasSubstr(":2"), HasSubstr("'yes'")));
  EXPECT_DERI_ERROR(labeller(header + "SR,,,1,,\nSR,,,1,,\n"), HasSubstr("'SR' appears twice"));
  EXPECT_DERI_ERROR(labeller(header + "NORM,1,,,NORM,\n"), AllOf(HasSubstr("'NORM'"), HasSubstr("'sub'")));
  EXPECT_DERI_ERROR(labeller(header + "NORM,1,,,_,NORM\n"), HasSubstr("'super'"));
  EXPECT_DERI_ERROR(PtbxlLabeller("/nowhere/scp_statements.csv"), HasSubstr("/nowhere/scp_statements.csv"));
}

}  // namespace
}  // namespace deri
