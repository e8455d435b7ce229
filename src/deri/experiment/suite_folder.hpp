#pragma once
// What a suite keeps on disk, and where:
//   OUT/suite.json                        the suite as it was read
//   OUT/data/NAME                         stores the suite makes itself
//   OUT/towers/NAME                       run folders of deri pretrain-text
//   OUT/runs/MODEL/seed-S                 run folders of deri pretrain
//   OUT/results/MODEL/seed-S/TASK.json    one evaluation, its scores beside it (eval/comparison.hpp)
//   OUT/failed/MODEL-seed-S.txt           why a run could not be finished
//   OUT/locks/                            who is at work on what
//   OUT/results.json, tables.md, tables.tex, index.html

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "deri/base/json.hpp"
#include "deri/experiment/suite.hpp"

namespace deri {

class SuiteFolder {
 public:
  explicit SuiteFolder(std::filesystem::path out) : out_(std::move(out)) {}

  const std::filesystem::path& path() const { return out_; }
  std::filesystem::path data(const SuiteData& data) const;
  std::filesystem::path tower(const SuiteTower& tower) const;
  // The run folder of a model that is trained here.
  std::filesystem::path run(const SuiteModel& model, std::uint64_t seed) const;
  // The model folder to measure: the best of its run, or the one the suite names.
  std::filesystem::path model(const SuiteModel& model, std::uint64_t seed) const;
  std::filesystem::path result(const SuiteModel& model, std::uint64_t seed, const SuiteTask& task) const;
  std::filesystem::path lock(const std::string& what) const;

  // Why a run could not be finished, if it could not; an empty reason forgets it.
  std::optional<std::string> failure(const SuiteModel& model, std::uint64_t seed) const;
  void set_failure(const SuiteModel& model, std::uint64_t seed, const std::string& reason) const;

 private:
  std::filesystem::path failure_file(const SuiteModel& model, std::uint64_t seed) const;

  std::filesystem::path out_;
};

// Keys of a result's scores: the trained model's are the evaluation's own, the untrained model's these.
std::string untrained_key(const std::string& key);

// The key of a label set in a task's scores: "super", "super@0.1".
std::string score_key(const SuiteTask& task, const std::string& label_set, double fraction);

}  // namespace deri
