#include "deri/ecg/synth_report.hpp"

#include <map>
#include <regex>
#include <set>
#include <string>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

#include "deri/ecg/synth.hpp"

namespace deri {
namespace {

using enum Finding;
using testing::plan_pool;

std::string report_of(const SyntheticPlan& plan) {
  const LeadField field(plan.patient);
  const Rhythm rhythm = make_rhythm(plan, 10);
  const Heart heart = make_heart(plan, field);
  const BeatMeasurements measurements = measure(heart.beat, field);
  return make_report({plan, rhythm, heart, measurements});
}

// Words by which a reader knows the finding, whatever the wording.
const std::map<Finding, std::string>& marks() {
  static const std::map<Finding, std::string> words{
      {kNorm, "(^|[^b])normal ecg|normal limits|no definite pathology|no abnormality|normal tracing"},
      {kAmi, "(^|[^o])anterior (myocardial )?infarct"},
      {kAsmi, "anteroseptal"},
      {kImi, "inferior (myocardial )?infarct"},
      {kLmi, "lateral (myocardial )?infarct"},
      {kLvh, "left ventricular hypertrophy|lvh"},
      {kRvh, "right ventricular hypertrophy|rvh"},
      {kClbbb, "left bundle|lbbb"},
      {kCrbbb, "(^|complete |[.;] )(right bundle branch block|rbbb)"},
      {kIrbbb, "incomplete r"},
      {kLafb, "left anterior (fascicular|hemi)"},
      {kLpfb, "left posterior (fascicular|hemi)"},
      {kWpw, "wpw|wolff"},
      {kAvb1, "(first|1st) degree a-?v block|av block 1st degree"},
      {kNdt, "t waves? (changes|abnormality|flattening|are flat)|low t waves"},
      {kLngqt, "qt"},
      {kStd, "st (segment )?depression|st segments are depressed"},
      {kInvt, "t wave inversion|t waves (are )?inverted|inverted t waves|negative t waves"},
      {kLvolt, "low (qrs |limb lead )?voltage"},
      {kPac, "(premature atrial|atrial premature|supraventricular extrasystole)"},
      {kPvc, "(premature ventricular|ventricular premature|[^a]ventricular extrasystole|^ventricular extrasystole)"},
      {kSr, "sinus rhythm($|[.;]| with (first|1st)|, rate| at|, heart rate|, ventricular rate)"},
      {kStach, "tachycardia"},
      {kSbrad, "bradycardia"},
      {kSarrh, "sinus arrhythmia"},
      {kAfib, "fibrillation"},
      {kAflt, "flutter"},
      {kPace, "pace|ventricular pacing"},
  };
  return words;
}

TEST(SynthReport, SaysEveryFindingAndNoOther) {
  ASSERT_EQ(marks().size(), kFindings);
  std::map<Finding, std::regex> patterns;
  for (const auto& [finding, words] : marks()) patterns.emplace(finding, words);
  for (std::size_t i = 0; i < 800; ++i) {
    const SyntheticPlan& plan = plan_pool()[i];
    std::string report = report_of(plan);
    // "incomplete right bundle …" holds "complete right bundle …": mask it where it is meant.
    const std::string without_incomplete =
        std::regex_replace(report, std::regex("incomplete (right bundle branch block|rbbb)"), "");
    for (const auto& [finding, pattern] : patterns) {
      const std::string& text = finding == kCrbbb ? without_incomplete : report;
      EXPECT_EQ(std::regex_search(text, pattern), plan.findings.has(finding)) << info(finding).code << ": " << report;
    }
  }
}

TEST(SynthReport, VariesButRepeatsItsWords) {
  std::set<std::string> reports, words, normal;
  for (const SyntheticPlan& plan : plan_pool()) {
    const std::string report = report_of(plan);
    reports.insert(report);
    if (plan.findings == FindingSet{kNorm, kSr}) normal.insert(std::regex_replace(report, std::regex("[0-9]+"), "#"));
    const std::regex word("[a-z'-]+");
    for (auto it = std::sregex_iterator(report.begin(), report.end(), word); it != std::sregex_iterator(); ++it)
      words.insert(it->str());
  }
  EXPECT_GT(reports.size(), plan_pool().size() / 2);
  EXPECT_GT(normal.size(), 30U);
  EXPECT_LT(words.size(), 250U);
}

TEST(SynthReport, IsLowerCaseWithoutLooseEnds) {
  for (std::size_t i = 0; i < 500; ++i) {
    const std::string report = report_of(plan_pool()[i]);
    EXPECT_FALSE(std::regex_search(report, std::regex("[A-Z{}]|  | \\.|\\.\\.|^ | $"))) << report;
  }
}

TEST(SynthReport, GradesDiagnosesByTheirLikelihood) {
  const std::regex hedge("possible|cannot be excluded|consider |probable|suggest");
  int hedged = 0;
  for (const SyntheticPlan& plan : testing::plans_with({kImi}, 60, {kAsmi, kAmi, kLmi, kLvh, kRvh, kLngqt})) {
    const bool certain = likelihood(plan.patient, kImi) == 100;
    EXPECT_EQ(std::regex_search(report_of(plan), hedge), !certain) << report_of(plan);
    hedged += !certain;
  }
  EXPECT_GT(hedged, 5);
}

TEST(SynthReport, NamesTheRateItHas) {
  const std::regex rate("(rate|at) ([0-9]+)");
  int named = 0;
  for (const SyntheticPlan& plan : testing::plans_with({kSr}, 200)) {
    const std::string report = report_of(plan);
    std::smatch match;
    if (!std::regex_search(report, match, rate)) continue;
    ++named;
    EXPECT_NEAR(std::stod(match[2]), make_rhythm(plan, 10).heart_rate, 0.51);
  }
  EXPECT_GT(named, 30);
}

}  // namespace
}  // namespace deri
