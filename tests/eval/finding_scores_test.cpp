#include "deri/eval/finding_scores.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using enum ReportFinding;
using ::testing::HasSubstr;

const FindingExtractor& extractor() {
  static const FindingExtractor instance;
  return instance;
}

std::vector<ReportFindings> findings_of(const std::vector<std::string>& reports) {
  return extract_findings(extractor(), reports, 2);
}

// Every finding present with its own probability in the truth; of these `kept` are generated, and some others.
struct Sets {
  std::vector<ReportFindings> truth, generated;
};
Sets random_sets(std::size_t reports, double kept, double added, std::uint64_t seed) {
  Rng rng(seed);
  Sets sets;
  for (std::size_t i = 0; i < reports; ++i) {
    ReportFindings truth, generated;
    for (const ReportFindingInfo& row : report_finding_table()) {
      const bool present = rng.chance(static_cast<std::size_t>(row.finding) % 7 == 0 ? 0.3 : 0.05);
      if (present) truth.note(row.finding, FindingStatus::kPresent);
      if (rng.chance(present ? kept : added)) generated.note(row.finding, FindingStatus::kPresent);
    }
    sets.truth.push_back(truth);
    sets.generated.push_back(generated);
  }
  return sets;
}

TEST(FindingScores, ByHand) {
  // sinus rhythm 2 of 2 and one too many, inferior infarct 1 of 2, LVH made up, long QT missed.
  const FindingScores scores =
      score_findings(findings_of({"sinus rhythm. inferior infarct.", "sinus rhythm. possible inferior infarct.",
                                  "atrial fibrillation. prolonged qt."}),
                     findings_of({"sinus rhythm. probable inferior infarct.", "sinus rhythm. lvh.",
                                  "sinus rhythm. no prolonged qt. atrial fibrillation."}),
                     {.bootstrap = {.resamples = 20}});
  ASSERT_EQ(scores.findings.size(), 5U);
  EXPECT_EQ(scores.reports, 3U);
  const FindingScore &rhythm = scores.findings[0], &fibrillation = scores.findings[1], &lvh = scores.findings[2],
                     &infarct = scores.findings[3], &qt = scores.findings[4];
  EXPECT_EQ(rhythm.finding, kSinusRhythm);
  EXPECT_EQ(rhythm.true_reports, 2U);
  EXPECT_EQ(rhythm.generated_reports, 3U);
  EXPECT_EQ(rhythm.both, 2U);
  EXPECT_DOUBLE_EQ(rhythm.score.f1.value, 0.8);
  EXPECT_EQ(fibrillation.score.f1.value, 1);
  EXPECT_EQ(lvh.finding, kLeftVentricularHypertrophy);
  EXPECT_TRUE(std::isnan(lvh.score.f1.value));
  EXPECT_DOUBLE_EQ(infarct.score.precision.value, 1);
  EXPECT_DOUBLE_EQ(infarct.score.recall.value, 0.5);
  EXPECT_EQ(qt.score.f1.value, 0);
  EXPECT_EQ(qt.score.precision.value, 0);
  // Of 6 true and 6 generated, 4 agree.
  EXPECT_DOUBLE_EQ(scores.micro.precision.value, 4.0 / 6);
  EXPECT_DOUBLE_EQ(scores.micro.recall.value, 4.0 / 6);
  EXPECT_DOUBLE_EQ(scores.micro.f1.value, 4.0 / 6);
  EXPECT_DOUBLE_EQ(scores.macro.f1.value, (0.8 + 1 + 2.0 / 3 + 0) / 4);
  EXPECT_DOUBLE_EQ(scores.macro.recall.value, (1 + 1 + 0.5 + 0) / 4);
}

TEST(FindingScores, PresentOnlyLeavesOutWhatIsUncertain) {
  const auto truth = findings_of({"possible inferior infarct. sinus rhythm."});
  const auto generated = findings_of({"inferior infarct. sinus rhythm."});
  EXPECT_EQ(score_findings(truth, generated, {.bootstrap = {.resamples = 2}}).micro.f1.value, 1);
  const FindingScores strict = score_findings(truth, generated, {.present_only = true, .bootstrap = {.resamples = 2}});
  EXPECT_DOUBLE_EQ(strict.micro.precision.value, 0.5);
  EXPECT_DOUBLE_EQ(strict.micro.recall.value, 1);
}

