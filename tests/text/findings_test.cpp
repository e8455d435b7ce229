#include "deri/text/findings.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"
#include "text/findings_cases.hpp"

#include "deri/base/random.hpp"
#include "deri/ecg/synth_report.hpp"
#include "deri/text/finding_phrases.hpp"

namespace deri {
namespace {

using enum ReportFinding;
using ::testing::ElementsAre;
using testing::FindingCase;

const FindingExtractor& extractor() {
  static const FindingExtractor instance;
  return instance;
}

std::set<std::string> items(std::string_view list) {
  std::set<std::string> found;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(", "), list.size());
    found.emplace(list.substr(0, end));
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return found;
}

std::vector<FindingCase> all_cases() {
  std::vector<FindingCase> cases;
  for (const std::span<const FindingCase> part :
       {std::span<const FindingCase>(testing::kRealWording), std::span<const FindingCase>(testing::kNegated),
        std::span<const FindingCase>(testing::kUncertain), std::span<const FindingCase>(testing::kMisleading)})
    cases.insert(cases.end(), part.begin(), part.end());
  return cases;
}

TEST(Findings, AreThoseThatAReaderFinds) {
  std::size_t denied = 0, hedged = 0;
  std::set<std::string> reports;
  for (const auto& [report, findings] : all_cases()) {
    EXPECT_EQ(items(describe(extractor().extract(report))), items(findings)) << report;
    EXPECT_TRUE(reports.insert(report).second) << "twice: " << report;
    denied += std::string_view(findings).find("no ") != std::string_view::npos ? 1 : 0;
    hedged += std::string_view(findings).find('?') != std::string_view::npos ? 1 : 0;
  }
  EXPECT_GE(reports.size(), 250U);
  EXPECT_GE(std::size(testing::kRealWording), 60U);
  EXPECT_GE(denied, 60U);
  EXPECT_GE(hedged, 60U);
}

TEST(Findings, EveryOneHasACaseAndAName) {
  std::set<std::string> positive;
  for (const FindingCase& one : all_cases())
    for (const ReportFinding finding : extractor().extract(one.report).positive()) positive.emplace(info(finding).name);
  std::set<std::string_view> names;
  std::size_t row = 0;
  for (const ReportFindingInfo& finding : report_finding_table()) {
    EXPECT_EQ(static_cast<std::size_t>(finding.finding), row++);
    EXPECT_TRUE(names.insert(finding.name).second) << finding.name;
    EXPECT_TRUE(positive.contains(std::string(finding.name))) << finding.name;
    EXPECT_FALSE(finding.description.empty());
  }
  EXPECT_EQ(names.size(), kReportFindings);
}

TEST(Findings, TheGreatestStatusCounts) {
  const ReportFindings findings =
      extractor().extract("no st elevation in v1. possible st elevation in v2. no lvh. possible lvh. lvh.");
  EXPECT_EQ(findings.status(kStElevation), FindingStatus::kUncertain);
  EXPECT_EQ(findings.status(kLeftVentricularHypertrophy), FindingStatus::kPresent);
  EXPECT_EQ(findings.status(kPericarditis), FindingStatus::kNotMentioned);
  EXPECT_THAT(findings.positive(), ElementsAre(kLeftVentricularHypertrophy, kStElevation));
  EXPECT_THAT(findings.positive(true), ElementsAre(kLeftVentricularHypertrophy));
  EXPECT_EQ(describe(findings), "left_ventricular_hypertrophy, st_elevation?");
  EXPECT_STREQ(finding_status_name(FindingStatus::kAbsent), "absent");
}

TEST(Findings, MentionsSayWhere) {
  const std::string report =
      "Sinus rhythm \u2014 no ST\u2010elevation. Premature beat(s): PVC(s). Possible anterolateral infarcts!";
  std::vector<std::string> found;
  for (const FindingMention& mention : extractor().mentions(report))
    found.push_back(fmt::format("{} {}: {}", finding_status_name(mention.status), info(mention.finding).name,
                                report.substr(mention.begin, mention.end - mention.begin)));
  EXPECT_THAT(found,
              ElementsAre("present sinus_rhythm: Sinus rhythm", "absent st_elevation: ST\u2010elevation",
                          "present ventricular_ectopy: PVC(s)", "uncertain anterior_infarct: anterolateral infarcts",
                          "uncertain lateral_infarct: anterolateral infarcts"));
}

TEST(Findings, CasePunctuationAndSpellingDoNotMatter) {
  const ReportFindings plain = extractor().extract("no st-t changes. myocardial ischemia. early repolarization");
  for (const char* report : {"NO ST-T CHANGES; MYOCARDIAL ISCHAEMIA\nEARLY REPOLARISATION",
                             "No ST\u2013T changes.  Myocardial ischaemia.. early repolarisation.",
                             "no \"st/t\" change(s). 'myocardial' ischaemia!\r\nearly\u00a0repolarization"})
    EXPECT_EQ(describe(extractor().extract(report)), describe(plain)) << report;
}

// The findings that the generator writes of, and nothing that its codes deny.
TEST(Findings, OfGeneratedReportsAreTheGenerators) {
  const std::map<Finding, ReportFinding> same{
      {Finding::kNorm, kNormalEcg},
      {Finding::kAmi, kAnteriorInfarct},
      {Finding::kAsmi, kAnteroseptalInfarct},
      {Finding::kImi, kInferiorInfarct},
      {Finding::kLmi, kLateralInfarct},
      {Finding::kLvh, kLeftVentricularHypertrophy},
      {Finding::kRvh, kRightVentricularHypertrophy},
      {Finding::kClbbb, kLeftBundleBranchBlock},
      {Finding::kCrbbb, kRightBundleBranchBlock},
      {Finding::kIrbbb, kIncompleteRightBundleBranchBlock},
      {Finding::kLafb, kLeftAnteriorFascicularBlock},
      {Finding::kLpfb, kLeftPosteriorFascicularBlock},
      {Finding::kWpw, kPreexcitation},
      {Finding::kAvb1, kAvBlock1},
      {Finding::kNdt, kTChange},
      {Finding::kLngqt, kLongQt},
      {Finding::kStd, kStDepression},
      {Finding::kInvt, kTInversion},
      {Finding::kLvolt, kLowVoltage},
      {Finding::kPac, kAtrialEctopy},
      {Finding::kPvc, kVentricularEctopy},
      {Finding::kSr, kSinusRhythm},
      {Finding::kStach, kSinusTachycardia},
      {Finding::kSbrad, kSinusBradycardia},
      {Finding::kSarrh, kSinusArrhythmia},
      {Finding::kAfib, kAtrialFibrillation},
      {Finding::kAflt, kAtrialFlutter},
      {Finding::kPace, kPacedRhythm},
  };
  ASSERT_EQ(same.size(), kFindings);
  // What reports say of the signal without a code of the generator's.
  const std::set<ReportFinding> uncoded{kLeftAxisDeviation, kRightAxisDeviation, kHighVoltage, kStrain, kStTChange};
  std::size_t agreeing = 0, reports = 0;
  for (const SyntheticPlan& plan : testing::plan_pool()) {
    const LeadField field(plan.patient);
    const Rhythm rhythm = make_rhythm(plan, 10);
    const Heart heart = make_heart(plan, field);
    const std::string report = make_report({plan, rhythm, heart, measure(heart.beat, field)});
    std::set<ReportFinding> expected, found;
    for (const Finding finding : plan.findings.list()) expected.insert(same.at(finding));
    for (const ReportFinding finding : extractor().extract(report).positive())
      if (!uncoded.contains(finding)) found.insert(finding);
    EXPECT_EQ(found, expected) << report;
    agreeing += found == expected ? 1 : 0;
    if (++reports == 600) break;
  }
  EXPECT_EQ(agreeing, 600U);
}

TEST(Findings, TakeAnyBytes) {
  EXPECT_EQ(describe(extractor().extract("")), "");
  EXPECT_EQ(describe(extractor().extract(".,?!/-()[]&'\"\n")), "");
  EXPECT_EQ(describe(extractor().extract("?")), "");
  EXPECT_EQ(describe(extractor().extract("no")), "");
  EXPECT_EQ(describe(extractor().extract("possible")), "");
  EXPECT_EQ(describe(extractor().extract("cannot be excluded")), "");
  Rng rng(3);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes;
    for (std::uint64_t n = rng.below(60); n > 0; --n) bytes += static_cast<char>(rng.below(256));
    extractor().extract(bytes);
  }
}

