#include "deri/train/checkpoint.hpp"

#include <algorithm>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/safetensors.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelPrefix = "model.";
constexpr std::size_t kKept = 2;

// Checkpoints of a run, oldest first (names sort as steps do).
std::vector<fs::path> checkpoints(const fs::path& run) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", none))
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Json RunPosition::to_json() const {
  return {{"step", step},
          {"epoch", epoch},
          {"batch", batch},
          {"loss_sums", loss_sums},
          {"best_score", best_score ? Json(*best_score) : Json(nullptr)},
          {"best_epoch", best_epoch},
          {"metrics_bytes", metrics_bytes},
          {"seconds", seconds}};
}

RunPosition RunPosition::from_json(const Json& json) {
  RunPosition position;
  json.at("step").get_to(position.step);
  json.at("epoch").get_to(position.epoch);
  json.at("batch").get_to(position.batch);
  json.at("loss_sums").get_to(position.loss_sums);
  if (!json.at("best_score").is_null()) position.best_score = json.at("best_score").get<double>();
  json.at("best_epoch").get_to(position.best_epoch);
  json.at("metrics_bytes").get_to(position.metrics_bytes);
  json.at("seconds").get_to(position.seconds);
  return position;
}

void save_checkpoint(const fs::path& run, const RunPosition& position, const NamedTensors& model,
                     const NamedTensors& optimiser) {
  make_directories(run / "checkpoints");
  NamedTensors all;
  for (const auto& [name, tensor] : model) all.emplace_back(kModelPrefix + name, tensor);
  all.insert(all.end(), optimiser.begin(), optimiser.end());
  save_tensors(run / "checkpoints" / fmt::format("step-{:09}.safetensors", position.step), all,
               {{"position", position.to_json().dump()}});
  const std::vector<fs::path> files = checkpoints(run);
  for (std::size_t i = 0; i + kKept < files.size(); ++i) fs::remove(files[i]);
}

std::optional<Checkpoint> load_newest_checkpoint(const fs::path& run) {
  const std::vector<fs::path> files = checkpoints(run);
  if (files.empty()) return std::nullopt;
  const std::string name = files.back().string();
  Checkpoint checkpoint;
  const auto metadata = SafetensorsFile(files.back()).metadata();
  const auto position = metadata.find("position");
  if (position == metadata.end()) fail("{}: not a checkpoint of deri", name);
  try {
    checkpoint.position = RunPosition::from_json(parse_json(position->second, name));
  } catch (const nlohmann::json::exception& error) {
    fail("{}: the position cannot be read: {}", name, error.what());
  }
  const std::string prefix = kModelPrefix;
  for (auto& [key, tensor] : load_tensors(files.back())) {
    if (key.starts_with(prefix))
      checkpoint.model.emplace(key.substr(prefix.size()), std::move(tensor));
    else
      checkpoint.optimiser.emplace(key, std::move(tensor));
  }
  return checkpoint;
}

}  // namespace deri
