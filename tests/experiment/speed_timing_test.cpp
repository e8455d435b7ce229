#include "deri/experiment/speed_timing.hpp"

#include <algorithm>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::DoubleEq;
using ::testing::Each;

// Time passes only as the alternatives say; who ran when is written down.
class SpeedTiming : public ::testing::Test {
 protected:
  Alternative takes(const std::string& name, double seconds) {
    return {.name = name, .run = [this, name, seconds] {
              now_ += seconds;
              trace_ += name;
            }};
  }
  std::vector<Timing> time(const std::vector<Alternative>& alternatives, const TimingPlan& plan) {
    TimingEnvironment environment;
    environment.now = [this] { return now_; };
    environment.before_turn = [this] {
      now_ += 0.25;
      trace_ += ' ';
    };
    environment.reset_memory = [this] { memory_ = 0; };
    environment.peak_memory = [this] { return std::optional<double>(100 + now_); };
    return time_alternatives(alternatives, plan, environment);
  }

  double now_ = 0, memory_ = -1;
  std::string trace_;
};

TEST_F(SpeedTiming, TakesTurnsAndRepeatsWhatIsFast) {
  // A round's share of each is 24 / (2 * 4) = 3 s: one of 2 s fits, and three of 1 s.
  const auto timings = time({takes("a", 2), takes("b", 1)}, {.seconds = 24, .rounds = 4});
  EXPECT_EQ(trace_, "ab a bbb a bbb a bbb a bbb");
  EXPECT_EQ(timings[0].seconds.size(), 4U);
  EXPECT_EQ(timings[1].seconds.size(), 12U);
  EXPECT_THAT(timings[0].seconds, Each(DoubleEq(2)));  // what happens before a turn is not counted
  EXPECT_THAT(timings[1].seconds, Each(DoubleEq(1)));
}

TEST_F(SpeedTiming, OneWholeRoundHoweverLongItTakes) {
  const auto timings = time({takes("a", 50), takes("b", 1)}, {.seconds = 8, .rounds = 4});
  EXPECT_EQ(trace_, "ab a b");
  EXPECT_EQ(timings[0].seconds.size(), 1U);
}

TEST_F(SpeedTiming, GoesOnUntilEachHasTheLeast) {
  const auto timings = time({takes("a", 50), takes("b", 1)}, {.seconds = 8, .rounds = 4, .least = 3});
  EXPECT_EQ(trace_, "ab a b a b a b");
  EXPECT_EQ(timings[1].seconds.size(), 3U);
}

TEST_F(SpeedTiming, StopsAtTheMost) {
  const auto timings = time({takes("a", 1), takes("b", 0.125)}, {.seconds = 80, .rounds = 4, .most = 5});
  EXPECT_EQ(trace_, "ab aaaaa bbbbb");
  EXPECT_EQ(timings[0].seconds.size(), 5U);
}

TEST_F(SpeedTiming, WarmsUpInAnotherWayIfToldTo) {
  Alternative slow = takes("a", 50);
  slow.warm_up = takes("w", 1).run;
  time({slow}, {.seconds = 8});
  EXPECT_EQ(trace_, "w a");
}

TEST_F(SpeedTiming, SettlesBeforeItCounts) {
  const auto timings = time({takes("a", 2), takes("b", 1)}, {.seconds = 24, .rounds = 4, .settle = true});
  EXPECT_EQ(trace_.substr(0, 11), "ab aa bbbb ");
  EXPECT_THAT(timings[0].seconds, Each(DoubleEq(2)));
  EXPECT_EQ(timings[1].seconds.size() % 3, 0U);
}

TEST_F(SpeedTiming, PeakMemoryIsTheHighestOfTheTurns) {
  const auto timings = time({takes("a", 2), takes("b", 1)}, {.seconds = 24, .rounds = 4});
  EXPECT_EQ(memory_, 0);                                  // reset before the last turn
  EXPECT_DOUBLE_EQ(*timings[1].peak_memory, 100 + now_);  // which ended last
  EXPECT_DOUBLE_EQ(*timings[0].peak_memory, 100 + now_ - 3.25);
}

TEST(SpeedTimings, QuantilesAndSpread) {
  const Timing timing{.seconds = {4, 1, 3, 2, 5}, .peak_memory = {}};
  EXPECT_DOUBLE_EQ(timing.median(), 3);
  EXPECT_DOUBLE_EQ(timing.quantile(0.99), 4.96);
  EXPECT_DOUBLE_EQ(timing.spread(), 2.0 / 3);
  EXPECT_DOUBLE_EQ((Timing{.seconds = {7}, .peak_memory = {}}.spread()), 0);
  EXPECT_THROW(Timing{}.median(), InternalError);
}

}  // namespace
}  // namespace deri
