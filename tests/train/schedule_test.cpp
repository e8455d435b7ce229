#include "deri/train/schedule.hpp"

#include <cmath>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

TEST(Schedule, CosineRestartsAsPublished) {
  ScheduleConfig schedule;
  schedule.kind = "cosine-restarts";
  schedule.restart_steps = 5000;
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1e-3, 0, 100'000), 1e-3);
  EXPECT_NEAR(learning_rate(schedule, 1e-3, 2500, 100'000), (1e-3 + 1e-8) / 2, 1e-15);
  EXPECT_NEAR(learning_rate(schedule, 1e-3, 1250, 100'000), 1e-8 + (1e-3 - 1e-8) * (1 + std::sqrt(0.5)) / 2, 1e-15);
  EXPECT_LT(learning_rate(schedule, 1e-3, 4999, 100'000), 2e-8);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1e-3, 5000, 100'000), 1e-3);
}

TEST(Schedule, WarmupThenOneCosineToTheEnd) {
  ScheduleConfig schedule;
  schedule.warmup_steps = 10;
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1.0, 0, 110), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1.0, 9, 110), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1.0, 10, 110), 1.0);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 60, 110), 0.5, 1e-7);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 110, 110), 1e-8, 1e-12);
}

TEST(Schedule, BadSettingsAreNamed) {
  ScheduleConfig schedule;
  schedule.kind = "cosin";
  EXPECT_DERI_ERROR(validate(schedule), HasSubstr("'cosin'"));
  schedule.kind = "constant";
  schedule.restart_steps = 0;
  EXPECT_DERI_ERROR(validate(schedule), HasSubstr("restart_steps"));
}

}  // namespace
}  // namespace deri
