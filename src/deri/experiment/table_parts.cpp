#include "deri/experiment/table_parts.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "deri/eval/result_json.hpp"
#include "deri/eval/svg.hpp"

namespace deri {
namespace {

using Seeds = std::set<std::uint64_t>;

Seeds seeds_of(const ModelNumber& number) {
  Seeds seeds;
  for (const SeedNumber& seed : number.seeds) seeds.insert(seed.seed);
  return seeds;
}

std::string seeds_text(const Seeds& seeds) {
  if (seeds.empty()) return "no seed";
  return fmt::format("{} {}", seeds.size() == 1 ? "seed" : "seeds", fmt::join(seeds, ", "));
}

// Of a model, the seeds that the suite trains; what its results show where the suite does not say.
Seeds planned_seeds(const SuiteResults& results, const std::string& model) {
  Seeds seeds;
  for (const TrainedRun& run : results.runs)
    if (run.model == model) seeds.insert(run.seed);
  for (const ResultColumn& column : results.columns)
    if (const ModelNumber* number = find_model(column, model)) seeds.merge(seeds_of(*number));
  return seeds;
}

// Items with equal keys together, in the order of each key's first.
template <typename Item, typename Key>
std::vector<std::vector<const Item*>> grouped(const std::vector<Item>& items, const Key& key) {
  std::vector<std::vector<const Item*>> groups;
  for (const Item& item : items) {
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return key(*group.front()) == key(item); });
    (found == groups.end() ? groups.emplace_back() : *found).push_back(&item);
  }
  return groups;
}

// What one model lacks in a group.
std::vector<std::string> missing_of(const std::string& model, const ColumnGroup& group, const SuiteResults& results) {
  std::vector<std::string> absent;
  std::map<Seeds, std::vector<std::string>> present;
  for (const ResultColumn* column : group) {
    const ModelNumber* number = find_model(*column, model);
    if (number == nullptr) {
      absent.push_back(column->label_set);
    } else {
      present[seeds_of(*number)].push_back(column->label_set);
    }
  }
  if (present.empty()) return {fmt::format("{} has no finished training.", model)};

  std::vector<std::string> missing;
  if (!absent.empty()) missing.push_back(fmt::format("{} has no result for {}.", model, fmt::join(absent, ", ")));
  const std::size_t planned = planned_seeds(results, model).size();
  for (const auto& [seeds, label_sets] : present) {
    if (seeds.size() == planned) continue;
    const std::string where =
        label_sets.size() == group.size() ? "" : fmt::format(", for {}", fmt::join(label_sets, ", "));
    missing.push_back(
        fmt::format("{} has {} of its {} trainings ({}){}.", model, seeds.size(), planned, seeds_text(seeds), where));
  }
  return missing;
}

}  // namespace

std::vector<ColumnGroup> column_groups(const SuiteResults& results) {
  return grouped(results.columns,
                 [](const ResultColumn& c) { return std::tie(c.task, c.kind, c.data, c.protocol, c.fraction); });
}

std::vector<CurveGroup> curve_groups(const SuiteResults& results) {
  return grouped(results.robustness,
                 [](const RobustnessCurve& c) { return std::tie(c.task, c.data, c.label_set, c.reading, c.axis); });
}

std::vector<std::string> table_models(const SuiteResults& results) {
  std::vector<std::string> models = results.models;
  const auto add = [&](const std::string& model) {
    if (std::find(models.begin(), models.end(), model) == models.end()) models.push_back(model);
  };
  for (const ResultColumn& column : results.columns)
    for (const ModelNumber& number : column.models) add(number.model);
  for (const RobustnessCurve& curve : results.robustness) add(curve.model);
  return models;
}

const ModelNumber* find_model(const ResultColumn& column, const std::string& model) {
  const auto found = std::find_if(column.models.begin(), column.models.end(),
                                  [&](const ModelNumber& number) { return number.model == model; });
  return found == column.models.end() ? nullptr : &*found;
}

std::string fraction_text(double fraction) {
  return fmt::format("{:.4g} %", 100 * fraction);
}

std::string evaluation_text(const ResultColumn& column) {
  if (column.fraction == 0) return fmt::format("{} on {}", column.kind, column.data);
  return fmt::format("{} on {}, {} of the training records", column.kind, column.data, fraction_text(column.fraction));
}

std::string group_heading(const ResultColumn& column) {
  const std::string evaluation = evaluation_text(column);
  return evaluation.starts_with(column.task) ? evaluation : fmt::format("{}: {}", column.task, evaluation);
}

std::string label_count_text(std::size_t counted, std::size_t all) {
  if (all == 0) return "";
  return counted == all ? fmt::format("{}", all) : fmt::format("{} of {}", counted, all);
}

std::string label_set_text(const ResultColumn& column, std::size_t counted) {
  const std::string count = label_count_text(counted, column.labels);
  return count.empty() ? column.label_set : fmt::format("{} ({})", column.label_set, count);
}

std::string records_text(const ColumnGroup& group) {
  std::size_t fewest = group.front()->records, most = fewest;
  for (const ResultColumn* column : group) {
    if (column->label_set == "mean" && group.size() > 1) continue;  // all the records that any label set has
    fewest = std::min(fewest, column->records);
    most = std::max(most, column->records);
  }
  if (fewest != most) return fmt::format("{} to {} records", fewest, most);
  return fmt::format("{} {}", most, most == 1 ? "record" : "records");
}

std::string trainings_text(const ColumnGroup& group) {
  Seeds seeds;
  for (const ResultColumn* column : group)
    for (const ModelNumber& number : column->models) seeds.merge(seeds_of(number));
  if (seeds.empty()) return "no training";
  if (seeds.size() == 1) return fmt::format("training of {}", seeds_text(seeds));
  return fmt::format("means of {} trainings ({})", seeds.size(), seeds_text(seeds));
}

std::string p_text(double p_value) {
  return format_number(p_value, 4);
}

std::string signed_text(const Estimate& difference) {
  return std::isnan(difference.value) ? "n/a" : difference_text(difference);
}

std::string sentences(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    if (text.empty()) continue;
    all += fmt::format("{}{}{}", all.empty() ? "" : " ", text, text.back() == '.' ? "" : ".");
  }
  return all;
}

std::string one_line(const std::string& text) {
  std::string line = text;
  for (char& character : line)
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = ' ';
  return line;
}

std::vector<bool> best_of(const std::vector<double>& values, int decimals) {
  const auto count = std::count_if(values.begin(), values.end(), [](double value) { return !std::isnan(value); });
  std::vector<bool> best(values.size(), false);
  if (count < 2) return best;
  double highest = -HUGE_VAL;
  for (const double value : values) highest = std::fmax(highest, value);
  for (std::size_t i = 0; i < values.size(); ++i)
    best[i] = format_number(values[i], decimals) == format_number(highest, decimals);
  return best;
}

std::vector<std::string> missing_results(const ColumnGroup& group, const SuiteResults& results) {
  std::vector<std::string> missing;
  for (const std::string& model : table_models(results))
    for (std::string& lacking : missing_of(model, group, results)) missing.push_back(std::move(lacking));
  return missing;
}

std::vector<std::string> unfinished_runs(const SuiteResults& results) {
  std::vector<std::string> runs;
  for (const TrainedRun& run : results.runs)
    if (run.state != "done") runs.push_back(fmt::format("{}, seed {}, {}", run.model, run.seed, run.state));
  return runs;
}

}  // namespace deri
