#include "deri/data/subset.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"

namespace deri {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json figures(const char* key) {
  return load_json(testing::parity_dir() / "metrics_parity.json")[key];
}

std::vector<std::size_t> first(const std::vector<std::size_t>& items, std::size_t count) {
  return {items.begin(), items.begin() + static_cast<std::ptrdiff_t>(std::min(count, items.size()))};
}

TEST(Subset, EqualsScikitLearnsTrainingSubsets) {
  const Json cases = figures("train_test_split_random_state_42");
  ASSERT_GE(cases.size(), 10U);
  for (const auto& [key, expected] : cases.items()) {
    const std::size_t at = key.find('@');
    const std::size_t count = std::stoul(key.substr(0, at));
    const TrainTest split = split_off_train(count, std::stod(key.substr(at + 1)));
    EXPECT_EQ(split.train.size(), expected["n_train"].get<std::size_t>()) << key;
    EXPECT_EQ(split.train.size() + split.test.size(), count);
    EXPECT_EQ(first(split.train, 20), expected["first_train"].get<std::vector<std::size_t>>()) << key;
  }
}

TEST(Subset, EqualsScikitLearnsTestSplit) {
  const Json expected = figures("train_test_split_test_size_0.02");
  const TrainTest split = split_off_test(expected["n"].get<std::size_t>(), 0.02);
  EXPECT_EQ(split.test, expected["val"].get<std::vector<std::size_t>>());
}

TEST(Subset, EveryItemIsOnOneSide) {
  const TrainTest split = split_off_test(101, 0.1, 7);
  EXPECT_EQ(split.test.size(), 11U);  // ceil(10.1)
  std::vector<std::size_t> all = split.train;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  std::vector<std::size_t> expected(101);
  std::iota(expected.begin(), expected.end(), 0U);
  EXPECT_EQ(all, expected);
  EXPECT_NE(numpy_permutation(101, 7), numpy_permutation(101, 8));
  EXPECT_THAT(numpy_permutation(0, 7), ElementsAre());
  EXPECT_THAT(numpy_permutation(1, 7), ElementsAre(0U));
}

TEST(Subset, TakesItemsNotPositions) {
  const std::vector<std::size_t> items = {30, 10, 20, 50, 40};
  EXPECT_EQ(training_subset(items, 1), items);
  const std::vector<std::size_t> some = training_subset(items, 0.4);
  ASSERT_EQ(some.size(), 2U);
  const TrainTest split = split_off_train(5, 0.4);
  EXPECT_THAT(some, ElementsAre(items[split.train[0]], items[split.train[1]]));
}

TEST(Subset, RefusesSharesThatLeaveASideEmpty) {
  for (const double share : {0.0, 1.0, -0.5, 2.0, std::numeric_limits<double>::quiet_NaN(), 1e300}) {
    EXPECT_DERI_ERROR(split_off_test(10, share), HasSubstr("cannot be split"));
    EXPECT_DERI_ERROR(split_off_train(10, share), HasSubstr("cannot be split"));
  }
  EXPECT_DERI_ERROR(split_off_train(10, 0.01), HasSubstr("cannot be split"));
  EXPECT_DERI_ERROR(split_off_test(1, 0.5), HasSubstr("cannot be split"));
  EXPECT_DERI_ERROR(split_off_test(0, 0.5), HasSubstr("cannot be split"));
}

}  // namespace
}  // namespace deri
