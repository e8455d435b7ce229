#include "deri/ecg/synth_findings.hpp"

#include <set>
#include <string>

#include "testing/testing.hpp"

namespace deri {
namespace {

using enum Finding;

TEST(SynthFindings, TableFollowsTheEnumerationAndEveryCodeHasAKind) {
  std::set<std::string> codes;
  for (std::size_t i = 0; i < kFindings; ++i) {
    const FindingInfo& row = finding_table()[i];
    EXPECT_EQ(static_cast<std::size_t>(row.finding), i) << row.code;
    EXPECT_TRUE(row.diagnostic || row.form || row.rhythm) << row.code;
    EXPECT_EQ(row.diagnostic, !row.diagnostic_class.empty()) << row.code;
    EXPECT_EQ(row.diagnostic, !row.diagnostic_subclass.empty()) << row.code;
    EXPECT_FALSE(row.description.empty());
    codes.emplace(row.code);
  }
  EXPECT_EQ(codes.size(), kFindings);
  for (const char* code : {"SR",    "STACH", "SBRAD", "SARRH", "AFIB", "AFLT",  "PAC",   "PVC", "PACE", "1AVB",
                           "CLBBB", "CRBBB", "IRBBB", "LAFB",  "LPFB", "WPW",   "LVH",   "RVH", "AMI",  "ASMI",
                           "IMI",   "LMI",   "STD_",  "INVT",  "NDT",  "LNGQT", "LVOLT", "NORM"})
    EXPECT_TRUE(codes.contains(code)) << code;
}

TEST(SynthFindings, CompatibilityIsMutual) {
  for (const FindingInfo& a : finding_table())
    for (const FindingInfo& b : finding_table())
      EXPECT_EQ(compatible(a.finding, b.finding), compatible(b.finding, a.finding)) << a.code << " " << b.code;
}

TEST(SynthFindings, NormalGoesWithSinusRhythmsOnly) {
  for (const FindingInfo& row : finding_table()) {
    const bool sinus = FindingSet{kNorm, kSr, kStach, kSbrad, kSarrh}.has(row.finding);
    EXPECT_EQ(compatible(kNorm, row.finding), sinus) << row.code;
  }
}

TEST(SynthFindings, WhatHidesAFindingExcludesIt) {
  EXPECT_FALSE(compatible(kClbbb, kImi));
  EXPECT_FALSE(compatible(kAfib, kAvb1));
  EXPECT_FALSE(compatible(kSr, kAfib));
  EXPECT_FALSE(compatible(kLvh, kLvolt));
  EXPECT_TRUE(compatible(kCrbbb, kLafb));
  EXPECT_TRUE(compatible(kPace, kAfib));
  EXPECT_FALSE(compatible(kLafb, FindingSet{kCrbbb, kLpfb}));
  EXPECT_TRUE(compatible(kLafb, FindingSet{kCrbbb, kSr}));
}

TEST(FindingSet, ListsInTheOrderOfTheEnumeration) {
  FindingSet set{kSr, kNorm, kPac};
  EXPECT_EQ(set.list(), (std::vector<Finding>{kNorm, kPac, kSr}));
  set.remove(kPac);
  EXPECT_EQ(set.size(), 2U);
  EXPECT_FALSE(set.has_any({kPac, kPvc}));
  EXPECT_TRUE(FindingSet{}.empty());
}

}  // namespace
}  // namespace deri
