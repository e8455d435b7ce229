#include "deri/train/run_log.hpp"

#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/json.hpp"

namespace deri {

RunLog::RunLog(const std::filesystem::path& run, std::uint64_t keep_bytes)
    : path_(run / "metrics.jsonl"), bytes_(keep_bytes), events_(run) {
  if (std::filesystem::exists(path_) && std::filesystem::file_size(path_) > keep_bytes)
    std::filesystem::resize_file(path_, keep_bytes);
  file_.open(path_, std::ios::binary | std::ios::app);
  if (!file_) fail("cannot write {}", path_.string());
}

void RunLog::write(const std::string& kind, std::int64_t step, const std::map<std::string, double>& values) {
  Json line = {{"kind", kind}, {"step", step}};
  for (const auto& [name, value] : values) {
    line[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
    events_.scalar(kind + "/" + name, value, step);
  }
  const std::string text = line.dump() + "\n";
  file_ << text << std::flush;
  if (!file_) fail("cannot write {}: is the disk full?", path_.string());
  bytes_ += text.size();
}

}  // namespace deri
