#include "deri/ecg/wfdb.hpp"

#include <fstream>
#include <limits>
#include <set>
#include <span>
#include <string_view>
#include <system_error>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/ecg/wfdb_header.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{16} << 20;

// A day of 12 leads at 1000 Hz fits; 4 GiB as float.
constexpr std::uint64_t kMaxSamples = std::uint64_t{1} << 30;

// Signals that follow one another in the header and share a file.
struct Group {
  std::size_t first, count;
};

std::vector<Group> group_by_file(const WfdbHeader& header, const std::string& source) {
  std::vector<Group> groups;
  std::set<std::string_view> files;
  for (std::size_t i = 0; i < header.signals.size(); ++i) {
    const WfdbSignalSpec& signal = header.signals[i];
    if (i > 0 && header.signals[i - 1].file == signal.file) {
      const WfdbSignalSpec& before = header.signals[i - 1];
      if (before.format != signal.format || before.offset != signal.offset)
        fail("{}: the signals of {} differ in format or byte offset", source, signal.file);
      ++groups.back().count;
      continue;
    }
    if (!files.insert(signal.file).second) fail("{}: the signals of {} do not stand together", source, signal.file);
    groups.push_back({i, 1});
  }
  return groups;
}

// A signal file and how much it holds, known before memory is asked for.
struct SignalFile {
  fs::path path;
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;  // complete sets of one sample per signal
};

SignalFile inspect_file(const fs::path& folder, const WfdbSignalSpec& signal, std::size_t signals,
                        const std::string& source) {
  SignalFile file;
  file.path = folder / signal.file;
  std::error_code error;
  if (!fs::is_regular_file(file.path, error))
    fail("{}: its signal file {} is missing; put it beside the header", source, file.path.string());
  file.bytes = fs::file_size(file.path, error);
  if (error) fail("{}: cannot read {}: {}", source, file.path.string(), error.message());
  const std::uint64_t usable = file.bytes > signal.offset ? file.bytes - signal.offset : 0;
  file.frames = signal.format->samples_in(usable) / signals;
  return file;
}

std::vector<std::uint8_t> read_bytes(const fs::path& path, std::uint64_t offset, std::uint64_t count) {
  std::vector<std::uint8_t> bytes(count);
  std::ifstream stream(path, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  // iostreams speak char.
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  if (!stream || static_cast<std::uint64_t>(stream.gcount()) != count)
    fail("cannot read {}: fewer than {} bytes came", path.string(), offset + count);
  return bytes;
}

// Every `stride`-th sample from `first`, in mV.
std::vector<float> to_millivolts(std::span<const std::int32_t> samples, std::size_t first, std::size_t stride,
                                 const WfdbSignalSpec& signal) {
  std::vector<float> millivolts;
  millivolts.reserve(samples.size() / stride);
  for (std::size_t i = first; i < samples.size(); i += stride) {
    const double units = static_cast<double>(samples[i] - signal.baseline) / signal.gain;
    millivolts.push_back(samples[i] == signal.format->missing ? std::numeric_limits<float>::quiet_NaN()
                                                              : static_cast<float>(units * signal.millivolts_per_unit));
  }
  return millivolts;
}

void verify_checksum(std::span<const std::int32_t> samples, std::size_t first, std::size_t stride,
                     const WfdbSignalSpec& signal, const std::string& source) {
  if (!signal.checksum) return;
  std::uint32_t sum = 0;
  for (std::size_t i = first; i < samples.size(); i += stride) sum += static_cast<std::uint32_t>(samples[i]);
  const auto found = static_cast<std::uint16_t>(sum);
  const auto expected = static_cast<std::uint16_t>(*signal.checksum);
  if (found != expected)
    fail("{}: checksum of {} in {} is {}, the header says {}: it is damaged, fetch it again", source, signal.name,
         signal.file, found, expected);
}

void read_group(const WfdbHeader& header, const Group& group, const SignalFile& file, std::uint64_t length,
                const WfdbOptions& options, Recording& recording) {
  const WfdbSignalSpec& first = header.signals[group.first];
  const std::uint64_t total = length * group.count;
  const std::vector<std::uint8_t> bytes = read_bytes(file.path, first.offset, first.format->bytes_of(total));
  std::vector<std::int32_t> samples(total);
  first.format->decode(bytes, samples);
  for (std::size_t i = 0; i < group.count; ++i) {
    const WfdbSignalSpec& signal = header.signals[group.first + i];
    if (options.verify_checksums) verify_checksum(samples, i, group.count, signal, recording.source);
    recording.leads.push_back({signal.name, to_millivolts(samples, i, group.count, signal)});
  }
}

// Samples per signal: what the header promises, if the files hold it, or else what the files hold.
std::uint64_t record_length(const WfdbHeader& header, const std::vector<SignalFile>& files, const std::string& source) {
  for (const SignalFile& file : files) {
    if (header.length && *header.length > file.frames)
      fail("{}: promises {} samples per signal; truncated: {} ({} bytes) holds {}, fetch it again", source,
           *header.length, file.path.string(), file.bytes, file.frames);
    if (!header.length && file.frames != files.front().frames)
      fail("{}: does not give its length, and its signal files hold {} and {} samples", source, files.front().frames,
           file.frames);
  }
  const std::uint64_t length = header.length.value_or(files.front().frames);
  if (length == 0) fail("{}: the record holds no samples", source);
  if (length > kMaxSamples / header.signals.size())
    fail("{}: {} samples of {} signals are more than can be read at once; split the record", source, length,
         header.signals.size());
  return length;
}

fs::path header_path(const fs::path& path) {
  if (path.extension() == ".hea") return path;
  fs::path with_suffix = path;
  with_suffix += ".hea";
  return with_suffix;
}

}  // namespace

Recording read_wfdb(const fs::path& header, const WfdbOptions& options) {
  const fs::path path = header_path(header);
  Recording recording;
  recording.source = path.string();
  const std::string text = read_file(path, kMaxHeaderBytes);
  const WfdbHeader parsed = parse_wfdb_header(text, recording.source);

  const std::vector<Group> groups = group_by_file(parsed, recording.source);
  std::vector<SignalFile> files;
  files.reserve(groups.size());
  for (const Group& group : groups)
    files.push_back(inspect_file(path.parent_path(), parsed.signals[group.first], group.count, recording.source));
  const std::uint64_t length = record_length(parsed, files, recording.source);

  recording.rate = parsed.rate;
  recording.comments = parsed.comments;
  recording.patient = patient_from_comments(parsed.comments);
  for (std::size_t i = 0; i < groups.size(); ++i) read_group(parsed, groups[i], files[i], length, options, recording);
  return recording;
}

}  // namespace deri
