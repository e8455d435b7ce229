#include "deri/ecg/ishne.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/ecg/device_fields.hpp"

namespace deri {
namespace {

constexpr std::string_view kMagic = "ISHNE1.0";
constexpr std::size_t kHeader = 522;  // magic, checksum and the block of fixed length
constexpr std::size_t kMostLeads = 12;

// Positions in the file.
enum Field : std::size_t {
  kVariableSize = 10,
  kSamples = 14,
  kDataOffset = 22,
  kId = 108,
  kSex = 128,
  kBirthDate = 132,
  kRecordDate = 138,
  kStartTime = 150,
  kLeadCount = 156,
  kLeadNames = 158,
  kResolutions = 206,
  kRate = 272
};
constexpr std::size_t kIdSize = 20;

class Ishne {
 public:
  Ishne(std::span<const std::byte> bytes, std::string source) : bytes_(bytes), source_(std::move(source)) {
    if (bytes_.size() < kHeader || text(0, kMagic.size()) != kMagic)
      fail("{}: no ISHNE file: it does not begin with '{}' and a header of {} bytes", source_, kMagic, kHeader);
    read_shape();
  }

  Recording recording() const {
    Recording result;
    result.source = source_;
    result.format = "ISHNE";
    result.rate = int16(kRate);
    result.leads = leads();
    describe(result);
    if (!checksum_right()) result.notes.emplace_back("the header's checksum is wrong");
    return result;
  }

 private:
  std::uint8_t byte(std::size_t at) const { return std::to_integer<std::uint8_t>(bytes_[at]); }
  std::int16_t int16(std::size_t at) const {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(byte(at) | byte(at + 1) << 8));
  }
  std::int32_t int32(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | byte(at + i);
    return static_cast<std::int32_t>(value);
  }
  std::string_view text(std::size_t at, std::size_t size) const {
    const std::string_view whole(reinterpret_cast<const char*>(bytes_.data()) + at, size);
    return whole.substr(0, whole.find('\0'));
  }

  void read_shape() {
    if (const int rate = int16(kRate); rate < 1) fail("{}: a sampling rate of {} Hz", source_, rate);
    const int leads = int16(kLeadCount);
    if (leads < 1 || static_cast<std::size_t>(leads) > kMostLeads)
      fail("{}: {} leads; an ISHNE file has 1 to {}", source_, leads, kMostLeads);
    lead_count_ = static_cast<std::size_t>(leads);
    const std::int32_t offset = int32(kDataOffset);
    if (offset < static_cast<std::int32_t>(kHeader) || static_cast<std::size_t>(offset) > bytes_.size())
      fail("{}: the samples are said to begin at byte {} of {}", source_, offset, bytes_.size());
    offset_ = static_cast<std::size_t>(offset);
    const std::int32_t samples = int32(kSamples);
    const std::size_t present = (bytes_.size() - offset_) / (2 * lead_count_);
    if (samples < 1) fail("{}: {} samples per lead", source_, samples);
    length_ = static_cast<std::size_t>(samples);
    // Some recorders count the samples of all leads together.
    if (length_ > present && length_ == present * lead_count_) length_ = present;
    if (length_ > present)
      fail("{}: the header promises {} samples per lead, the file holds {}: it is cut off", source_, length_, present);
  }

  std::vector<Lead> leads() const {
    std::vector<Lead> leads(lead_count_);
    for (std::size_t i = 0; i < lead_count_; ++i) {
      leads[i].name = lead_name(int16(kLeadNames + 2 * i), i);
      const int nanovolts = int16(kResolutions + 2 * i);
      if (nanovolts < 1)
        fail("{}: lead {} has a resolution of {} nV, so its amplitude is unknown", source_, leads[i].name, nanovolts);
      leads[i].samples.resize(length_);
      for (std::size_t k = 0; k < length_; ++k)
        leads[i].samples[k] = static_cast<float>(int16(offset_ + 2 * (k * lead_count_ + i)) * (nanovolts * 1e-6));
    }
    return leads;
  }

  static std::string lead_name(int code, std::size_t index) {
    constexpr std::array<const char*, 20> kNames{"",    "",   "X",  "Y",  "Z",  "I",  "II", "III", "aVR", "aVL",
                                                 "aVF", "V1", "V2", "V3", "V4", "V5", "V6", "ES",  "AS",  "AI"};
    const bool named = code > 1 && static_cast<std::size_t>(code) < kNames.size();
    return named ? kNames[static_cast<std::size_t>(code)] : fmt::format("lead {}", index + 1);
  }

  // Day, month and year.
  std::optional<std::chrono::sys_days> date(std::size_t at) const {
    const int day = int16(at), month = int16(at + 2), year = int16(at + 4);
    if (day < 1 || month < 1 || year < 1850 || year > 2200) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
  }

  // Hours, minutes, seconds.
  std::chrono::seconds start_time() const {
    const int hours = int16(kStartTime), minutes = int16(kStartTime + 2), seconds = int16(kStartTime + 4);
    const bool sound = hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60 && seconds >= 0 && seconds < 60;
    return std::chrono::seconds(sound ? hours * 3600 + minutes * 60 + seconds : 0);
  }

  void describe(Recording& result) const {
    result.patient.id = device_text(text(kId, kIdSize));
    const int sex = int16(kSex);
    result.patient.sex = sex == 1 ? "male" : sex == 2 ? "female" : "";
    const auto day = date(kRecordDate);
    if (!day) return;
    result.recorded_at = iso_time(*day + start_time());
    if (const auto birth = date(kBirthDate)) result.patient.age = age_between(*birth, *day);
  }

  // CRC-CCITT from 0xFFFF over both header blocks.
  bool checksum_right() const {
    const std::int32_t variable = int32(kVariableSize);
    if (variable < 0 || static_cast<std::size_t>(variable) > bytes_.size() - kHeader) return false;
    std::uint32_t crc = 0xFFFF;
    for (std::size_t at = kMagic.size() + 2; at < kHeader + static_cast<std::size_t>(variable); ++at) {
      crc ^= static_cast<std::uint32_t>(byte(at)) << 8;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1 ^ 0x1021U) : crc << 1;
      crc &= 0xFFFFU;
    }
    return crc == static_cast<std::uint16_t>(int16(kMagic.size()));
  }

  std::span<const std::byte> bytes_;
  std::string source_;
  std::size_t lead_count_ = 0;
  std::size_t length_ = 0;  // samples per lead
  std::size_t offset_ = 0;  // of the samples, in bytes
};

}  // namespace

Recording read_ishne(const std::filesystem::path& path) {
  const MappedFile file(path);
  return Ishne(file.bytes(), path.string()).recording();
}

}  // namespace deri
