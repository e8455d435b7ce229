#include "deri/experiment/suite_folder.hpp"

#include <utility>

#include <fmt/format.h>

#include "deri/base/files.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

std::string seed_name(std::uint64_t seed) {
  return fmt::format("seed-{}", seed);
}

}  // namespace

fs::path SuiteFolder::data(const SuiteData& data) const {
  return out_ / "data" / file_name_of(data.name);
}

fs::path SuiteFolder::tower(const SuiteTower& tower) const {
  return out_ / "towers" / file_name_of(tower.name);
}

fs::path SuiteFolder::run(const SuiteModel& model, std::uint64_t seed) const {
  return out_ / "runs" / file_name_of(model.name) / seed_name(seed);
}

fs::path SuiteFolder::model(const SuiteModel& model, std::uint64_t seed) const {
  return model.folder.empty() ? run(model, seed) / "best" : fs::path(model.folder);
}

fs::path SuiteFolder::result(const SuiteModel& model, std::uint64_t seed, const SuiteTask& task) const {
  return out_ / "results" / file_name_of(model.name) / seed_name(seed) / (file_name_of(task.name) + ".json");
}

fs::path SuiteFolder::lock(const std::string& what) const {
  return out_ / "locks" / file_name_of(what);
}

fs::path SuiteFolder::failure_file(const SuiteModel& model, std::uint64_t seed) const {
  return out_ / "failed" / fmt::format("{}-{}.txt", file_name_of(model.name), seed_name(seed));
}

std::optional<std::string> SuiteFolder::failure(const SuiteModel& model, std::uint64_t seed) const {
  const fs::path file = failure_file(model, seed);
  if (!fs::exists(file)) return std::nullopt;
  return read_file(file);
}

void SuiteFolder::set_failure(const SuiteModel& model, std::uint64_t seed, const std::string& reason) const {
  const fs::path file = failure_file(model, seed);
  if (reason.empty()) {
    fs::remove(file);
    return;
  }
  make_directories(file.parent_path());
  write_file_atomic(file, reason);
}

std::string untrained_key(const std::string& key) {
  return key + " untrained";
}

std::string score_key(const SuiteTask& task, const std::string& label_set, double fraction) {
  return task.kind == "probe" ? fmt::format("{}@{:g}", label_set, fraction) : label_set;
}

}  // namespace deri
