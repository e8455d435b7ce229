#include "deri/eval/calibration.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/eval/metrics.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

using Probabilities = std::vector<double>;
using Targets = std::vector<std::uint8_t>;

TEST(Brier, IsTheMeanSquaredError) {
  EXPECT_DOUBLE_EQ(brier_score(Probabilities{1, 0, 0.5, 0.25}, Targets{1, 0, 1, 0}), (0.25 + 0.0625) / 4);
  EXPECT_DOUBLE_EQ(brier_score(Probabilities{0.2, 0.2, 0.2, 0.2, 0.2}, Targets{1, 0, 0, 0, 0}), 0.2 * 0.8);
  EXPECT_TRUE(std::isnan(brier_score(Probabilities{}, Targets{})));
}

TEST(Calibration, BinsAreHalfOpenAndTheLastIsClosed) {
  EXPECT_EQ(calibration_bin(0, 4), 0U);
  EXPECT_EQ(calibration_bin(0.25, 4), 1U);
  EXPECT_EQ(calibration_bin(std::nextafter(0.25, 0), 4), 0U);
  EXPECT_EQ(calibration_bin(1, 4), 3U);
}

TEST(Calibration, CurveAndErrorByHand) {
  // Bins of width 1/2: {0.1, 0.3} with one positive, {0.5, 0.7, 1} with two.
  const Probabilities p = {0.5, 0.1, 1, 0.3, 0.7};
  const Targets t = {0, 0, 1, 1, 1};
  const std::vector<ReliabilityPoint> curve = reliability_curve(p, t, 2);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[0].records, 2U);
  EXPECT_DOUBLE_EQ(curve[0].low, 0);
  EXPECT_DOUBLE_EQ(curve[0].high, 0.5);
  EXPECT_DOUBLE_EQ(curve[0].probability, 0.2);
  EXPECT_DOUBLE_EQ(curve[0].observed, 0.5);
  EXPECT_NEAR(curve[1].probability, 2.2 / 3, 1e-15);
  EXPECT_NEAR(curve[1].observed, 2.0 / 3, 1e-15);
  EXPECT_NEAR(expected_calibration_error(p, t, 2), (2 * 0.3 + 3 * (2.2 / 3 - 2.0 / 3)) / 5, 1e-15);
}

TEST(Calibration, EmptyBinsAreLeftOut) {
  const std::vector<ReliabilityPoint> curve = reliability_curve(Probabilities{0.01, 0.99}, Targets{0, 1}, 10);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_DOUBLE_EQ(curve[1].low, 0.9);
}

TEST(Calibration, ByCountHoldsEqualNumbersAndKeepsTiesTogether) {
  const std::vector<ReliabilityPoint> curve =
      reliability_curve_by_count(Probabilities{0.1, 0.2, 0.2, 0.2, 0.8, 0.9}, Targets{0, 0, 1, 0, 1, 1}, 3);
  ASSERT_EQ(curve.size(), 2U);  // the tie fills the first two
  EXPECT_EQ(curve[0].records, 4U);
  EXPECT_DOUBLE_EQ(curve[0].observed, 0.25);
  EXPECT_EQ(curve[1].records, 2U);
  EXPECT_DOUBLE_EQ(curve[1].low, 0.8);
  Probabilities all;
  Targets targets;
  for (int i = 0; i < 103; ++i) {
    all.push_back(i / 103.0);
    targets.push_back(i % 2 == 0 ? 1 : 0);
  }
  std::size_t records = 0;
  for (const ReliabilityPoint& point : reliability_curve_by_count(all, targets, 10)) {
    EXPECT_NEAR(static_cast<double>(point.records), 10.3, 0.8);
    records += point.records;
  }
  EXPECT_EQ(records, 103U);
  EXPECT_EQ(reliability_curve_by_count(Probabilities{0.3, 0.2}, Targets{0, 1}, 10).size(), 2U);
}

