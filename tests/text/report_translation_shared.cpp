#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "testing/testing.hpp"
#include <fmt/format.h>

#include "deri/base/csv.hpp"
#include "deri/text/report_translation.hpp"

namespace deri {
namespace {

constexpr std::size_t kShown = 30;

std::vector<std::string> ptbxl_reports() {
  CsvReader csv(testing::shared_dir() / "data/ptbxl/all_reports.csv", {"report"});
  std::vector<std::string> reports, cells;
  while (csv.next(cells)) reports.push_back(cells[csv.column("report")]);
  return reports;
}

std::string most_frequent(const std::map<std::string, std::size_t>& counts) {
  std::vector<std::pair<std::size_t, std::string>> sorted;
  for (const auto& [word, count] : counts) sorted.emplace_back(count, word);
  std::ranges::sort(sorted, std::ranges::greater());
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, sorted.size()); ++i)
    text += fmt::format("{}{} ({})", i > 0 ? ", " : "", sorted[i].second, sorted[i].first);
  return text;
}

TEST(ReportTranslationShared, CoversPtbXlsGerman) {
  const ReportTranslator translator;
  std::size_t german = 0, unknown = 0, german_reports = 0, whole = 0;
  std::map<std::string, std::size_t> unknown_words;
  const std::vector<std::string> reports = ptbxl_reports();
  ASSERT_EQ(reports.size(), 21737U);
  for (const std::string& report : reports) {
    const TranslatedReport translated = translator.translate(report);
    german += translated.german;
    unknown += translated.unknown;
    german_reports += translated.german > 0 ? 1 : 0;
    whole += translated.german > 0 && translated.unknown == 0 ? 1 : 0;
    for (const std::string& word : translated.unknown_words) ++unknown_words[word];
    ASSERT_EQ(translated.unknown, translated.unknown_words.size());
    if (translated.german == 0) {
      ASSERT_EQ(translated.text, report);
    }
  }
  const double coverage = 1 - static_cast<double>(unknown) / static_cast<double>(german);
  fmt::print("{} lines, {} phrases; {} of {} words that are not English are unknown: coverage {:.4f}\n",
             translator.entries(), translator.phrases(), unknown, german, coverage);
  fmt::print("{} reports with such words, {} translated whole\n", german_reports, whole);
  fmt::print("most frequent unknown words: {}\n", most_frequent(unknown_words));
  // What the reports hold: more than half of their 21,737 are German, so a broken count would show here.
  EXPECT_GT(german, 100000U);
  EXPECT_GT(german_reports, 14000U);
  EXPECT_GE(coverage, 0.97);
}

TEST(ReportTranslationShared, ATranslationIsEnglish) {
  const ReportTranslator translator;
  std::size_t changed = 0, reports = 0;
  for (const std::string& report : ptbxl_reports()) {
    const TranslatedReport translated = translator.translate(report);
    if (translated.german == 0 || translated.unknown > 0) continue;
    ++reports;
    changed += translator.translate(translated.text).german > 0 ? 1 : 0;
  }
  EXPECT_GT(reports, 14000U);
  EXPECT_EQ(changed, 0U);
}

}  // namespace
}  // namespace deri
