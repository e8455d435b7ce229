#include "deri/ecg/recording_bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <type_traits>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/isolated.hpp"

namespace deri {
namespace {

class Writer {
 public:
  template <typename T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    number<std::uint64_t>(value.size());
    bytes_ += value;
  }
  void texts(const std::vector<std::string>& values) {
    number<std::uint64_t>(values.size());
    for (const std::string& value : values) text(value);
  }
  void optional(const std::optional<double>& value) {
    number<std::uint8_t>(value.has_value() ? 1 : 0);
    number<double>(value.value_or(0));
  }
  void leads(const std::vector<Lead>& leads) {
    number<std::uint64_t>(leads.size());
    for (const Lead& lead : leads) {
      text(lead.name);
      text(lead.unit);
      number<std::uint64_t>(lead.samples.size());
      bytes_.append(reinterpret_cast<const char*>(lead.samples.data()), lead.samples.size() * sizeof(float));
    }
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    T value{};
    const std::string_view from = take(sizeof value);
    std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(count(1))); }
  std::vector<std::string> texts() {
    std::vector<std::string> values(count(sizeof(std::uint64_t)));
    for (std::string& value : values) value = text();
    return values;
  }
  std::optional<double> optional() {
    const bool given = number<std::uint8_t>() != 0;
    const double value = number<double>();
    return given ? std::optional(value) : std::nullopt;
  }
  std::vector<Lead> leads() {
    std::vector<Lead> leads(count(3 * sizeof(std::uint64_t)));
    for (Lead& lead : leads) {
      lead.name = text();
      lead.unit = text();
      const std::size_t samples = count(sizeof(float));
      const std::string_view from = take(samples * sizeof(float));
      lead.samples.resize(samples);
      if (samples > 0) std::memcpy(lead.samples.data(), from.data(), from.size());
    }
    return leads;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  // A number of things of at least `least` bytes each, which the rest must have room for.
  std::size_t count(std::size_t least) {
    const auto things = number<std::uint64_t>();
    DERI_CHECK(things <= rest_.size() / least);
    return static_cast<std::size_t>(things);
  }
  std::string_view take(std::size_t size) {
    DERI_CHECK(size <= rest_.size());
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

constexpr std::uint32_t kVersion = 0xDE810001;

}  // namespace

std::string to_bytes(const Recording& recording) {
  Writer out;
  out.number(kVersion);
  out.number(recording.rate);
  out.leads(recording.leads);
  out.text(recording.patient.id);
  out.optional(recording.patient.age);
  out.text(recording.patient.sex);
  out.texts(recording.comments);
  out.text(recording.source);
  out.text(recording.format);
  out.text(recording.recorded_at);
  out.texts(recording.statements);
  out.optional(recording.filters.high_pass);
  out.optional(recording.filters.low_pass);
  out.optional(recording.filters.notch);
  out.number<std::uint8_t>(recording.median ? 1 : 0);
  if (recording.median) {
    out.number(recording.median->rate);
    out.leads(recording.median->leads);
  }
  out.texts(recording.notes);
  return out.take();
}

Recording recording_from_bytes(std::string_view bytes) {
  Reader in(bytes);
  DERI_CHECK(in.number<std::uint32_t>() == kVersion);
  Recording recording;
  recording.rate = in.number<double>();
  recording.leads = in.leads();
  recording.patient.id = in.text();
  recording.patient.age = in.optional();
  recording.patient.sex = in.text();
  recording.comments = in.texts();
  recording.source = in.text();
  recording.format = in.text();
  recording.recorded_at = in.text();
  recording.statements = in.texts();
  recording.filters.high_pass = in.optional();
  recording.filters.low_pass = in.optional();
  recording.filters.notch = in.optional();
  if (in.number<std::uint8_t>() != 0) {
    MedianBeat median;
    median.rate = in.number<double>();
    median.leads = in.leads();
    recording.median = std::move(median);
  }
  recording.notes = in.texts();
  DERI_CHECK(in.at_end());
  return recording;
}

Recording decode_isolated(const std::filesystem::path& path, const std::function<Recording()>& decode) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(path, problem))
    fail("{}: cannot be opened: {}", path.string(), problem ? problem.message() : "it is not a file");
  const auto bytes = std::filesystem::file_size(path, problem);
  if (problem) fail("{}: cannot be opened: {}", path.string(), problem.message());
  // A decoder holds the file, its samples as double and as float, and the bytes sent here: under 32 bytes for each byte
  // of the file.
  const std::uint64_t megabytes = bytes >> 20;
  const IsolationLimits limits{
      .memory_mb = 1024 + 32 * megabytes,
      .cpu_seconds = static_cast<unsigned>(5 + std::min<std::uint64_t>(megabytes, 600)),
      .wall_seconds = static_cast<unsigned>(120 + 5 * std::min<std::uint64_t>(megabytes, 600))};
  return recording_from_bytes(run_isolated(
      path.string(), [&] { return to_bytes(decode()); }, limits));
}

}  // namespace deri
