#pragma once
// TensorBoard event files, scalars only: TFRecord frames around Event protocol buffers, encoded by hand (three
// messages).

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace deri {

class TensorBoardWriter {
 public:
  // Opens folder/events.out.tfevents.<wall time>.<suffix>. Throws Error.
  explicit TensorBoardWriter(const std::filesystem::path& folder);

  // Throws Error if the disk is full.
  void scalar(std::string_view tag, double value, std::int64_t step);

 private:
  void record(std::string_view event);

  std::filesystem::path path_;
  std::ofstream file_;
};

// CRC-32C (Castagnoli), and the masked form TFRecord frames carry.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace deri
