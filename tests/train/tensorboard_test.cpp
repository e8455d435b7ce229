#include "deri/train/tensorboard.hpp"

#include <cstring>

#include "testing/testing.hpp"

namespace deri {
namespace {

TEST(TensorBoard, Crc32cMatchesTheStandardsVectors) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);            // RFC 3720's check value
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
}

template <typename T>
T fixed(const std::string& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TEST(TensorBoard, FramesHoldEventsThatDecode) {
  const TemporaryDirectory folder;
  {
    TensorBoardWriter writer(folder.path());
    writer.scalar("train/loss", 1.5, 300);
  }
  const auto file = std::filesystem::directory_iterator(folder.path())->path();
  EXPECT_THAT(file.filename().string(), ::testing::StartsWith("events.out.tfevents."));
  const std::string bytes = read_file(file);
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = fixed<std::uint64_t>(bytes, at);
    EXPECT_EQ(fixed<std::uint32_t>(bytes, at + 8), masked_crc32c(bytes.substr(at, 8)));
    events.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(fixed<std::uint32_t>(bytes, at + 12 + length), masked_crc32c(events.back()));
    at += 16 + length;
  }
  ASSERT_EQ(events.size(), 2U);
  EXPECT_THAT(events[0], ::testing::HasSubstr("brain.Event:2"));
  // field 1 (wall time, 9 bytes), field 2 (step 300 = AC 02), field 5 {field 1 {tag, simple_value}}
  const std::string expected =
      std::string("\x10\xAC\x02\x2A\x13\x0A\x11\x0A\x0Atrain/loss\x15", 20) + std::string("\0\0\xC0\x3F", 4);
  EXPECT_EQ(events[1].substr(9), expected);
}

}  // namespace
}  // namespace deri
