#include "deri/experiment/speed_report.hpp"

#include <cmath>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

SpeedWorkload workload() {
  SpeedRow reference;
  reference.name = "reference float32";
  reference.reference = true;
  reference.work = 16;
  reference.operations = 32e9;
  reference.difference = 0;
  reference.timing = {.seconds = {8, 8, 8}, .peak_memory = 1024.0 * 1024 * 1000};
  SpeedRow ours = reference;
  ours.name = "ours bfloat16";
  ours.type = NumberType::kBfloat16;
  ours.reference = false;
  ours.timing = {.seconds = {0.1, 0.2, 0.4}, .peak_memory = 1024.0 * 1024 * 400};
  ours.difference = 1.2e-5;
  ours.extra = 0.02;
  ours.note = "read this";
  ours.goals = {{SpeedQuantity::kRatio, 35},        {SpeedQuantity::kCeilingShare, 0.3}, {SpeedQuantity::kTail, 2},
                {SpeedQuantity::kMemoryRatio, 0.5}, {SpeedQuantity::kSeconds, 0.1},      {SpeedQuantity::kExtra, 0.05}};
  SpeedWorkload result;
  result.key = "train";
  result.title = "pre-training step, batch 16";
  result.unit = "records";
  result.difference_of = "loss terms";
  result.extra_name = "loader_wait_share";
  result.rows = {reference, ours};
  result.ceiling_float32 = 400e9;
  result.ceiling_bfloat16 = 800e9;
  return result;
}

TEST(SpeedReport, ValuesOfGoals) {
  const SpeedWorkload measured = workload();
  const SpeedRow& ours = measured.rows[1];
  EXPECT_DOUBLE_EQ(ours.rate(), 80);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kRatio, ours, measured), 40);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kCeilingShare, ours, measured), 0.2);               // 160 of 800 GFLOP/s
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kCeilingShare, measured.rows[0], measured), 0.01);  // 4 of 400
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kTail, ours, measured), 0.396 / 0.2);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kMemoryRatio, ours, measured), 0.4);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kSeconds, ours, measured), 0.2);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kExtra, ours, measured), 0.02);
}

TEST(SpeedReport, TheReferenceAsItStartsIsAnother) {
  SpeedWorkload measured = workload();
  EXPECT_FALSE(value_of(SpeedQuantity::kStartedRatio, measured.rows[1], measured));
  SpeedRow started = measured.rows[0];
  started.name = "reference, as it starts";
  started.reference = false;
  started.started = true;
  started.timing.seconds = {16};
  measured.rows.push_back(started);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kRatio, measured.rows[1], measured), 40);
  EXPECT_DOUBLE_EQ(*value_of(SpeedQuantity::kStartedRatio, measured.rows[1], measured), 80);
  EXPECT_EQ(goal_text({SpeedQuantity::kStartedRatio, 90}, measured.rows[1], measured),
            "ratio to the reference as it starts >= 90: missed (80.0)");
}

TEST(SpeedReport, GoalsInWords) {
  SpeedWorkload measured = workload();
  const auto text = [&](std::size_t goal) {
    return goal_text(measured.rows[1].goals[goal], measured.rows[1], measured);
  };
  EXPECT_EQ(text(0), "ratio >= 35: met (40.0)");
  EXPECT_EQ(text(1), "share of the ceiling >= 0.3: missed (0.200)");
  EXPECT_EQ(text(2), "99th percentile over median <= 2: met (1.98)");
  EXPECT_EQ(text(3), "memory over the reference's <= 0.5: met (0.400)");
  EXPECT_EQ(text(4), "seconds <= 0.1: missed (0.200)");
  EXPECT_EQ(text(5), "loader_wait_share <= 0.05: met (0.020)");
  measured.ceiling_bfloat16.reset();
  EXPECT_EQ(text(1), "share of the ceiling >= 0.3: not measured");
  measured.rows[0].reference = false;
  EXPECT_EQ(text(0), "ratio >= 35: not measured");
}

TEST(SpeedReport, Table) {
  SpeedReport report;
  report.machine = {{"processor", "a fast one"}, {"threads", 2}};
  report.workloads = {workload()};
  const std::string text = to_text(report);
  EXPECT_THAT(text, AllOf(HasSubstr("processor: a fast one\nthreads: 2\n"), HasSubstr("400 GFLOP/s"),
                          HasSubstr("pre-training step, batch 16\n"), HasSubstr("records/s")));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        "  reference float32 +2.00 +0 % +1 +4.00 +1 % +1000 +0.000\n"
                        "  ours bfloat16 +80.0 +75 % +40.0 +160 +20 % +400 +1.2e-05   ratio >= 35: met \\(40.0\\); "));
  EXPECT_THAT(text, AllOf(HasSubstr("  ours bfloat16: loader_wait_share 0.020\n"),
                          HasSubstr("  ours bfloat16: read this\n"), HasSubstr("  difference: loss terms\n")));
}

TEST(SpeedReport, Json) {
  SpeedReport report;
  report.machine = {{"processor", "a fast one"}};
  report.settings = {{"quick", false}};
  report.workloads = {workload(), workload()};
  report.workloads[1].ceiling_float32 = 500e9;
  report.workloads[1].ceiling_bfloat16.reset();
  report.workloads[1].rows[1].difference = std::nan("");
  const Json json = to_json(report);
  EXPECT_EQ(json["machine"]["ceiling_float32"], 450e9);  // the median of all workloads
  EXPECT_EQ(json["machine"]["ceiling_bfloat16"], 800e9);
  const Json& ours = json["workloads"][0]["rows"][1];
  EXPECT_EQ(ours["rate"], 80);
  EXPECT_EQ(ours["ratio"], 40);
  EXPECT_EQ(ours["gflop_per_second"], 160);
  EXPECT_EQ(ours["share_of_ceiling"], 0.2);
  EXPECT_EQ(ours["seconds"].size(), 3U);
  EXPECT_EQ(ours["loader_wait_share"], 0.02);
  EXPECT_EQ(ours["goals"][0]["met"], true);
  EXPECT_EQ(ours["goals"][1]["met"], false);
  const Json& other = json["workloads"][1]["rows"][1];
  EXPECT_TRUE(other["share_of_ceiling"].is_null());
  EXPECT_TRUE(other["goals"][1]["met"].is_null());
  EXPECT_TRUE(other["greatest_difference"].is_null());
  EXPECT_THAT(json.dump(), Not(HasSubstr("NaN")));
}

TEST(SpeedCeiling, IsMeasuredWhereThereAreInstructions) {
  for (const NumberType type : {NumberType::kFloat32, NumberType::kBfloat16}) {
    const std::optional<double> rate = measure_ceiling(type, 2, 0.001);
    EXPECT_EQ(rate.has_value(), ceiling_instructions(type) != "none");
    EXPECT_GT(rate.value_or(1e9), 1e6);
  }
  EXPECT_TRUE(measure_ceiling(NumberType::kFloat32, 1, 0.001));
}

}  // namespace
}  // namespace deri
