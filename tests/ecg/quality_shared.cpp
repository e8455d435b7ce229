// Rates over PTB-XL: suspicions must be rare in recordings made with care, and find electrodes exchanged on purpose.

#include <algorithm>

#include "testing/testing.hpp"

#include "deri/ecg/quality.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

std::vector<float>& samples(Recording& recording, const char* name) {
  for (Lead& lead : recording.leads)
    if (lead.name == name) return lead.samples;
  throw std::out_of_range(name);
}

bool has(const QualityReport& report, LeadSwap swap) {
  return std::count(report.swaps.begin(), report.swaps.end(), swap) > 0;
}

// Upright by far, so that a reader would notice it upside down.
bool clearly_positive(std::vector<float> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  const float level = *middle;
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  return *high - level > 0.3F && *high - level > 2 * (level - *low);
}

TEST(QualityShared, PtbXl) {
  std::size_t records = 0, arms = 0, other_swaps = 0, contradictions = 0, no_rate = 0, upright = 0, found = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(testing::shared_dir() / "data" / "ptbxl" / "records100")) {
    if (entry.path().extension() != ".hea") continue;
    Recording recording = read_wfdb(entry.path());
    const QualityReport report = assess_quality(recording);
    ++records;
    arms += has(report, LeadSwap::kArms) ? 1 : 0;
    other_swaps += report.swaps.empty() || has(report, LeadSwap::kArms) ? 0 : 1;
    contradictions +=
        std::any_of(report.limb.begin(), report.limb.end(), [](const auto& x) { return x.too_large; }) ? 1 : 0;
    no_rate += report.heart_rate ? 0 : 1;
    if (has(report, LeadSwap::kArms) || !clearly_positive(samples(recording, "I"))) continue;
    ++upright;
    for (float& sample : samples(recording, "I")) sample = -sample;
    std::swap(samples(recording, "II"), samples(recording, "III"));
    std::swap(samples(recording, "aVR"), samples(recording, "aVL"));
    found += has(assess_quality(recording), LeadSwap::kArms) ? 1 : 0;
  }
  ASSERT_GT(records, 1000U);
  // Measured: 1 and 1 of 1,899; none; none; 1,398 of 1,496.
  EXPECT_LE(arms, records / 100);
  EXPECT_LE(other_swaps, records / 100);
  EXPECT_EQ(contradictions, 0U);
  EXPECT_EQ(no_rate, 0U);
  EXPECT_GT(upright, records / 2);
  EXPECT_GE(10 * found, 9 * upright) << found << " of " << upright;
}

}  // namespace
}  // namespace deri
