#include "deri/experiment/suite.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/ranges.h>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/eval/degradation.hpp"

namespace deri {
namespace {

constexpr std::array kKinds = {"zero-shot", "probe", "robustness", "map"};

template <typename Entry>
const Entry& named(const std::vector<Entry>& entries, const std::string& name, const char* what) {
  for (const Entry& entry : entries)
    if (entry.name == name) return entry;
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.push_back(entry.name);
  const std::string nearest = nearest_word(name, names);
  if (!nearest.empty()) fail("the suite has no {} '{}'; did you mean '{}'?", what, name, nearest);
  fail("the suite has no {} '{}'; it has {}", what, name, fmt::join(names, ", "));
}

template <typename Entry>
void check_names(const std::vector<Entry>& entries, const char* what) {
  std::set<std::string> files;
  for (const Entry& entry : entries) {
    if (entry.name.empty()) fail("{}: an entry has no name", what);
    if (!files.insert(file_name_of(entry.name)).second)
      fail("{}: '{}' is there twice, or differs from another only in signs that file names cannot have", what,
           entry.name);
  }
}

void check(const SuiteModel& model, const Suite& suite) {
  if (model.folder.empty() == model.config.empty())
    fail("models: '{}' needs either a config to train by or the folder of a trained model", model.name);
  if (model.config.empty() && !(model.set.empty() && model.train_on.empty() && model.tower.empty()))
    fail("models: '{}' is not trained here: set, train_on and tower have no use", model.name);
  if (!model.config.empty()) suite.data_set(model.train_on);
  if (!model.tower.empty()) suite.tower(model.tower);
}

void check(const SuiteTask& task, const Suite& suite) {
  if (std::find(kKinds.begin(), kKinds.end(), task.kind) == kKinds.end())
    fail("tasks: the kind of '{}' is '{}': choose one of {}", task.name, task.kind, fmt::join(kKinds, ", "));
  suite.data_set(task.data);
  if (task.labels.empty()) fail("tasks: '{}' names no label set", task.name);
  if (task.protocol != "strict" && task.protocol != "published")
    fail("tasks: the protocol of '{}' is '{}': choose strict or published", task.name, task.protocol);
  if (task.kind == "map" && (task.labels.size() != 1 || task.views.size() > 1))
    fail("tasks: '{}' is a map: it takes one label set and one view", task.name);
  for (const double percent : task.fractions)
    if (!(percent > 0 && percent <= 100))
      fail("tasks: a fraction of '{}' is {} %: choose 0 to 100", task.name, percent);
  for (const double percent : task.noise)
    if (!(percent >= 0 && percent <= 1000)) fail("tasks: noise of '{}' is {} %: choose 0 to 1000", task.name, percent);
  for (const std::int64_t count : task.leads) lead_subset(count);
}

void check(const Suite& suite) {
  if (suite.models.empty() || suite.tasks.empty()) fail("a suite needs at least one model and one task");
  check_names(suite.data, "data");
  check_names(suite.towers, "towers");
  check_names(suite.models, "models");
  check_names(suite.tasks, "tasks");
  if (suite.seeds.empty()) fail("seeds: name at least one");
  if (std::set<std::uint64_t>(suite.seeds.begin(), suite.seeds.end()).size() != suite.seeds.size())
    fail("seeds: one is there twice");
  if (suite.resamples < 100 || suite.resamples > 1'000'000)
    fail("resamples is {}: choose 100 to 1000000", suite.resamples);
  if (suite.permutations < 100 || suite.permutations > 1'000'000)
    fail("permutations is {}: choose 100 to 1000000", suite.permutations);
  for (const SuiteData& data : suite.data)
    if (data.synthetic_records < 0 || (data.synthetic_records > 0 && !data.store.empty()))
      fail("data: '{}' is either synthetic or a store", data.name);
  for (const SuiteTower& tower : suite.towers) {
    if (tower.config.empty()) fail("towers: '{}' needs a config to train by", tower.name);
    suite.data_set(tower.reports);
  }
  for (const SuiteModel& model : suite.models) check(model, suite);
  for (const SuiteTask& task : suite.tasks) check(task, suite);
  for (const auto& pair : suite.compare) {
    if (pair.size() != 2) fail("compare: each entry names two models");
    if (suite.seeds_of(suite.model(pair[0])) != suite.seeds_of(suite.model(pair[1])))
      fail("compare: '{}' and '{}' have not the same seeds", pair[0], pair[1]);
  }
}

}  // namespace

const SuiteData& Suite::data_set(const std::string& data_name) const {
  return named(data, data_name, "data set");
}

const SuiteTower& Suite::tower(const std::string& tower_name) const {
  return named(towers, tower_name, "tower");
}

const SuiteModel& Suite::model(const std::string& model_name) const {
  return named(models, model_name, "model");
}

std::vector<std::uint64_t> Suite::seeds_of(const SuiteModel& model) const {
  return model.folder.empty() ? seeds : std::vector<std::uint64_t>{0};
}

std::vector<const SuiteTask*> Suite::tasks_of(const SuiteModel& model, std::uint64_t seed) const {
  std::vector<const SuiteTask*> chosen;
  for (const SuiteTask& task : tasks)
    if (task.kind != "map" || seed == seeds_of(model).front()) chosen.push_back(&task);
  return chosen;
}

Suite load_suite(const std::filesystem::path& path) {
  auto suite = load_config<Suite>(path, {});
  for (SuiteData& data : suite.data) resolve_file(data.store, path);
  for (SuiteTower& tower : suite.towers) resolve_file(tower.config, path);
  for (SuiteModel& model : suite.models) {
    resolve_file(model.config, path);
    resolve_file(model.folder, path);
  }
  for (SuiteTask& task : suite.tasks) {
    if (task.name.empty()) task.name = fmt::format("{} on {}", task.kind, task.data);
    resolve_file(task.prompts, path);
  }
  try {
    check(suite);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
  return suite;
}

std::string file_name_of(const std::string& name) {
  std::string file;
  for (const char c : name) {
    const bool kept =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (kept)
      file += c;
    else if (!file.empty() && file.back() != '-')
      file += '-';
  }
  while (!file.empty() && (file.back() == '-' || file.back() == '.')) file.pop_back();
  return file.empty() || file.front() == '.' ? fmt::format("-{}", file) : file;
}

}  // namespace deri
