#include "deri/eval/html_page.hpp"

#include <limits>

#include "eval/markup_check.hpp"
#include "testing/testing.hpp"

#include "deri/base/error.hpp"
#include "deri/eval/svg.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;
using testing::markup_error;
using ::testing::Not;
using testing::occurrences;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kNasty = "</main><script>alert(\"1\" & '2')</script>";

HtmlPage full_page() {
  HtmlPage page(std::string("Title ") + kNasty, std::string("Subtitle ") + kNasty);
  page.headlines({{"0.812", "macro AUROC", "0.790-0.833"}, {kNasty, kNasty, kNasty}, {"1", "plain", ""}});
  page.section(std::string("Section ") + kNasty);
  page.subsection(std::string("Subsection ") + kNasty);
  page.paragraph(std::string("Paragraph ") + kNasty);
  page.marked_paragraph(std::string("Label ") + kNasty, kNasty, {{3, 15, TextMark::kWrong, kNasty}});
  page.note(std::string("Note ") + kNasty);
  page.list({kNasty, "an item"});
  page.code("deri synth --out a\n  --records 3 < b & c");
  page.table({{"Label", "AUROC"},
              {{kNasty, estimate_cell({0.881, 0.85, 0.9})}, {"mean", Cell("0.500", kNasty)}},
              std::string("Caption ") + kNasty,
              1,
              {1}});
  page.figure(line_chart_svg({"Loss", "epoch", "loss", {{"training", {1, 2}, {3, 2}}}}),
              std::string("Figure ") + kNasty);
  page.begin_details(std::string("Summary ") + kNasty);
  page.paragraph("inside");
  page.figures({"<svg><g/></svg>", "<svg/>"}, std::string("Figures ") + kNasty);
  page.end_details();
  page.footer(std::string("Footer ") + kNasty);
  return page;
}

TEST(HtmlPage, IsWellFormedAndSelfContained) {
  const std::string html = full_page().str();
  EXPECT_EQ(markup_error(html), "");
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  EXPECT_THAT(html, HasSubstr("charset=\"utf-8\""));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_EQ(occurrences(html, "http"), 1U);  // the SVG name space
  for (const char* forbidden : {"<script", "<link", "<img", "@import", "url(", "src="})
    EXPECT_THAT(html, Not(HasSubstr(forbidden)));
}

TEST(HtmlPage, EscapesTextEverywhere) {
  const std::string html = full_page().str();
  const std::string escaped = escape_markup(kNasty);
  for (const char* before :
       {"<title>Title ", "<h1>Title ", "<p>Subtitle ", "<h2>Section ", "<h3>Subsection ", "<p>Paragraph ",
        "<aside>Note ", "<li>", "<caption>Caption ", "<td class=\"text\">", "<small>", "<strong>", "<span>",
        "<figcaption>Figure ", "<figcaption>Figures ", "<summary>Summary ", "<p>Footer ", "<strong>Label "}) {
    EXPECT_THAT(html, HasSubstr(before + escaped));
  }
  EXPECT_EQ(occurrences(html, "</main>"), 1U);
}

TEST(HtmlPage, KeepsTheOrderItWasWrittenIn) {
  HtmlPage page("t");
  page.section("first");
  page.footer("small print");
  page.paragraph("second");
  page.section("third");
  const std::string html = page.str();
  EXPECT_LT(html.find("first"), html.find("second"));
  EXPECT_LT(html.find("second"), html.find("third"));
  EXPECT_LT(html.find("third"), html.find("small print"));
  EXPECT_EQ(html, page.str());
}

TEST(HtmlPage, CodeKeepsItsLines) {
  EXPECT_THAT(full_page().str(), HasSubstr("<pre>deri synth --out a\n  --records 3 &lt; b &amp; c</pre>"));
}

TEST(HtmlPage, MarksPartsOfAText) {
  HtmlPage page("t");
  page.marked_paragraph("Report", "a <b> & cd\ne",
                        {{2, 5, TextMark::kRight, "\"b\""},
                         {5, 6, TextMark::kNeutral, ""},
                         {8, 9, TextMark::kWrong, "c"},
                         {9, 12, TextMark::kMissed, "de"}});
  EXPECT_THAT(page.str(), HasSubstr("<div class=\"marked\"><strong>Report</strong><p>a "
                                    "<mark class=\"right\" title=\"&quot;b&quot;\">&lt;b&gt;</mark>"
                                    "<mark class=\"neutral\"> </mark>&amp; <mark class=\"wrong\" title=\"c\">c</mark>"
                                    "<mark class=\"missed\" title=\"de\">d\ne</mark></p></div>\n"));
  EXPECT_EQ(markup_error(page.str()), "");
}

TEST(HtmlPage, MarksHaveLinesOfTheirOwnBesidesColours) {
  const std::string html = HtmlPage("t").str();
  for (const char* rule : {"mark.right { color: var(--right); text-decoration-style: solid; }",
                           "mark.wrong { color: var(--wrong); text-decoration-style: wavy; }",
                           "mark.missed { color: var(--missed); text-decoration-style: dashed; }"}) {
    EXPECT_THAT(html, HasSubstr(rule));
  }
  for (const char* colour : {"--right: #", "--wrong: #", "--missed: #"})
    EXPECT_EQ(occurrences(html, colour), 2U) << colour;  // for light and for dark screens
}

