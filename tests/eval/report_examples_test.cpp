#include "deri/eval/report_examples.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "eval/markup_check.hpp"
#include "testing/testing.hpp"

#include "deri/eval/finding_scores.hpp"

namespace deri {
namespace {

using enum ReportFinding;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::markup_error;
using ::testing::Not;
using testing::occurrences;

const FindingExtractor& extractor() {
  static const FindingExtractor instance;
  return instance;
}

FindingComparison compare(const std::string& truth, const std::string& generated) {
  return compare_findings(extractor(), truth, generated);
}

// The text with its marks: "+right+", "-wrong-", "?missed?", "=neutral=".
std::string drawn(const std::string& text, const std::vector<MarkedSpan>& spans) {
  std::string result;
  std::size_t at = 0;
  for (const MarkedSpan& span : spans) {
    const char sign = std::string("=+?-").at(static_cast<std::size_t>(span.mark));
    result += text.substr(at, span.begin - at) + sign + text.substr(span.begin, span.end - span.begin) + sign;
    at = span.end;
  }
  return result + text.substr(at);
}

struct Drawn {
  std::string truth, generated;
};
Drawn drawn(const std::string& truth, const std::string& generated) {
  const FindingComparison comparison = compare(truth, generated);
  return {drawn(truth, comparison.truth_spans), drawn(generated, comparison.generated_spans)};
}

std::vector<std::string> titles(const std::vector<MarkedSpan>& spans) {
  std::vector<std::string> result;
  for (const MarkedSpan& span : spans) result.push_back(span.title);
  return result;
}

TEST(CompareFindings, MarksWhatIsRightWrongAndMissed) {
  const std::string truth = "sinus rhythm. left bundle branch block. low voltage.";
  const std::string generated = "low voltage, sinus rhythm. lvh.";
  const Drawn texts = drawn(truth, generated);
  EXPECT_EQ(texts.truth, "+sinus rhythm+. ?left bundle branch block?. +low voltage+.");
  EXPECT_EQ(texts.generated, "+low voltage+, +sinus rhythm+. -lvh-.");

  const FindingComparison comparison = compare(truth, generated);
  EXPECT_THAT(comparison.right, ElementsAre(kSinusRhythm, kLowVoltage));
  EXPECT_THAT(comparison.invented, ElementsAre(kLeftVentricularHypertrophy));
  EXPECT_THAT(comparison.missed, ElementsAre(kLeftBundleBranchBlock));
  EXPECT_THAT(comparison.denied, IsEmpty());
  EXPECT_EQ(comparison_summary(comparison), "2 of 3 true findings, 1 wrong");
  EXPECT_THAT(titles(comparison.truth_spans),
              ElementsAre("sinus_rhythm, present: right", "left_bundle_branch_block, present: missed",
                          "low_voltage, present: right"));
  EXPECT_THAT(titles(comparison.generated_spans),
              ElementsAre("low_voltage, present: right", "sinus_rhythm, present: right",
                          "left_ventricular_hypertrophy, present: wrong"));
}

TEST(CompareFindings, DenialsAreNeutralUnlessTheTruthSaysTheOpposite) {
  const Drawn neutral = drawn("sinus rhythm. no st elevation.", "sinus rhythm. no st elevation or lvh.");
  EXPECT_EQ(neutral.truth, "+sinus rhythm+. no =st elevation=.");
  EXPECT_EQ(neutral.generated, "+sinus rhythm+. no =st elevation= or =lvh=.");

  const Drawn denied = drawn("st elevation.", "no st elevation.");
  EXPECT_EQ(denied.truth, "?st elevation?.");
  EXPECT_EQ(denied.generated, "no -st elevation-.");
  const FindingComparison comparison = compare("st elevation.", "no st elevation.");
  EXPECT_THAT(comparison.missed, ElementsAre(kStElevation));
  EXPECT_THAT(comparison.denied, ElementsAre(kStElevation));
  EXPECT_THAT(comparison.invented, IsEmpty());
  EXPECT_EQ(comparison_summary(comparison), "0 of 1 true findings, 1 wrong");
  EXPECT_THAT(titles(comparison.generated_spans), ElementsAre("st_elevation, absent: wrong"));

  const Drawn contradicted = drawn("no st elevation.", "st elevation.");
  EXPECT_EQ(contradicted.truth, "no =st elevation=.");
  EXPECT_EQ(contradicted.generated, "-st elevation-.");
  EXPECT_EQ(comparison_summary(compare("no st elevation.", "st elevation.")), "no true findings, 1 wrong");
  EXPECT_THAT(titles(compare("no st elevation.", "lvh").truth_spans), ElementsAre("st_elevation, absent"));
}

TEST(CompareFindings, UncertainCountsAsPositive) {
  const Drawn hedged = drawn("possible inferior infarct.", "inferior infarct.");
  EXPECT_EQ(hedged.truth, "possible +inferior infarct+.");
  EXPECT_EQ(hedged.generated, "+inferior infarct+.");
  const Drawn made_up = drawn("no inferior infarct.", "possible inferior infarct.");
  EXPECT_EQ(made_up.generated, "possible -inferior infarct-.");
  const Drawn denied = drawn("possible inferior infarct.", "no inferior infarct.");
  EXPECT_EQ(denied.truth, "possible ?inferior infarct?.");
  EXPECT_EQ(denied.generated, "no -inferior infarct-.");
  EXPECT_THAT(titles(compare("inferior infarct", "possible inferior infarct").generated_spans),
              ElementsAre("inferior_infarct, uncertain: right"));
}

TEST(CompareFindings, AReportHasWhatItSaysAnywhere) {
  // The generated report contradicts itself: the finding is there, and the phrase that denies it is wrong.
  const Drawn texts = drawn("lvh.", "no lvh. lvh.");
  EXPECT_EQ(texts.truth, "+lvh+.");
  EXPECT_EQ(texts.generated, "no -lvh-. +lvh+.");
  const FindingComparison comparison = compare("lvh.", "no lvh. lvh.");
  EXPECT_THAT(comparison.right, ElementsAre(kLeftVentricularHypertrophy));
  EXPECT_THAT(comparison.denied, IsEmpty());
}

TEST(CompareFindings, OnePhraseWithTwoFindingsIsWrongIfOneIs) {
  const FindingComparison comparison = compare("anterior infarct.", "anterolateral infarct.");
  EXPECT_EQ(drawn("anterolateral infarct.", comparison.generated_spans), "-anterolateral infarct-.");
  EXPECT_THAT(titles(comparison.generated_spans),
              ElementsAre("anterior_infarct, present: right; lateral_infarct, present: wrong"));
  EXPECT_EQ(comparison_summary(comparison), "1 of 1 true findings, 1 wrong");
  EXPECT_EQ(drawn("lateral infarct.", "anterolateral infarct.").generated, "-anterolateral infarct-.");

  const FindingComparison reversed = compare("anterolateral infarct.", "anterior infarct.");
  EXPECT_EQ(drawn("anterolateral infarct.", reversed.truth_spans), "?anterolateral infarct?.");
  EXPECT_EQ(drawn("anterior infarct.", reversed.generated_spans), "+anterior infarct+.");
}

TEST(CompareFindings, PhrasesThatOverlapBecomeOneSpan) {
  // Three findings, at bytes 0-39, 10-39 and 21-39.
  const std::string generated = "anterior, septal and lateral infarction, sinus rhythm";
  const FindingComparison right = compare("anterior, septal and lateral infarction. sinus rhythm", generated);
  EXPECT_EQ(drawn(generated, right.generated_spans), "+anterior, septal and lateral infarction+, +sinus rhythm+");
  const FindingComparison wrong = compare("anterior and septal infarct", generated);
  EXPECT_EQ(drawn(generated, wrong.generated_spans), "-anterior, septal and lateral infarction-, -sinus rhythm-");
  EXPECT_EQ(wrong.generated_spans.front().title,
            "anterior_infarct, present: right; septal_infarct, present: right; lateral_infarct, present: wrong");
  // The longer phrase begins with the shorter one.
  EXPECT_EQ(drawn("st elevation", "st elevation and depression").generated, "-st elevation and depression-");
}

TEST(CompareFindings, EmptyReports) {
  const FindingComparison nothing_written = compare("sinus rhythm.", "");
  EXPECT_THAT(nothing_written.generated_spans, IsEmpty());
  EXPECT_EQ(drawn("sinus rhythm.", nothing_written.truth_spans), "?sinus rhythm?.");
  EXPECT_EQ(comparison_summary(nothing_written), "0 of 1 true findings, 0 wrong");
  EXPECT_EQ(comparison_summary(compare("", "")), "no true findings, 0 wrong");
}

const std::vector<std::string>& some_reports() {
  static const std::vector<std::string> reports = {
      "sinus rhythm. normal ecg.",
      "sinus rhythm, possible inferior infarct. no st elevation.",
      "atrial fibrillation/flutter. left axis deviation. lvh with strain.",
      "anterior, septal and lateral infarction, st elevation and depression",
      "inferolateral and posterior infarct; t wave inversion, no lvh",
      "right and left atrial enlargement. sinus bradycardia with first degree av block",
      ""};
  return reports;
}

TEST(CompareFindings, AgreesWithTheScores) {
  std::vector<ReportFindings> truth, generated;
  double right = 0, invented = 0, missed = 0;
  for (const std::string& a : some_reports()) {
    for (const std::string& b : some_reports()) {
      truth.push_back(extractor().extract(a));
      generated.push_back(extractor().extract(b));
      const FindingComparison comparison = compare(a, b);
      right += static_cast<double>(comparison.right.size());
      invented += static_cast<double>(comparison.invented.size());
      missed += static_cast<double>(comparison.missed.size());
    }
  }
  const FindingScores scores = score_findings(truth, generated, {.bootstrap = {.resamples = 2, .threads = 1}});
  EXPECT_DOUBLE_EQ(scores.micro.precision.value, right / (right + invented));
  EXPECT_DOUBLE_EQ(scores.micro.recall.value, right / (right + missed));
}

TEST(CompareFindings, SpansAreSortedAndApart) {
  for (const std::string& a : some_reports()) {
    for (const std::string& b : some_reports()) {
      const FindingComparison comparison = compare(a, b);
      for (const auto& [text, spans] :
           {std::pair(a, comparison.truth_spans), std::pair(b, comparison.generated_spans)}) {
        std::size_t at = 0;
        for (const MarkedSpan& span : spans) {
          EXPECT_LE(at, span.begin);
          EXPECT_LT(span.begin, span.end);
          EXPECT_FALSE(span.title.empty());
          at = span.end;
        }
        EXPECT_LE(at, text.size());
      }
    }
  }
}

std::string page_of(const ReportExample& example) {
  HtmlPage page("t");
  add_report_example(page, example, extractor());
  const std::string html = page.str();
  EXPECT_EQ(markup_error(html), "");
  return html;
}

TEST(ReportExamplePage, ShowsBothReportsWithMarks) {
  ReportExample example{
      .record = "17<", .truth = "sinus rhythm. lvh.", .generated = "sinus rhythm.", .ecg_svg = "<svg/>"};
  std::string html = page_of(example);
  EXPECT_THAT(html, HasSubstr("<h3>Record 17&lt;</h3>\n<figure>\n<svg/></figure>\n"));
  EXPECT_THAT(html,
              HasSubstr("<strong>True report</strong><p>"
                        "<mark class=\"right\" title=\"sinus_rhythm, present: right\">sinus rhythm</mark>. "
                        "<mark class=\"missed\" title=\"left_ventricular_hypertrophy, present: missed\">lvh</mark>."
                        "</p>"));
  EXPECT_THAT(html, HasSubstr("<strong>Generated</strong><p>"
                              "<mark class=\"right\" title=\"sinus_rhythm, present: right\">sinus rhythm</mark>.</p>"));
  EXPECT_THAT(html, HasSubstr("<p>1 of 2 true findings, 0 wrong</p>"));
  EXPECT_THAT(html, Not(HasSubstr("in English")));

  example.ecg_svg.clear();
  example.tokens = 7;
  example.log_probability = -0.417;
  html = page_of(example);
  EXPECT_THAT(html, Not(HasSubstr("<figure>")));
  EXPECT_THAT(html, HasSubstr("<p>1 of 2 true findings, 0 wrong; 7 tokens; mean log probability -0.42 per token</p>"));
}

TEST(ReportExamplePage, EscapesTheReports) {
  const std::string html =
      page_of({.record = "1", .truth = "<b>lvh</b> & \"low voltage\"", .generated = "</p><script>lvh</script>\xFF"});
  EXPECT_THAT(html,
              HasSubstr("<p>&lt;b&gt;<mark class=\"right\" title=\"left_ventricular_hypertrophy, present: right\">"
                        "lvh</mark>&lt;/b&gt; &amp; &quot;<mark class=\"missed\" title=\"low_voltage, present: "
                        "missed\">low voltage</mark>&quot;</p>"));
  EXPECT_THAT(html, HasSubstr("<p>&lt;/p&gt;&lt;script&gt;<mark"));
  EXPECT_THAT(html, HasSubstr("</mark>&lt;/script&gt;\xEF\xBF\xBD</p>"));
}

TEST(ReportExamplePage, AReportInAnotherLanguageStandsAboveItsEnglish) {
  const std::string html = page_of({.record = "1",
                                    .truth = "linkstyp sinusrhythmus",
                                    .generated = "sinus rhythm",
                                    .english_truth = "left axis deviation sinus rhythm",
                                    .english_generated = "sinus rhythm"});
  EXPECT_THAT(html, HasSubstr("<strong>True report</strong><p>linkstyp sinusrhythmus</p></div>\n"
                              "<div class=\"marked\"><strong>in English</strong><p><mark class=\"missed\""));
  EXPECT_EQ(occurrences(html, "in English"), 1U);
  EXPECT_THAT(html, HasSubstr("<strong>Generated</strong><p><mark class=\"right\""));
  EXPECT_THAT(html, HasSubstr("1 of 2 true findings, 0 wrong"));
}

TEST(ReportExamplePage, SaysThatNothingWasGenerated) {
  const std::string html = page_of({.record = "1", .truth = "lvh", .generated = ""});
  EXPECT_THAT(html, HasSubstr("<strong>Generated</strong><p>(no text)</p>"));
  EXPECT_THAT(html, HasSubstr("0 of 1 true findings, 0 wrong"));
}

TEST(ReportExamplePage, LegendShowsEveryMark) {
  HtmlPage page("t");
  add_report_example_legend(page);
  EXPECT_EQ(markup_error(page.str()), "");
  for (const char* start : {"<mark class=\"right\">in both reports</mark>", "<mark class=\"wrong\">wrong: only in",
                            "<mark class=\"missed\">missed: only in", "<mark class=\"neutral\">said to be absent"}) {
    EXPECT_THAT(page.str(), HasSubstr(start));
  }
}

// Of a row, by the bars that are not escaped.
std::vector<std::string> cells(const std::string& row) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] == '|') {
      parts.emplace_back();
    } else {
      parts.back() += row[i];
      if (row[i] == '\\' && i + 1 < row.size()) parts.back() += row[++i];
    }
  }
  return parts;
}