TEST(FindingScores, SameReportsScoreOneAndEmptyOnesNothing) {
  const Sets sets = random_sets(50, 1, 0, 1);
  const FindingScores same = score_findings(sets.truth, sets.truth, {.bootstrap = {.resamples = 30}});
  EXPECT_EQ(same.micro.f1.low, 1);
  EXPECT_EQ(same.macro.f1.value, 1);
  const FindingScores silent =
      score_findings(sets.truth, std::vector<ReportFindings>(50), {.bootstrap = {.resamples = 30}});
  EXPECT_EQ(silent.micro.f1.value, 0);
  EXPECT_EQ(silent.macro.precision.value, 0);
  const std::vector<ReportFindings> nothing(3);
  EXPECT_TRUE(std::isnan(score_findings(nothing, nothing, {.bootstrap = {.resamples = 3}}).micro.f1.value));
  EXPECT_TRUE(std::isnan(score_findings(nothing, nothing, {.bootstrap = {.resamples = 3}}).macro.f1.low));
}

// Micro F1 lies between precision and recall, and the interval is as wide as repetition makes it.
TEST(FindingScores, IntervalsCoverAndDoNotDependOnThreads) {
  const double kept = 0.7;
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Sets sets = random_sets(120, kept, 0.02, 100 + seed);
    const Estimate recall =
        score_findings(sets.truth, sets.generated, {.bootstrap = {.resamples = 200, .seed = seed}}).micro.recall;
    covered += recall.low <= kept && kept <= recall.high ? 1 : 0;
  }
  EXPECT_GE(covered, 51);  // 95 % of 60 is 57

  const Sets sets = random_sets(100, kept, 0.02, 5);
  const FindingScores one = score_findings(sets.truth, sets.generated, {.bootstrap = {.resamples = 100, .threads = 1}});
  const FindingScores two = score_findings(sets.truth, sets.generated, {.bootstrap = {.resamples = 100, .threads = 2}});
  EXPECT_EQ(one.macro.f1.low, two.macro.f1.low);
  EXPECT_EQ(one.micro.f1.high, two.micro.f1.high);
  EXPECT_LT(one.micro.f1.low, one.micro.f1.value);
  EXPECT_LT(one.micro.f1.value, one.micro.f1.high);
}

TEST(FindingScores, DifferencesArePaired) {
  const Sets good = random_sets(200, 0.9, 0.01, 7);
  const std::vector<ReportFindings> shuffled(good.generated.rbegin(), good.generated.rend());
  const FindingDifference difference =
      finding_score_difference(good.truth, good.generated, shuffled, {.bootstrap = {.resamples = 100}});
  EXPECT_GT(difference.micro.f1.low, 0);
  EXPECT_GT(difference.macro.f1.low, 0);
  const FindingScores a = score_findings(good.truth, good.generated, {.bootstrap = {.resamples = 1}});
  const FindingScores b = score_findings(good.truth, shuffled, {.bootstrap = {.resamples = 1}});
  EXPECT_DOUBLE_EQ(difference.micro.f1.value, a.micro.f1.value - b.micro.f1.value);
  EXPECT_DOUBLE_EQ(difference.macro.recall.value, a.macro.recall.value - b.macro.recall.value);
  const FindingDifference none =
      finding_score_difference(good.truth, shuffled, shuffled, {.bootstrap = {.resamples = 20}});
  EXPECT_EQ(none.micro.f1.low, 0);
  EXPECT_EQ(none.macro.f1.high, 0);
}

TEST(FindingScores, RefusesWhatCannotBeScored) {
  const std::vector<ReportFindings> one(1), two(2), none;
  EXPECT_DERI_ERROR(score_findings(one, two), HasSubstr("2 generated reports cannot be compared with those of 1"));
  EXPECT_DERI_ERROR(score_findings(none, none), HasSubstr("no reports"));
  EXPECT_DERI_ERROR(finding_score_difference(one, one, two), HasSubstr("give one for each"));
  EXPECT_DERI_ERROR(score_findings(one, one, {.bootstrap = {.resamples = 0}}), HasSubstr("at least 1 resample"));
}

}  // namespace
}  // namespace deri
