#include "deri/experiment/speed_process.hpp"

#include <string>

#include "testing/testing.hpp"

#include "deri/base/error.hpp"
#include "deri/base/json.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

TEST(LoneWork, PassesThroughItsArgument) {
  for (const auto what : {LoneWork::What::kStep, LoneWork::What::kEmbedding})
    for (const SpeedWay& way : kSpeedWays) {
      const LoneWork work = lone_work_of(
          to_argument({.what = what, .way = way, .records = 17, .libtorch_threads = true, .seconds = 2.5}));
      EXPECT_EQ(work.what, what);
      EXPECT_STREQ(work.way.name, way.name);
      EXPECT_EQ(work.way.kernels, way.kernels);
      EXPECT_EQ(work.way.precision, way.precision);
      EXPECT_EQ(work.records, 17);
      EXPECT_TRUE(work.libtorch_threads);
      EXPECT_EQ(work.seconds, 2.5);
    }
}

TEST(LoneWork, RefusesWhatIsNone) {
  const std::string good =
      to_argument({.what = LoneWork::What::kStep, .way = kOurs, .records = 1, .libtorch_threads = false, .seconds = 1});
  const auto with = [&](const std::string& key, const Json& value) {
    Json json = parse_json(good, "good");
    json[key] = value;
    return json.dump();
  };
  EXPECT_NO_THROW(lone_work_of(good));
  for (const std::string& bad : {std::string("step"), with("what", "walk"), with("way", "by bus"), with("what", 1),
                                 with("records", "many"), std::string("{}")})
    EXPECT_DERI_ERROR(lone_work_of(bad), HasSubstr("--alone"));
}

TEST(LoneWork, IsDoneOnceAtLeast) {
  const Json measured = do_lone_work(
      {.what = LoneWork::What::kEmbedding, .way = kOurs, .records = 1, .libtorch_threads = false, .seconds = 0});
  ASSERT_EQ(measured.at("seconds").size(), 1U);
  EXPECT_GT(measured.at("seconds")[0].get<double>(), 0);
}

}  // namespace
}  // namespace deri