std::string row_of(const ReportExample& example) {
  const std::string text = report_examples_markdown({example}, extractor());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  const std::size_t second = text.find('\n', text.find('\n') + 1);
  return text.substr(second + 1, text.size() - second - 2);
}

TEST(ReportExamplesMarkdown, NamesWhatIsRightWrongAndMissed) {
  EXPECT_EQ(report_examples_markdown({}, extractor()),
            "| Record | True report | Generated report | Right | Wrong | Missed |\n|---|---|---|---|---|---|\n");
  EXPECT_EQ(
      row_of(
          {.record = "17", .truth = "sinus rhythm. st elevation.", .generated = "sinus rhythm. lvh. no st elevation."}),
      "| 17 | sinus rhythm. st elevation. | sinus rhythm. lvh. no st elevation. | sinus rhythm | "
      "left ventricular hypertrophy, no st elevation | st elevation |");
  EXPECT_EQ(row_of({.record = "18", .truth = "lvh", .generated = ""}),
            "| 18 | lvh | (no text) | — | — | left ventricular hypertrophy |");
  EXPECT_EQ(row_of({.record = "19", .truth = "sinusrhythmus", .generated = "lvh", .english_truth = "sinus rhythm"}),
            "| 19 | sinusrhythmus<br>(in English: sinus rhythm) | lvh | — | left ventricular hypertrophy | "
            "sinus rhythm |");
}

