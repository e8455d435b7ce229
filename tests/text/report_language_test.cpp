#include "deri/text/report_language.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

TEST(ReportLanguage, IsOneOfThreeWords) {
  for (const ReportLanguage language : {ReportLanguage::kOriginal, ReportLanguage::kEnglish, ReportLanguage::kMixed})
    EXPECT_EQ(parse_report_language(report_language_name(language)), language);
  for (const char* word : {"", "de", "EN", "english"})
    EXPECT_DERI_ERROR(parse_report_language(word), HasSubstr("original, en or mixed"));
}

TEST(ReportRenderer, LeavesTheOriginalAlone) {
  const ReportRenderer renderer(ReportLanguage::kOriginal);
  EXPECT_FALSE(renderer.translates());
  EXPECT_EQ(renderer.render(" sinusrhythmus  normales ekg").text, " sinusrhythmus  normales ekg");
  EXPECT_EQ(renderer.render("sinusrhythmus").german, 0);
}

TEST(ReportRenderer, Translates) {
  const ReportRenderer renderer(ReportLanguage::kEnglish);
  EXPECT_TRUE(renderer.translates());
  const TranslatedReport report = renderer.render("sinusrhythmus normales ekg");
  EXPECT_EQ(report.text, "sinus rhythm. normal ecg");
  EXPECT_EQ(report.german, 3);
}

TEST(ReportRenderer, MixesAForeignReportWithItsTranslation) {
  const ReportRenderer renderer(ReportLanguage::kMixed);
  EXPECT_EQ(renderer.render("sinusrhythmus normales ekg").text, "sinusrhythmus normales ekg. sinus rhythm. normal ecg");
  EXPECT_EQ(renderer.render("sinusrhythmus.").text, "sinusrhythmus. sinus rhythm.");
}

TEST(ReportRenderer, DoesNotRepeatWhatIsEnglishOrUnknown) {
  const ReportRenderer renderer(ReportLanguage::kMixed);
  EXPECT_EQ(renderer.render("sinus rhythm. normal ecg.").text, "sinus rhythm. normal ecg.");
  EXPECT_EQ(renderer.render("quietschente").text, "quietschente");
  EXPECT_EQ(renderer.render("").text, "");
}

}  // namespace
}  // namespace deri
