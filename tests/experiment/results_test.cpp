#include "deri/experiment/results.hpp"

#include "experiment/example_results.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using testing::example_results;

TEST(SuiteResultsJson, HasEveryNumberUnderItsName) {
  const SuiteResults results = example_results();
  const Json json = parse_json(to_json(results).dump(), "results");
  EXPECT_EQ(json.at("title"), Json("Small suite"));
  EXPECT_EQ(json.at("note"), Json("Two cores."));
  EXPECT_EQ(json.at("interval"), Json("95 % intervals of 1,000 resamples"));
  EXPECT_EQ(json.at("models"), Json({"DERI", "MERL"}));
  EXPECT_EQ(json.at("runs").at(1), Json({{"model", "DERI"},
                                         {"seed", 2},
                                         {"state", "done"},
                                         {"folder", "runs/DERI-2"},
                                         {"seconds", 430.0},
                                         {"best_epoch", 14},
                                         {"best_validation", 0.8201}}));
  const Json& column = json.at("columns").at(1);
  EXPECT_EQ(column.at("task"), Json("zs"));
  EXPECT_EQ(column.at("kind"), Json("zero-shot"));
  EXPECT_EQ(column.at("data"), Json("ptbxl"));
  EXPECT_EQ(column.at("protocol"), Json("strict"));
  EXPECT_EQ(column.at("label_set"), Json("sub"));
  EXPECT_EQ(column.at("records"), Json(198));
  EXPECT_EQ(column.at("labels"), Json(23));
  EXPECT_EQ(column.at("labels_defined"), Json(19));
  EXPECT_EQ(column.at("labels_frequent"), Json(9));
  EXPECT_TRUE(column.at("fraction").is_null());
  EXPECT_EQ(json.at("columns").at(2).at("fraction"), Json(0.1));

  const Json& model = column.at("models").at(0);
  const ModelNumber& number = results.columns[1].models[0];
  EXPECT_EQ(model.at("model"), Json("DERI"));
  EXPECT_EQ(model.at("trained").at("high").get<double>(), number.trained.high);
  EXPECT_EQ(model.at("untrained").at("value").get<double>(), number.untrained.value);
  EXPECT_EQ(model.at("frequent").at("value").get<double>(), number.frequent.value);
  EXPECT_EQ(model.at("difference").at("low").get<double>(), number.difference.low);
  EXPECT_EQ(model.at("p_value"), Json(0.0005));
  EXPECT_EQ(model.at("seeds").at(1).at("seed"), Json(2));
  EXPECT_EQ(model.at("seeds").at(1).at("trained").at("value").get<double>(), .84);
  EXPECT_EQ(model.at("seeds").at(1).at("untrained").at("value").get<double>(), .52);
  EXPECT_EQ(model.at("seeds").at(1).at("difference").at("value").get<double>(), .84 - .52);

  const Json& compared = json.at("columns").at(0).at("comparisons").at(0);
  EXPECT_EQ(compared.at("a"), Json("DERI"));
  EXPECT_EQ(compared.at("b"), Json("MERL"));
  EXPECT_EQ(compared.at("difference").at("value"), Json(.03));
  EXPECT_EQ(compared.at("p_value"), Json(.25));

  const Json& curve = json.at("robustness").at(2);
  EXPECT_EQ(curve.at("axis"), Json("noise"));
  EXPECT_EQ(curve.at("reading"), Json("zero-shot"));
  EXPECT_EQ(curve.at("model"), Json("DERI"));
  EXPECT_EQ(curve.at("label_set"), Json("super"));
  EXPECT_EQ(curve.at("points").at(1).at("x"), Json(2.5));
  EXPECT_EQ(curve.at("points").at(1).at("macro_auroc").at("value"), Json(.7));
}

TEST(SuiteResultsJson, WhatIsNotDefinedIsNull) {
  const Json json = to_json(example_results());
  const Json& given = json.at("runs").at(2);  // a model folder: not trained here
  EXPECT_TRUE(given.at("best_epoch").is_null());
  EXPECT_TRUE(given.at("best_validation").is_null());
  const Json& merl = json.at("columns").at(0).at("models").at(1);
  EXPECT_TRUE(merl.at("p_value").is_null());
  EXPECT_TRUE(merl.at("difference").at("value").is_null());
  EXPECT_TRUE(json.at("robustness").at(0).at("points").at(1).at("macro_auroc").at("low").is_null());
}

TEST(SuiteResultsJson, OfNothingHasEmptyLists) {
  const Json json = to_json(SuiteResults{});
  for (const char* key : {"models", "runs", "columns", "robustness"}) EXPECT_EQ(json.at(key), Json::array()) << key;
}

}  // namespace
}  // namespace deri
