#include "deri/ecg/synth_plan.hpp"

#include <array>
#include <map>
#include <set>

#include "ecg/synth_testing.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using enum Finding;
using testing::plan_pool;

std::map<Finding, int> counts(const std::vector<SyntheticPlan>& plans) {
  std::map<Finding, int> result;
  for (const SyntheticPlan& plan : plans)
    for (const Finding finding : plan.findings.list()) ++result[finding];
  return result;
}

TEST(SynthPlan, EveryFindingIsCommonEnough) {
  const auto count = counts(plan_pool());
  for (const FindingInfo& row : finding_table()) {
    ASSERT_TRUE(count.contains(row.finding)) << row.code;
    EXPECT_GE(count.at(row.finding), 30) << row.code;  // 1.5 %
  }
  EXPECT_NEAR(count.at(kNorm) / 2000.0, 0.38, 0.05);
}

TEST(SynthPlan, FindingsGoTogether) {
  for (const SyntheticPlan& plan : plan_pool()) {
    const auto findings = plan.findings.list();
    for (const Finding a : findings)
      for (const Finding b : findings)
        EXPECT_TRUE(a == b || compatible(a, b)) << plan.ecg_id << " " << info(a).code << " " << info(b).code;
    EXPECT_TRUE(plan.findings.has_any({kSr, kStach, kSbrad, kSarrh, kAfib, kAflt, kPace})) << plan.ecg_id;
  }
}

TEST(SynthPlan, RecordsAreNumberedByDate) {
  EXPECT_EQ(plan_pool().front().ecg_id, 1);
  for (std::size_t i = 1; i < plan_pool().size(); ++i) {
    EXPECT_EQ(plan_pool()[i].ecg_id, static_cast<std::int64_t>(i) + 1);
    EXPECT_LE(plan_pool()[i - 1].date, plan_pool()[i].date);
  }
}

TEST(SynthPlan, APatientKeepsSexAnatomyAndChronicFindings) {
  std::map<std::int64_t, const SyntheticPlan*> first;
  int again = 0;
  for (const SyntheticPlan& plan : plan_pool()) {
    for (const Finding finding : plan.patient.chronic.list()) EXPECT_TRUE(plan.findings.has(finding)) << plan.ecg_id;
    const auto [entry, is_first] = first.emplace(plan.patient.id, &plan);
    if (is_first) continue;
    ++again;
    const SyntheticPlan& earlier = *entry->second;
    EXPECT_EQ(earlier.patient.female, plan.patient.female);
    EXPECT_EQ(earlier.patient.frontal_rotation, plan.patient.frontal_rotation);
    EXPECT_LE(earlier.age, plan.age);
    EXPECT_NE(earlier.seed, plan.seed);
  }
  EXPECT_GT(again, 500);
}

TEST(SynthPlan, FoldsAreDisjointByPatientAndBalanced) {
  std::map<std::int64_t, int> fold_of;
  std::array<int, 11> sizes{};
  std::map<Finding, std::array<int, 11>> positives;
  for (const SyntheticPlan& plan : plan_pool()) {
    ASSERT_TRUE(plan.fold >= 1 && plan.fold <= 10);
    EXPECT_EQ(fold_of.emplace(plan.patient.id, plan.fold).first->second, plan.fold);
    ++sizes[static_cast<std::size_t>(plan.fold)];
    for (const Finding finding : plan.findings.list()) ++positives[finding][static_cast<std::size_t>(plan.fold)];
  }
  for (std::size_t fold = 1; fold <= 10; ++fold) {
    EXPECT_NEAR(sizes[fold], 200, 10);
    for (const auto& [finding, of] : positives) EXPECT_GE(of[fold], 2) << info(finding).code << " in fold " << fold;
  }
}

TEST(SynthPlan, DependsOnTheSeedAlone) {
  const auto again = plan_synthetic(300, 7), other = plan_synthetic(300, 8);
  const auto once = plan_synthetic(300, 7);
  bool differs = false;
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(once[i].seed, again[i].seed);
    EXPECT_EQ(once[i].findings, again[i].findings);
    EXPECT_EQ(once[i].fold, again[i].fold);
    differs = differs || once[i].findings != other[i].findings;
  }
  EXPECT_TRUE(differs);
}

TEST(SynthPlan, MakesAsManyAsAskedFor) {
  EXPECT_EQ(plan_synthetic(1, 3).size(), 1U);
  EXPECT_EQ(plan_synthetic(37, 3).size(), 37U);
  EXPECT_DERI_ERROR(plan_synthetic(0, 3), ::testing::HasSubstr("at least one record"));
}

TEST(SynthPlan, LikelihoodFallsWithSeverity) {
  std::set<double> seen;
  for (const SyntheticPlan& plan : plan_pool()) {
    const double marked = severity(plan.patient, kImi), percent = likelihood(plan.patient, kImi);
    EXPECT_TRUE(marked >= 0.6 && marked < 1);
    EXPECT_EQ(percent == 50, marked <= 0.65);
    EXPECT_EQ(percent == 100, marked > 0.72);
    seen.insert(percent);
  }
  EXPECT_EQ(seen, (std::set<double>{50, 80, 100}));
}

}  // namespace
}  // namespace deri
