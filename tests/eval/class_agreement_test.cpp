#include "deri/eval/class_agreement.hpp"

#include <cstdint>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

// A judge's classes: the generated one is the true one with probability `kept`, else any.
struct Classes {
  std::vector<int> truth, generated;
};
Classes random_classes(std::size_t records, int classes, double kept, std::uint64_t seed) {
  Rng rng(seed);
  const auto any = [&] { return static_cast<int>(rng.below(static_cast<std::uint64_t>(classes))); };
  Classes result;
  for (std::size_t i = 0; i < records; ++i) {
    result.truth.push_back(any());
    result.generated.push_back(rng.chance(kept) ? result.truth.back() : any());
  }
  return result;
}

// The example of scikit-learn's documentation: cat, dog, pig, cat, dog, pig and cat, pig, dog, cat, cat, dog, for which
// it gives 0.22..., 0.33..., 0.26... .
TEST(ClassAgreement, EqualsTheExampleOfScikitLearn) {
  const ClassAgreement agreement = class_agreement({0, 1, 2, 0, 1, 2}, {0, 2, 1, 0, 0, 1}, 3, {.resamples = 20});
  EXPECT_DOUBLE_EQ(agreement.macro.precision.value, 2.0 / 9);
  EXPECT_DOUBLE_EQ(agreement.macro.recall.value, 1.0 / 3);
  EXPECT_DOUBLE_EQ(agreement.macro.f1.value, 4.0 / 15);
  EXPECT_DOUBLE_EQ(agreement.accuracy.value, 1.0 / 3);
  EXPECT_EQ(agreement.classes, 3U);
  EXPECT_EQ(agreement.reports, 6U);
}

// Of 131 classes four are there. By hand:      true generated both  precision recall F1
//   7: missed once                                3     2       2     1        2/3    4/5
//   9: never generated                            1     0       0     0 (0/0)  0      0
//   100: right, and once for 7                    1     2       1     1/2      1      2/3
//   130: only generated                           0     1       0     0        0 (0/0) 0
TEST(ClassAgreement, AveragesOverClassesOnEitherSide) {
  const ClassAgreement agreement = class_agreement({7, 7, 7, 9, 100}, {7, 7, 100, 130, 100}, 131, {.resamples = 20});
  EXPECT_EQ(agreement.classes, 4U);
  EXPECT_DOUBLE_EQ(agreement.macro.precision.value, 1.5 / 4);
  EXPECT_DOUBLE_EQ(agreement.macro.recall.value, (2.0 / 3 + 1) / 4);
  EXPECT_DOUBLE_EQ(agreement.macro.f1.value, (4.0 / 5 + 2.0 / 3) / 4);
  EXPECT_DOUBLE_EQ(agreement.accuracy.value, 3.0 / 5);
}

// One true report of class 1, given rightly: in a third of the resamples it is not drawn. The class then keeps its F1
// of 1, so macro F1 never falls to that of class 0 alone, and is that of class 0 averaged with 1.
TEST(ClassAgreement, AClassThatAResampleLosesKeepsItsValue) {
  std::vector<int> truth(40, 0), generated(40, 0);
  truth[3] = generated[3] = 1;
  const ClassAgreement perfect = class_agreement(truth, generated, 2, {.resamples = 200});
  EXPECT_EQ(perfect.macro.f1.low, 1);
  EXPECT_EQ(perfect.macro.recall.low, 1);
  EXPECT_EQ(perfect.accuracy.low, 1);

  // Class 2 is generated for half of class 0: recall 1/2 of class 0, in every resample 0 of class 2.
  for (std::size_t i = 20; i < generated.size(); ++i) generated[i] = 2;
  const ClassAgreement half = class_agreement(truth, generated, 3, {.resamples = 500});
  EXPECT_DOUBLE_EQ(half.macro.recall.value, (19.0 / 39 + 1 + 0) / 3);
  EXPECT_GT(half.macro.recall.low, 1.0 / 3);
  EXPECT_LT(half.macro.recall.low, half.macro.recall.value);
  EXPECT_LT(half.macro.recall.high, (0.8 + 1) / 3);
}