TEST(Calibration, HonestProbabilitiesHaveASmallErrorAndShiftedOnesTheirShift) {
  Rng rng(1);
  Probabilities honest, shifted;
  Targets targets;
  for (int i = 0; i < 200000; ++i) {
    honest.push_back(rng.uniform(0.1, 0.8));
    shifted.push_back(honest.back() + 0.15);
    targets.push_back(rng.chance(honest.back()) ? 1 : 0);
  }
  EXPECT_LT(expected_calibration_error(honest, targets), 0.006);
  EXPECT_NEAR(expected_calibration_error(shifted, targets), 0.15, 0.004);
}

TEST(Calibration, RefusesWhatIsNoProbability) {
  EXPECT_DERI_ERROR(brier_score(Probabilities{0.5, 1.5}, Targets{0, 1}), HasSubstr("1 of 2 scores are no prob"));
  EXPECT_DERI_ERROR(brier_score(Probabilities{std::nan("")}, Targets{0}), HasSubstr("1 of 1"));
  EXPECT_DERI_ERROR(reliability_curve(Probabilities{-0.1}, Targets{0}), HasSubstr("outside 0 to 1"));
  EXPECT_DERI_ERROR(reliability_curve(Probabilities{0.1}, Targets{0}, 0), HasSubstr("at least one bin"));
}

TEST(Platt, FindsTheLineThatMadeTheData) {
  // Targets are positive with probability 1 / (1 + exp(-(3 s - 1))).
  Rng rng(2);
  ScoredLabels data{{"A"}, {}, {}};
  for (int i = 0; i < 100000; ++i) {
    const double score = rng.normal(0.2, 1);
    data.scores.push_back(score);
    data.targets.push_back(rng.chance(1 / (1 + std::exp(-(3 * score - 1)))) ? 1 : 0);
  }
  const ScoredLabels scaled = platt_scaled(data, data);
  EXPECT_TRUE(scaled.probabilities);
  for (const std::size_t i : {std::size_t{0}, std::size_t{77}, std::size_t{1234}})
    EXPECT_NEAR(std::log(scaled.scores[i] / (1 - scaled.scores[i])), 3 * data.scores[i] - 1,
                0.06 * (1 + std::abs(data.scores[i])));
  EXPECT_LT(expected_calibration_error(scaled.scores, scaled.targets), 0.006);
  EXPECT_DOUBLE_EQ(auroc(scaled.scores, scaled.targets), auroc(data.scores, data.targets));
}

TEST(Platt, AConstantWhereThereIsNothingToLearn) {
  const ScoredLabels validation{
      {"one class", "tied", "inverted"}, {1, 5, 4, 2, 5, 3, 3, 5, 2, 4, 5, 1}, {0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1}};
  const ScoredLabels scored{{"one class", "tied", "inverted"}, {-1, 0, 9, 7, 3, 0}, {0, 1, 0, 1, 0, 1}};
  const ScoredLabels scaled = platt_scaled(scored, validation);
  EXPECT_DOUBLE_EQ(scaled.scores[0], 0.5 / 5);
  EXPECT_DOUBLE_EQ(scaled.scores[3], scaled.scores[0]);
  EXPECT_DOUBLE_EQ(scaled.scores[1], 2.5 / 5);
  EXPECT_DOUBLE_EQ(scaled.scores[2], 2.5 / 5);
}

TEST(Platt, ASeparableLabelStaysFinite) {
  const ScoredLabels validation{{"A"}, {1, 2, 3, 4}, {0, 0, 1, 1}};
  const ScoredLabels scaled = platt_scaled(validation, validation);
  EXPECT_GT(scaled.scores[3], 0.6);
  EXPECT_LT(scaled.scores[3], 0.9);  // Platt's targets: 3/4 and 1/4
}

TEST(Platt, RefusesOtherLabelsAndDamage) {
  const ScoredLabels a{{"A"}, {1, 2}, {0, 1}}, b{{"B"}, {1, 2}, {0, 1}}, none{{"A"}, {}, {}};
  EXPECT_DERI_ERROR(platt_scaled(a, b), HasSubstr("other labels"));
  EXPECT_DERI_ERROR(platt_scaled(a, none), HasSubstr("no validation records"));
  ScoredLabels damaged = a;
  damaged.scores[0] = std::numeric_limits<double>::infinity();
  EXPECT_DERI_ERROR(platt_scaled(damaged, a), HasSubstr("label A: 1 of 2"));
}

}  // namespace
}  // namespace deri