TEST(ReportExamplesMarkdown, TextsShowAsTheyAre) {
  const std::string row =
      row_of({.record = "a_b|c", .truth = "x | `y` \\| <b>lvh</b>\r\n*z* &amp; #1 [l](u)", .generated = "\xFF~$\t"});
  const std::vector<std::string> parts = cells(row);
  ASSERT_EQ(parts.size(), 8U);
  EXPECT_EQ(parts[1], " a\\_b\\|c ");
  EXPECT_EQ(parts[2], " x \\| \\`y\\` \\\\\\| \\<b\\>lvh\\</b\\>  \\*z\\* \\&amp; \\#1 \\[l\\](u) ");
  EXPECT_EQ(parts[3], " \xEF\xBF\xBD\\~\\$  ");
  EXPECT_EQ(parts[6], " left ventricular hypertrophy ");
}

TEST(RandomExamples, AreDrawnWithoutReplacement) {
  const std::vector<std::size_t> drawn = random_examples(1000, 20, 7);
  ASSERT_EQ(drawn.size(), 20U);
  EXPECT_EQ(std::set<std::size_t>(drawn.begin(), drawn.end()).size(), 20U);
  EXPECT_LT(*std::max_element(drawn.begin(), drawn.end()), 1000U);
  EXPECT_EQ(random_examples(1000, 20, 7), drawn);
  EXPECT_NE(random_examples(1000, 20, 8), drawn);
  EXPECT_FALSE(std::is_sorted(drawn.begin(), drawn.end()));
  const std::vector<std::size_t> more = random_examples(1000, 30, 7);
  EXPECT_TRUE(std::equal(drawn.begin(), drawn.end(), more.begin()));
}

TEST(RandomExamples, AreAllWhereMoreAreAskedFor) {
  std::vector<std::size_t> all(10);
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (const std::size_t count : {10U, 11U, 1000U}) {
    EXPECT_THAT(random_examples(10, count, 3), ::testing::UnorderedElementsAreArray(all));
  }
  EXPECT_THAT(random_examples(0, 5, 3), IsEmpty());
  EXPECT_THAT(random_examples(5, 0, 3), IsEmpty());
}

TEST(RandomExamples, EveryRecordIsAsLikelyAtEveryPlace) {
  constexpr int kDraws = 6000;
  std::vector<std::vector<int>> counts(2, std::vector<int>(5));
  for (int seed = 0; seed < kDraws; ++seed) {
    const std::vector<std::size_t> drawn = random_examples(5, 2, static_cast<std::uint64_t>(seed));
    for (std::size_t place = 0; place < 2; ++place) ++counts[place][drawn[place]];
  }
  // 1200 expected, standard deviation 31.
  for (const std::vector<int>& place : counts)
    for (const int count : place) EXPECT_NEAR(count, kDraws / 5, 155);
}

}  // namespace
}  // namespace deri
