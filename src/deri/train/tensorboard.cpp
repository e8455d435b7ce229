#include "deri/train/tensorboard.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include <unistd.h>

#include "deri/base/error.hpp"

namespace deri {
namespace {

// Protocol buffer wire types.
constexpr int kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void append_key(std::string& out, int field, int wire_type) {
  append_varint(out, static_cast<std::uint64_t>(field << 3 | wire_type));
}

template <typename T>
void append_fixed(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_bytes(std::string& out, int field, std::string_view bytes) {
  append_key(out, field, kBytes);
  append_varint(out, bytes.size());
  out += bytes;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
std::string event(std::int64_t step, int field, std::string_view payload) {
  std::string out;
  append_key(out, 1, kFixed64);
  append_fixed(out, now());
  append_key(out, 2, kVarint);
  append_varint(out, static_cast<std::uint64_t>(step));
  append_bytes(out, field, payload);
  return out;
}

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78U : 0);
    table[i] = crc;
  }
  return table;
}();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return crc ^ 0xFFFFFFFFU;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder)
    : path_(folder / fmt::format("events.out.tfevents.{:.0f}.{}", now(), getpid())),
      file_(path_, std::ios::binary | std::ios::app) {
  if (!file_) fail("cannot write {}", path_.string());
  record(event(0, 3, "brain.Event:2"));
}

void TensorBoardWriter::scalar(std::string_view tag, double value, std::int64_t step) {
  // Summary { repeated Value { string tag = 1; float simple_value = 2; } value = 1; }
  std::string item, summary;
  append_bytes(item, 1, tag);
  append_key(item, 2, kFixed32);
  append_fixed(item, static_cast<float>(value));
  append_bytes(summary, 1, item);
  record(event(step, 5, summary));
}

void TensorBoardWriter::record(std::string_view event) {
  std::string length;
  append_fixed(length, static_cast<std::uint64_t>(event.size()));
  std::string frame = length;
  append_fixed(frame, masked_crc32c(length));
  frame += event;
  append_fixed(frame, masked_crc32c(event));
  file_ << frame << std::flush;
  if (!file_) fail("cannot write {}: is the disk full?", path_.string());
}

}  // namespace deri
