#pragma once
// What a run writes down as it goes: metrics.jsonl (a JSON object a line) and TensorBoard events, the same numbers in
// both.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "deri/train/tensorboard.hpp"

namespace deri {

class RunLog {
 public:
  // Opens run/metrics.jsonl for appending after its first `keep_bytes` bytes: what a resumed run is about to repeat is
  // cut off. Throws Error.
  RunLog(const std::filesystem::path& run, std::uint64_t keep_bytes);

  // One line {"kind": kind, "step": step, ...values}; TensorBoard gets kind/name. Throws Error if the disk is full.
  void write(const std::string& kind, std::int64_t step, const std::map<std::string, double>& values);
  // Length of metrics.jsonl so far.
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::uint64_t bytes_;
  std::ofstream file_;
  TensorBoardWriter events_;
};

}  // namespace deri