TEST(ClassAgreement, IntervalsCoverAndDoNotDependOnThreads) {
  const double expected = 0.6 + 0.4 / 5;
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Classes classes = random_classes(200, 5, 0.6, 100 + seed);
    const Estimate accuracy =
        class_agreement(classes.truth, classes.generated, 5, {.resamples = 200, .seed = seed}).accuracy;
    covered += accuracy.low <= expected && expected <= accuracy.high ? 1 : 0;
  }
  EXPECT_GE(covered, 51);  // 95 % of 60 is 57

  const Classes classes = random_classes(100, 12, 0.5, 3);
  const ClassAgreement one = class_agreement(classes.truth, classes.generated, 12, {.resamples = 100, .threads = 1});
  const ClassAgreement two = class_agreement(classes.truth, classes.generated, 12, {.resamples = 100, .threads = 2});
  EXPECT_EQ(one.macro.f1.low, two.macro.f1.low);
  EXPECT_EQ(one.macro.precision.high, two.macro.precision.high);
  EXPECT_LT(one.macro.f1.low, one.macro.f1.value);
  EXPECT_LT(one.macro.f1.value, one.macro.f1.high);
}

TEST(ClassAgreement, DifferencesArePaired) {
  const Classes good = random_classes(200, 8, 0.7, 7);
  const std::vector<int> reversed(good.generated.rbegin(), good.generated.rend());
  const BootstrapOptions options{.resamples = 200};
  const ClassAgreementDifference difference =
      class_agreement_difference(good.truth, good.generated, reversed, 8, options);
  const ClassAgreement a = class_agreement(good.truth, good.generated, 8, options);
  const ClassAgreement b = class_agreement(good.truth, reversed, 8, options);
  EXPECT_DOUBLE_EQ(difference.macro.f1.value, a.macro.f1.value - b.macro.f1.value);
  EXPECT_DOUBLE_EQ(difference.macro.recall.value, a.macro.recall.value - b.macro.recall.value);
  EXPECT_DOUBLE_EQ(difference.accuracy.value, a.accuracy.value - b.accuracy.value);
  EXPECT_GT(difference.macro.f1.low, 0);
  EXPECT_GT(difference.accuracy.low, 0);

  // One record apart in 200: the paired interval is far narrower than that of either system.
  std::vector<int> nearly = good.generated;
  nearly[5] = (nearly[5] + 1) % 8;
  const Estimate close = class_agreement_difference(good.truth, good.generated, nearly, 8, options).accuracy;
  EXPECT_LT(close.high - close.low, 0.25 * (a.accuracy.high - a.accuracy.low));
  const ClassAgreementDifference none = class_agreement_difference(good.truth, reversed, reversed, 8, options);
  EXPECT_EQ(none.macro.f1.low, 0);
  EXPECT_EQ(none.accuracy.high, 0);
}

TEST(ClassAgreement, RefusesWhatCannotBeScored) {
  EXPECT_DERI_ERROR(class_agreement({0}, {0, 1}, 2),
                    HasSubstr("2 generated reports cannot be compared with those of 1"));
  EXPECT_DERI_ERROR(class_agreement({}, {}, 2), HasSubstr("no reports"));
  EXPECT_DERI_ERROR(class_agreement({0}, {2}, 2), HasSubstr("class 2 of 2"));
  EXPECT_DERI_ERROR(class_agreement({-1}, {0}, 2), HasSubstr("class -1 of 2"));
  EXPECT_DERI_ERROR(class_agreement({0}, {0}, -5), HasSubstr("class 0 of -5"));
  EXPECT_DERI_ERROR(class_agreement({0}, {0}, 1, {.resamples = 0}), HasSubstr("at least 1 resample"));
  EXPECT_DERI_ERROR(class_agreement_difference({0}, {0}, {0, 1}, 2), HasSubstr("give one for each"));
}

}  // namespace
}  // namespace deri