TEST(HtmlPage, MarksThatCutACharacterLeaveAValidDocument) {
  HtmlPage page("t");
  page.marked_paragraph("", "\xC3\xA4", {{1, 2, TextMark::kRight, ""}});
  EXPECT_THAT(page.str(), HasSubstr("<p>\xEF\xBF\xBD<mark class=\"right\">\xEF\xBF\xBD</mark></p>"));
}

TEST(HtmlPage, RefusesMarksThatOverlapOrLeaveTheText) {
  HtmlPage page("t");
  EXPECT_THROW(page.marked_paragraph("", "abc", {{0, 2, {}, ""}, {1, 3, {}, ""}}), InternalError);
  EXPECT_THROW(page.marked_paragraph("", "abc", {{2, 1, {}, ""}}), InternalError);
  EXPECT_THROW(page.marked_paragraph("", "abc", {{2, 4, {}, ""}}), InternalError);
  EXPECT_NO_THROW(page.marked_paragraph("", "abc", {{0, 1, {}, ""}, {1, 3, {}, ""}}));
}

TEST(HtmlPage, TablesHoldValuesWithIntervals) {
  const std::string html = full_page().str();
  EXPECT_THAT(html, HasSubstr("<td>0.881 <small>[0.850, 0.900]</small></td>"));
  EXPECT_THAT(html, HasSubstr("<tr class=\"summary\"><td class=\"text\">mean</td>"));
  EXPECT_EQ(occurrences(html, "<tr class=\"summary\">"), 1U);
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\" class=\"text\">Label</th><th scope=\"col\">AUROC</th>"));
}

TEST(HtmlPage, RefusesARowThatDoesNotFit) {
  HtmlPage page("t");
  EXPECT_DERI_ERROR(page.table({{"a", "b"}, {{"1", "2"}, {"3"}}, "Results", 1, {}}),
                    HasSubstr("table \"Results\": row 2 has 1 cells, the header 2"));
  EXPECT_THAT(page.str(), Not(HasSubstr("<table>")));
}

TEST(HtmlPage, TheBestIsBoldAndDetailsMayStandBelow) {
  HtmlPage page("t");
  Table table{{"Model", "AUROC"}, {{"a <b>", estimate_cell({0.9, 0.8, 0.95})}}, "", 1, {}};
  table.rows[0][1].strong = true;
  table.rows[0][0].strong = true;
  page.table(table);
  EXPECT_THAT(page.str(), HasSubstr("<td><strong>0.900</strong> <small>[0.800, 0.950]</small></td>"));
  EXPECT_THAT(page.str(), HasSubstr("<strong>a &lt;b&gt;</strong>"));
  EXPECT_THAT(page.str(), Not(HasSubstr("<table class=\"stacked\">")));
  table.stacked = true;
  page.table(table);
  EXPECT_THAT(page.str(), HasSubstr("<table class=\"stacked\">"));
  EXPECT_EQ(markup_error(page.str()), "");
}

TEST(HtmlPage, DetailsAreFoldedAwayAndNest) {
  HtmlPage page("t");
  page.begin_details("outer");
  page.paragraph("first");
  page.begin_details("inner");
  page.paragraph("second");
  page.end_details();
  page.end_details();
  page.paragraph("open");
  EXPECT_THAT(page.str(),
              HasSubstr("<details>\n<summary>outer</summary>\n<p>first</p>\n<details>\n<summary>inner</summary>\n"
                        "<p>second</p>\n</details>\n</details>\n<p>open</p>\n"));
  EXPECT_EQ(markup_error(page.str()), "");
}

TEST(HtmlPage, EveryBeginningOfDetailsNeedsItsEnd) {
  HtmlPage page("t");
  EXPECT_THROW(page.end_details(), InternalError);
  page.begin_details("open");
  EXPECT_THROW(page.str(), InternalError);
  page.end_details();
  EXPECT_NO_THROW(page.str());
}

TEST(HtmlPage, SeveralFiguresShareOneCaption) {
  HtmlPage page("t");
  page.figures({"<svg><g/></svg>", "<svg/>"}, "both");
  EXPECT_THAT(page.str(), HasSubstr("<figure class=\"several\">\n<div>\n<svg><g/></svg><svg/></div>\n"
                                    "<figcaption>both</figcaption>\n</figure>"));
}

TEST(HtmlPage, FiguresStandAsTheyAre) {
  HtmlPage page("t");
  page.figure("<svg><g/></svg>", "");
  EXPECT_THAT(page.str(), HasSubstr("<figure>\n<svg><g/></svg></figure>"));
}

TEST(EstimateCell, LeavesOutWhatIsUndefined) {
  EXPECT_EQ(estimate_cell({kNaN, kNaN, kNaN}).text, "n/a");
  EXPECT_EQ(estimate_cell({kNaN, kNaN, kNaN}).detail, "");
  EXPECT_EQ(estimate_cell({0.5, kNaN, kNaN}).text, "0.500");
  EXPECT_EQ(estimate_cell({0.5, kNaN, kNaN}).detail, "");
  const Cell cell = estimate_cell({0.8125, 0.79, 0.8333}, 2);
  EXPECT_EQ(cell.text, "0.81");
  EXPECT_EQ(cell.detail, "[0.79, 0.83]");
}

}  // namespace
}  // namespace deri
