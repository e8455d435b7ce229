#include "deri/eval/report_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eval/markup_check.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

const std::vector<std::string>& truth() {
  static const std::vector<std::string> reports = [] {
    std::vector<std::string> all;
    for (int i = 0; i < 10; ++i) {
      all.insert(all.end(), {"sinus rhythm. inferior infarct.", "atrial fibrillation. left axis deviation.",
                             "sinus rhythm. normal ecg.", "sinus bradycardia. inferior infarct."});
    }
    return all;
  }();
  return reports;
}

std::vector<int> true_classes() {
  std::vector<int> classes;
  for (std::size_t i = 0; i < truth().size(); ++i) classes.push_back(static_cast<int>(i % 4));
  return classes;
}

// Writes every report but each fifth, of which it says another's.
ReportSystem good_writer() {
  ReportSystem system{"writer", truth()};
  system.classes = true_classes();
  for (std::size_t i = 0; i < truth().size(); i += 5) {
    system.texts[i] = truth()[i + 1];
    system.classes[i] = true_classes()[i + 1];
  }
  return system;
}

ReportSystem constant(const std::string& text) {
  return {"most_frequent", std::vector<std::string>(truth().size(), text), {}, std::vector<int>(truth().size(), 2)};
}

const FindingScoreOptions& quick() {
  static const FindingScoreOptions options{.bootstrap = {.resamples = 100, .seed = 3}};
  return options;
}

ReportComparison compare(const std::vector<ReportSystem>& systems) {
  return compare_report_systems(truth(), {}, true_classes(), 4, systems, quick());
}

const ReportComparison& example() {
  static const ReportComparison comparison = [] {
    ReportSystem writer = good_writer(), other{"shuffled <|>", shuffled_texts(good_writer().texts, 1)};
    writer.label_sets = {{"super", {0.9, 0.85, 0.95}, {0.7, 0.6, 0.8}}, {"sub", {0.8, 0.75, 0.85}, {0.5, 0.4, 0.6}}};
    other.label_sets = {{"super", {0.5, 0.45, 0.55}, {0.3, 0.2, 0.4}}};
    return compare({writer, constant("sinus rhythm. normal ecg."), other});
  }();
  return comparison;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  return lines;
}

