#include "deri/experiment/results.hpp"

#include <cmath>

#include "deri/base/error.hpp"
#include "deri/eval/result_json.hpp"

namespace deri {
namespace {

template <typename T>
Json list_json(const std::vector<T>& items, Json (*item_json)(const T&)) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(item_json(item));
  return list;
}

Json run_json(const TrainedRun& run) {
  const bool trained_here = !std::isnan(run.best_validation);
  return {{"model", run.model},
          {"seed", run.seed},
          {"state", run.state},
          {"folder", run.folder},
          {"seconds", json_number(run.seconds)},
          {"best_epoch", trained_here ? Json(run.best_epoch) : Json(nullptr)},
          {"best_validation", json_number(run.best_validation)}};
}

Json seed_json(const SeedNumber& number) {
  return {{"seed", number.seed},
          {"trained", estimate_json(number.trained)},
          {"untrained", estimate_json(number.untrained)},
          {"difference", estimate_json(number.difference)},
          {"p_value", json_number(number.p_value)}};
}

Json model_json(const ModelNumber& number) {
  return {{"model", number.model},
          {"trained", estimate_json(number.trained)},
          {"untrained", estimate_json(number.untrained)},
          {"frequent", estimate_json(number.frequent)},
          {"difference", estimate_json(number.difference)},
          {"p_value", json_number(number.p_value)},
          {"seeds", list_json(number.seeds, seed_json)}};
}

Json difference_json(const ModelDifference& compared) {
  return {{"a", compared.a},
          {"b", compared.b},
          {"difference", estimate_json(compared.difference)},
          {"p_value", json_number(compared.p_value)}};
}

Json column_json(const ResultColumn& column) {
  return {{"task", column.task},
          {"kind", column.kind},
          {"data", column.data},
          {"protocol", column.protocol},
          {"label_set", column.label_set},
          {"fraction", column.fraction == 0 ? Json(nullptr) : json_number(column.fraction)},
          {"records", column.records},
          {"labels", column.labels},
          {"labels_defined", column.labels_defined},
          {"labels_frequent", column.labels_frequent},
          {"models", list_json(column.models, model_json)},
          {"comparisons", list_json(column.comparisons, difference_json)}};
}

Json curve_json(const RobustnessCurve& curve) {
  DERI_CHECK(curve.x.size() == curve.auroc.size());
  Json points = Json::array();
  for (std::size_t i = 0; i < curve.x.size(); ++i)
    points.push_back({{"x", json_number(curve.x[i])}, {"macro_auroc", estimate_json(curve.auroc[i])}});
  return {{"task", curve.task},   {"data", curve.data},       {"label_set", curve.label_set},
          {"model", curve.model}, {"reading", curve.reading}, {"axis", curve.axis},
          {"points", points}};
}

}  // namespace

Json to_json(const SuiteResults& results) {
  return {{"title", results.title},
          {"note", results.note},
          {"interval", results.interval},
          {"models", results.models},
          {"runs", list_json(results.runs, run_json)},
          {"columns", list_json(results.columns, column_json)},
          {"robustness", list_json(results.robustness, curve_json)}};
}

}  // namespace deri