// Words of the tables in any order, with signs between: positions stay within the report, in order.
TEST(Findings, TakeAnyWords) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : std::string(kFindingPhrases) + std::string(kFindingCues) + std::string(kFindingGapWords)) {
    if (c >= 'a' && c <= 'z') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  Rng rng(4);
  const std::vector<std::string> signs{" ", " ", " ", " ", ", ", ". ", "-", "/", " - ", "? ", " (", "(s) ", ") ", ""};
  for (int i = 0; i < 3000; ++i) {
    std::string report;
    for (std::uint64_t n = rng.below(60); n > 0; --n) report += rng.pick(words) + rng.pick(signs);
    std::size_t begin = 0;
    for (const FindingMention& mention : extractor().mentions(report)) {
      EXPECT_LE(begin, mention.begin);
      EXPECT_LT(mention.begin, mention.end);
      EXPECT_LE(mention.end, report.size());
      EXPECT_NE(mention.status, FindingStatus::kNotMentioned);
      begin = mention.begin;
    }
  }
}

// A text without punctuation has one endless clause: the work must not grow with its square.
TEST(Findings, ReachOnlySoFar) {
  std::string report = "no ";
  for (int i = 0; i < 50000; ++i) report += "st elevation or possible t wave low flat inverted anterior infarct and ";
  const std::vector<FindingMention> mentions = extractor().mentions(report);
  ASSERT_GT(mentions.size(), 150000U);
  EXPECT_EQ(mentions.front().status, FindingStatus::kAbsent);
  EXPECT_NE(mentions.back().status, FindingStatus::kAbsent);
}

}  // namespace
}  // namespace deri
