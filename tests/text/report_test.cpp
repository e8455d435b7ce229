#include "deri/text/report.hpp"

#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"

namespace deri {
namespace {

TEST(MachineReport, AsThePublishedCleaning) {
  const auto cases = load_json(testing::parity_dir() / "metrics_parity.json").at("mimic_report_cleaning");
  ASSERT_GE(cases.size(), 9u);
  for (const auto& reference : cases) {
    const auto text = clean_machine_report(reference.at("lines").get<std::vector<std::string>>());
    EXPECT_EQ(text, reference.at("text").get<std::string>());
    EXPECT_EQ(count_words(text), reference.at("words").get<std::size_t>()) << text;
    EXPECT_EQ(count_words(text) >= kMinReportWords, reference.at("kept").get<bool>()) << text;
  }
}

TEST(MachineReport, EmptyLinesAreLeftOut) {
  EXPECT_EQ(clean_machine_report({"", "Sinus rhythm", "", "Normal ECG", ""}), "sinus rhythm. normal ecg.");
  EXPECT_EQ(clean_machine_report({"", ""}), kEmptyReport);
  EXPECT_EQ(clean_machine_report({" \t\n"}), kEmptyReport);
}

TEST(MachineReport, LowersEveryAlphabet) {
  EXPECT_EQ(clean_machine_report({"QT-VERLÄNGERUNG", "Überdrehter Linkstyp"}),
            "qt-verlängerung. überdrehter linkstyp.");
}

TEST(MachineReport, OnlyTheEndsOfTheWholeAreCut) {
  EXPECT_EQ(clean_machine_report({"** =-Pacing", "*** a =-=", "b -- * "}), "pacing. *** a =-=. b .");
}

TEST(MachineReport, InvalidBytesBecomeReplacementCharacters) {
  EXPECT_EQ(clean_machine_report({"a\xff"
                                  "B"}),
            "a\uFFFDb.");
}

TEST(FreeTextReport, FoldsWhiteSpaceAndEndsInAStop) {
  EXPECT_EQ(clean_report("  sinusrhythmus linkstyp \t QRS(t)   abnormal\n"), "sinusrhythmus linkstyp qrs(t) abnormal.");
  EXPECT_EQ(clean_report("alter unbest."), "alter unbest.");
  EXPECT_EQ(clean_report("alter unbest. \u00A0"), "alter unbest.");
  EXPECT_EQ(clean_report("qt-verlÄngerung"), "qt-verlängerung.");
}

TEST(FreeTextReport, NothingStaysNothing) {
  EXPECT_EQ(clean_report(""), "");
  EXPECT_EQ(clean_report(" \u2003\n"), "");
}

TEST(FreeTextReport, CleaningTwiceChangesNothing) {
  for (const std::string text : {"Sinus  Rhythm", "a .", "İ ẞ Σ", "x\xc3", "."}) {
    EXPECT_EQ(clean_report(clean_report(text)), clean_report(text));
  }
}

TEST(CountWords, CountsAtWhiteSpace) {
  EXPECT_EQ(count_words(""), 0u);
  EXPECT_EQ(count_words(" \n"), 0u);
  EXPECT_EQ(count_words("normal ecg."), 2u);
  EXPECT_EQ(count_words("sinus\u00A0rhythm \t- normal\u3000ecg."), 5u);
}

// The filter counted before it added the stop; a line break at a report's end leaves it alone.
TEST(CountWords, TheAddedStopIsNoWord) {
  const auto text = clean_machine_report({"sinus rhythm normal\n"});
  EXPECT_EQ(text, "sinus rhythm normal .");
  EXPECT_EQ(count_words(text), 3u);
  EXPECT_EQ(count_words("."), 0u);
  EXPECT_EQ(count_words(". ecg."), 2u);
  EXPECT_EQ(count_words(clean_machine_report({"a b c ."})), 4u);
}

}  // namespace
}  // namespace deri
