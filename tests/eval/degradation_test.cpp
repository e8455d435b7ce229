#include "deri/eval/degradation.hpp"

#include <cmath>

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

double deviation(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / n - sum / n * (sum / n));
}

TEST(LeadSubset, HoldsLeadsThereAre) {
  for (const std::int64_t count : {12, 8, 6, 4, 3, 2, 1}) {
    const std::vector<std::string> leads = lead_subset(count);
    EXPECT_EQ(leads.size(), static_cast<std::size_t>(count));
    EXPECT_THAT(leads, ::testing::IsSubsetOf(standard_leads()));
  }
  EXPECT_THAT(lead_subset(2), ElementsAre("I", "II"));
  EXPECT_DERI_ERROR(lead_subset(5), HasSubstr("5 leads"));
}

TEST(Degrade, LeavesNothingOfALeadThatIsGone) {
  std::vector<float> ecg(30, 0.5F);
  degrade({{"II"}, 0}, {"I", "II", "V1"}, ecg, 1);
  EXPECT_THAT(std::vector<float>(ecg.begin(), ecg.begin() + 10), Each(0.0F));
  EXPECT_THAT(std::vector<float>(ecg.begin() + 10, ecg.begin() + 20), Each(0.5F));
  EXPECT_THAT(std::vector<float>(ecg.begin() + 20, ecg.end()), Each(0.0F));
}

TEST(Degrade, AddsNoiseInProportionToEachLead) {
  constexpr std::size_t kSamples = 20'000;
  std::vector<float> clean(2 * kSamples);
  for (std::size_t t = 0; t < kSamples; ++t) {
    clean[t] = static_cast<float>(std::sin(0.05 * static_cast<double>(t)));
    clean[kSamples + t] = 3 + 10 * clean[t];
  }
  std::vector<float> noisy = clean;
  degrade({{"I", "II"}, 0.25}, {"I", "II"}, noisy, 1);
  std::vector<float> noise(noisy.size());
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = noisy[i] - clean[i];
  const std::span<const float> all(noise), signal(clean);
  for (const std::size_t first : {std::size_t{0}, kSamples}) {
    const double expected = 0.25 * deviation(signal.subspan(first, kSamples));
    EXPECT_NEAR(deviation(all.subspan(first, kSamples)), expected, 0.03 * expected);
  }
  std::vector<float> again = clean, other = clean;
  degrade({{"I", "II"}, 0.25}, {"I", "II"}, again, 1);
  degrade({{"I", "II"}, 0.25}, {"I", "II"}, other, 2);
  EXPECT_EQ(again, noisy);
  EXPECT_NE(other, noisy);
}

TEST(Degrade, LeavesAFlatLeadFlat) {
  std::vector<float> ecg(10, 0.0F);
  degrade({{"I"}, 0.25}, {"I"}, ecg, 1);
  EXPECT_THAT(ecg, Each(0.0F));
}

}  // namespace
}  // namespace deri