void expect_same(const Estimate& a, const Estimate& b) {
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

TEST(ReportComparison, HasWhatEachMetricGives) {
  const ReportComparison& comparison = example();
  const FindingExtractor extractor;
  const std::vector<ReportFindings> true_findings = extract_findings(extractor, truth());
  const std::vector<ReportFindings> written = extract_findings(extractor, good_writer().texts);
  ASSERT_EQ(comparison.systems.size(), 3U);
  ASSERT_EQ(comparison.differences.size(), 2U);
  EXPECT_EQ(comparison.records, 40U);

  const ReportSystemScores& writer = comparison.systems[0];
  expect_same(writer.findings.micro.f1, score_findings(true_findings, written, quick()).micro.f1);
  expect_same(writer.overlap.meteor, score_reports({truth(), good_writer().texts}, quick().bootstrap).meteor);
  ASSERT_TRUE(writer.agreement);
  EXPECT_DOUBLE_EQ(writer.agreement->accuracy.value, 0.8);
  expect_same(writer.agreement->macro.f1,
              class_agreement(true_classes(), good_writer().classes, 4, quick().bootstrap).macro.f1);
  EXPECT_FALSE(comparison.systems[2].agreement);

  // The most frequent report names 2 findings, of each 40; 20 and 10 records have them, of 80 true findings.
  const ReportSystemScores& frequent = comparison.systems[1];
  EXPECT_DOUBLE_EQ(frequent.findings.micro.precision.value, 30.0 / 80);
  EXPECT_DOUBLE_EQ(frequent.findings.micro.recall.value, 30.0 / 80);
  EXPECT_EQ(frequent.mean_words, 4);
  EXPECT_EQ(frequent.distinct, 1U);
  EXPECT_EQ(comparison.true_mean_words, (4 + 5 + 4 + 4) / 4.0);
  EXPECT_EQ(comparison.true_distinct, 4U);
}

TEST(ReportComparison, SubtractsEveryOtherSystemFromTheFirst) {
  const ReportComparison& comparison = example();
  const ReportSystemScores &writer = comparison.systems[0], &frequent = comparison.systems[1];
  const ReportSystemDifference& difference = comparison.differences[0];
  EXPECT_EQ(difference.name, "most_frequent");
  EXPECT_DOUBLE_EQ(difference.findings.micro.f1.value,
                   writer.findings.micro.f1.value - frequent.findings.micro.f1.value);
  EXPECT_GT(difference.findings.micro.f1.low, 0);
  EXPECT_DOUBLE_EQ(difference.overlap.rouge_l.value, writer.overlap.rouge_l.value - frequent.overlap.rouge_l.value);
  ASSERT_TRUE(difference.agreement);
  EXPECT_DOUBLE_EQ(difference.agreement->accuracy.value, 0.8 - 0.25);
  EXPECT_EQ(comparison.differences[1].name, "shuffled <|>");
  EXPECT_FALSE(comparison.differences[1].agreement);
}

TEST(ReportComparison, ReadsFindingsFromTheEnglishTexts) {
  const std::vector<std::string> german(truth().size(), "sinusrhythmus. unauffälliges ekg.");
  ReportSystem system{"writer", german, truth()};
  const ReportComparison translated = compare_report_systems(german, truth(), {}, 0, {system}, quick());
  EXPECT_EQ(translated.systems[0].findings.micro.f1.value, 1);
  EXPECT_EQ(translated.systems[0].findings.findings.size(), 6U);
  EXPECT_EQ(translated.systems[0].distinct, 1U);
  EXPECT_TRUE(translated.differences.empty());
  EXPECT_THAT(to_text(translated), Not(AnyOf(HasSubstr("judge"), HasSubstr("minus"), HasSubstr("tower"))));
}

TEST(ReportComparison, RefusesWhatDoesNotFit) {
  const ReportSystem writer = good_writer();
  ReportSystem few = writer, english = writer, unjudged = writer, twin = constant("x");
  few.texts.pop_back();
  english.english_texts = {"sinus rhythm"};
  unjudged.classes.resize(3);
  twin.name = "writer";
  EXPECT_DERI_ERROR(compare({few}), HasSubstr("the system 'writer' has 39 reports for 40 records"));
  EXPECT_DERI_ERROR(compare({writer, english}), HasSubstr("1 English reports for 40"));
  EXPECT_DERI_ERROR(compare({unjudged}), HasSubstr("3 classes for 40 records"));
  EXPECT_DERI_ERROR(compare({writer, twin}), HasSubstr("two systems are called 'writer'"));
  EXPECT_DERI_ERROR(compare({}), HasSubstr("no system"));
  EXPECT_DERI_ERROR(compare_report_systems({}, {}, {}, 0, {writer}, quick()), HasSubstr("no reports"));
  EXPECT_DERI_ERROR(compare_report_systems(truth(), {"one"}, {}, 0, {writer}, quick()), HasSubstr("the English truth"));
  EXPECT_DERI_ERROR(compare_report_systems(truth(), {}, {1}, 4, {writer}, quick()),
                    HasSubstr("the truth has 1 classes"));
  EXPECT_DERI_ERROR(compare_report_systems(truth(), {}, {}, 4, {writer}, quick()),
                    HasSubstr("has classes, and the true reports have none"));
  EXPECT_DERI_ERROR(compare_report_systems(truth(), {}, true_classes(), 3, {writer}, quick()),
                    HasSubstr("class 3 of 3"));
}

TEST(ReportComparison, TextHasEverySystemInEveryTable) {
  const std::string text = to_text(example());
  const std::vector<std::string> lines = lines_of(text);
  const ReportSystemScores& writer = example().systems[0];
  const std::string f1 = fmt::format("{:.3f} [{:.3f}, {:.3f}]", writer.findings.micro.f1.value,
                                     writer.findings.micro.f1.low, writer.findings.micro.f1.high);
  const auto first = std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("  writer "); });
  ASSERT_NE(first, lines.end());
  EXPECT_THAT(*first, HasSubstr(f1));
  // Columns are aligned: the rows of a table are of one length in characters, the missing class agreement too.
  const auto judged =
      std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("The class"); });
  ASSERT_NE(judged, lines.end());
  EXPECT_EQ(judged[1].size(), judged[2].size());
  EXPECT_THAT(judged[4], AllOf(HasSubstr("shuffled"), HasSubstr("—")));
  EXPECT_EQ(judged[4].size() - 4 * (std::string_view("—").size() - 1), judged[1].size());
  for (const char* part : {"micro F1", "macro recall", "accuracy", "super F1", "sub AUROC", "BLEU-1", "BLEU-4",
                           "ROUGE-L", "METEOR", "CIDEr-D", "words per report", "distinct reports", "writer minus",
                           "sinus_rhythm", "all (micro)", "40 records", "100 resamples"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_EQ(testing::occurrences(text, "writer minus"), 5U);  // findings, class, BLEU twice, the rest
}

TEST(ReportComparison, MarksDifferencesWhoseIntervalExcludesZero) {
  const Json json = to_json(compare({good_writer(), constant("sinus rhythm. normal ecg.")}));
  const Json& clear = json.at("differences").at(0).at("scores").at("finding_micro_f1");
  EXPECT_EQ(clear.at("excludes_zero"), true);
  EXPECT_GT(clear.at("low").get<double>(), 0);
  ReportSystem twin = good_writer();
  twin.name = "twin";
  const ReportComparison same = compare({good_writer(), twin});
  EXPECT_EQ(to_json(same).at("differences").at(0).at("scores").at("finding_micro_f1").at("excludes_zero"), false);
  EXPECT_THAT(to_text(same), HasSubstr("+0.000 [+0.000, +0.000]"));
  EXPECT_THAT(to_text(same), Not(HasSubstr("+0.000*")));
  EXPECT_THAT(to_text(example()), ::testing::ContainsRegex("\\+0\\.[0-9]+\\* \\[\\+0"));
  // A system that is worse than another is marked as well.
  const ReportComparison worse = compare({constant("sinus rhythm. normal ecg."), good_writer()});
  EXPECT_THAT(to_text(worse), ::testing::ContainsRegex("-0\\.[0-9]+\\* \\[-0"));
}

TEST(ReportComparison, MarkdownTablesAreWholeAndEscaped) {
  const std::string markdown = to_markdown(example());
  std::size_t cells = 0, tables = 0;
  for (const std::string& line : lines_of(markdown)) {
    if (!line.starts_with("|")) {
      cells = 0;
      continue;
    }
    const std::size_t bars = testing::occurrences(line, "|") - testing::occurrences(line, "\\|");
    if (cells == 0) {
      ++tables;
      cells = bars;
    }
    EXPECT_EQ(bars, cells) << line;
  }
  EXPECT_EQ(tables, 6U + 5U + 1U);
  EXPECT_THAT(markdown, AllOf(HasSubstr("shuffled \\<\\|\\>"), HasSubstr("most\\_frequent"), HasSubstr("**0.825** [")));
  EXPECT_THAT(markdown, HasSubstr("| 0.800 [0.750, 0.850] |"));  // the only one of its column
  EXPECT_THAT(markdown, HasSubstr("| --- | ---: |"));
}

TEST(ReportComparison, PageHasTheSameTables) {
  HtmlPage page("Reports");
  add_to_page(page, example());
  const std::string html = page.str();
  EXPECT_EQ(testing::markup_error(html), "");
  EXPECT_EQ(testing::occurrences(html, "<table"), 12U);
  EXPECT_THAT(html, AllOf(HasSubstr("shuffled &lt;|&gt;"), HasSubstr("<details>"), HasSubstr("writer minus")));
}

TEST(ReportComparison, JsonHasEveryNumber) {
  const Json json = to_json(example());
  EXPECT_EQ(json.at("records"), 40);
  EXPECT_EQ(json.at("truth").at("distinct"), 4);
  const Json& writer = json.at("systems").at(0);
  const ReportSystemScores& scores = example().systems[0];
  EXPECT_EQ(writer.at("name"), "writer");
  EXPECT_EQ(writer.at("scores").size(), 6U + 4U + 8U + 3U);
  EXPECT_EQ(writer.at("scores").at("finding_macro_recall").at("value"), scores.findings.macro.recall.value);
  EXPECT_EQ(writer.at("scores").at("class_macro_precision").at("high"), scores.agreement->macro.precision.high);
  EXPECT_EQ(writer.at("scores").at("corpus_bleu4").at("value"), scores.overlap.corpus_bleu[3].value);
  EXPECT_EQ(writer.at("scores").at("sentence_bleu1").at("low"), scores.overlap.sentence_bleu[0].low);
  EXPECT_EQ(writer.at("scores").at("cider_d").at("high"), scores.overlap.cider_d.high);
  EXPECT_EQ(writer.at("label_sets").at("sub").at("macro_auroc").at("value"), 0.8);
  EXPECT_EQ(writer.at("label_sets").at("super").at("macro_f1").at("low"), 0.6);
  EXPECT_EQ(writer.at("distinct").dump(), "4");
  EXPECT_EQ(writer.at("mean_words").get<double>(), scores.mean_words);
  ASSERT_EQ(writer.at("findings").size(), 6U);
  EXPECT_EQ(writer.at("findings").at(0).at("finding"), "sinus_rhythm");
  EXPECT_EQ(writer.at("findings").at(0).at("true_reports"), 20);
  EXPECT_EQ(writer.at("findings").at(0).at("f1").at("value"), scores.findings.findings[0].score.f1.value);
  EXPECT_FALSE(json.at("systems").at(2).at("scores").contains("class_macro_f1"));
  const Json& difference = json.at("differences").at(0);
  EXPECT_EQ(difference.at("other"), "most_frequent");
  EXPECT_EQ(difference.at("scores").size(), 6U + 4U + 8U + 3U);
  EXPECT_FALSE(difference.contains("distinct"));
}

TEST(ReportComparison, FiguresThatAreNotDefinedShowAsSuch) {
  const std::vector<std::string> nothing{"a", "b"};
  const ReportComparison comparison =
      compare_report_systems(nothing, {}, {}, 0, {{"writer", nothing}, {"other", {"c", "d"}}}, quick());
  EXPECT_TRUE(std::isnan(comparison.systems[0].findings.micro.f1.value));
  EXPECT_THAT(to_text(comparison), HasSubstr("n/a"));
  EXPECT_THAT(to_markdown(comparison), Not(HasSubstr("nan")));
  const Json json = to_json(comparison);
  EXPECT_TRUE(json.at("systems").at(0).at("scores").at("finding_micro_f1").at("value").is_null());
  EXPECT_EQ(json.at("differences").at(0).at("scores").at("finding_micro_f1").at("excludes_zero"), false);
}

TEST(MostFrequentText, IsTheFirstOfEquallyFrequentOnes) {
  EXPECT_EQ(most_frequent_text({"b", "a", "c", "a", "b", "", "", ""}), "a");
  EXPECT_EQ(most_frequent_text({"b", "a", "c", "c"}), "c");
  EXPECT_DERI_ERROR(most_frequent_text({}), HasSubstr("no training report"));
  EXPECT_DERI_ERROR(most_frequent_text({"", ""}), HasSubstr("no training report"));
}

TEST(ShuffledTexts, NoRecordKeepsItsOwn) {
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) texts.push_back(fmt::format("report {}", i));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<std::string> shuffled = shuffled_texts(texts, seed);
    EXPECT_THAT(shuffled, UnorderedElementsAreArray(texts));
    for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_NE(shuffled[i], texts[i]);
  }
  EXPECT_EQ(shuffled_texts(texts, 1), shuffled_texts(texts, 1));
  EXPECT_NE(shuffled_texts(texts, 1), shuffled_texts(texts, 2));
  EXPECT_THAT(shuffled_texts({"a", "b"}, 9), ElementsAre("b", "a"));
  EXPECT_DERI_ERROR(shuffled_texts({"a"}, 0), HasSubstr("two records"));
  EXPECT_DERI_ERROR(shuffled_texts({}, 0), HasSubstr("here are 0"));
}

}  // namespace
}  // namespace deri
