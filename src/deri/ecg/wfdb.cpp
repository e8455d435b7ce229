#include "deri/ecg/wfdb.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <span>
#include <string_view>
#include <type_traits>

#include "deri/base/error.hpp"
#include "deri/ecg/wfdb_header.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// A day of 12 leads at 1000 Hz fits; 4 GiB as float.
constexpr std::uint64_t kMaxSamples = std::uint64_t{1} << 30;

// Gaps of a record in several segments cost no bytes in its files, so no file's size bounds them: 512 MiB of NaN.
constexpr std::uint64_t kMaxGapSamples = std::uint64_t{1} << 27;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Signals that follow one another in the header and share a file.
struct Group {
  std::size_t first, count;
  std::uint64_t frame_samples;  // of all its signals
  std::uint64_t bytes = 0;      // of its file, after the offset
};

// One segment of a record, or all of it: its files, and the integers they hold.
class SegmentReader {
 public:
  SegmentReader(const WfdbFolder& folder, const WfdbHeader& header, const std::string& source,
                const WfdbOptions& options)
      : folder_(folder), header_(header), source_(source), options_(options) {
    group_by_file();
    for (const WfdbSignalSpec& signal : header_.signals) max_skew_ = std::max(max_skew_, signal.skew);
  }

  // Samples per frame of the fastest signal.
  std::uint64_t fastest() const {
    std::uint64_t samples = 1;
    for (const WfdbSignalSpec& signal : header_.signals) samples = std::max(samples, signal.samples_per_frame);
    return samples;
  }

  // Every signal with `expansion` samples per frame. A signal of format 0 has none and is left out.
  std::vector<Lead> read(std::uint64_t expansion) {
    check_files(expansion);
    std::vector<Lead> leads;
    leads.reserve(header_.signals.size());
    for (const Group& group : groups_) read_group(group, expansion, leads);
    return leads;
  }

 private:
  void group_by_file() {
    std::set<std::string_view> files;
    for (std::size_t i = 0; i < header_.signals.size(); ++i) {
      const WfdbSignalSpec& signal = header_.signals[i];
      if (signal.format == nullptr) continue;
      if (i > 0 && header_.signals[i - 1].file == signal.file) {
        const WfdbSignalSpec& before = header_.signals[i - 1];
        if (before.format != signal.format || before.offset != signal.offset)
          fail("{}: the signals of {} differ in format or byte offset", source_, signal.file);
        if (signal.format->compressed() && before.samples_per_frame != signal.samples_per_frame)
          fail("{}: the signals of {} differ in samples per frame, which format {} cannot hold", source_, signal.file,
               signal.format->code);
        ++groups_.back().count;
        groups_.back().frame_samples += signal.samples_per_frame;
        continue;
      }
      if (!files.insert(signal.file).second) fail("{}: the signals of {} do not stand together", source_, signal.file);
      groups_.push_back({i, 1, signal.samples_per_frame});
    }
    if (groups_.empty()) fail("{}: none of its signals has samples", source_);
  }

  // The length, if header and files agree on one; nothing is read or allocated before.
  void check_files(std::uint64_t expansion) {
    length_ = header_.length;
    for (Group& group : groups_) {
      const WfdbSignalSpec& signal = header_.signals[group.first];
      const std::optional<std::uint64_t> bytes = folder_.size(signal.file);
      if (!bytes)
        fail("{}: its signal file {} is missing; put it beside the header", source_, folder_.path_of(signal.file));
      group.bytes = *bytes > signal.offset ? *bytes - signal.offset : 0;
      if (!signal.format->compressed()) agree_on_length(signal.format->samples_in(group.bytes), group);
    }
    if (length_) check_length(*length_, expansion);
  }

  void agree_on_length(std::uint64_t samples, const Group& group) {
    const std::uint64_t frames = samples / group.frame_samples;
    if (header_.length && *header_.length > frames)
      fail("{}: promises {} samples per signal; truncated: {} ({} bytes) holds {}, fetch it again", source_,
           *header_.length, folder_.path_of(header_.signals[group.first].file), group.bytes, frames);
    if (!length_) length_ = frames;
    if (!header_.length && frames != *length_)
      fail("{}: does not give its length, and its signal files hold {} and {} samples", source_, *length_, frames);
  }

  void check_length(std::uint64_t length, std::uint64_t expansion) const {
    if (length == 0) fail("{}: the record holds no samples", source_);
    if (length > kMaxSamples / (header_.signals.size() * expansion))
      fail("{}: {} samples of {} signals are more than can be read at once; split the record", source_, length,
           header_.signals.size());
    if (length <= max_skew_) fail("{}: a skew of {} frames leaves nothing of {}", source_, max_skew_, length);
  }

  std::vector<std::uint8_t> read_bytes(const Group& group, std::uint64_t count) const {
    const WfdbSignalSpec& signal = header_.signals[group.first];
    std::vector<std::uint8_t> bytes(count);
    folder_.read(signal.file, signal.offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  void read_group(const Group& group, std::uint64_t expansion, std::vector<Lead>& leads) {
    const WfdbSignalSpec& first = header_.signals[group.first];
    if (first.format->compressed()) {
      read_compressed_group(group, expansion, leads);
      return;
    }
    const std::uint64_t samples = *length_ * group.frame_samples;
    // What every archive is made of: 16 bits as this machine has them.
    if (first.format->code == 16 && std::endian::native == std::endian::little) {
      std::vector<std::int16_t> values(samples);
      folder_.read(first.file, first.offset, std::as_writable_bytes(std::span(values)));
      add_leads<std::int16_t>(group, separate<std::int16_t>(group, values), expansion, leads);
      return;
    }
    std::vector<std::int32_t> values(samples);
    first.format->decode(read_bytes(group, first.format->bytes_of(samples)), values);
    add_leads<std::int32_t>(group, separate<std::int32_t>(group, values), expansion, leads);
  }

  // One channel per signal, whatever the samples per frame.
  void read_compressed_group(const Group& group, std::uint64_t expansion, std::vector<Lead>& leads) {
    const WfdbSignalSpec& first = header_.signals[group.first];
    std::optional<std::uint64_t> wanted;
    if (length_) wanted = *length_ * first.samples_per_frame;
    const std::vector<std::int32_t> values =
        decode_flac(*first.format, read_bytes(group, group.bytes), group.count, wanted, folder_.path_of(first.file));
    agree_on_length(values.size(), group);
    check_length(*length_, expansion);
    const std::uint64_t per_channel = *length_ * first.samples_per_frame;
    std::vector<std::int32_t> separated(per_channel * group.count);
    for (std::uint64_t i = 0; i < per_channel; ++i)
      for (std::size_t c = 0; c < group.count; ++c) separated[c * per_channel + i] = values[i * group.count + c];
    add_leads<std::int32_t>(group, std::move(separated), expansion, leads);
  }

  // From frame after frame to signal after signal.
  template <typename T>
  std::vector<T> separate(const Group& group, std::span<const T> values) const {
    constexpr std::uint64_t kBlock =
        256;  // frames whose samples stay in the first-level cache while every signal takes its own
    std::vector<T> separated(values.size());
    for (std::uint64_t begin = 0; begin < *length_; begin += kBlock) {
      const std::uint64_t end = std::min(begin + kBlock, *length_);
      std::uint64_t place = 0;  // of the signal within a frame
      for (std::size_t i = group.first; i < group.first + group.count; ++i) {
        const std::uint64_t count = header_.signals[i].samples_per_frame;
        T* out = separated.data() + place * *length_ + begin * count;
        const T* in = values.data() + begin * group.frame_samples + place;
        if (count == 1) {  // nearly always; the compiler makes the loop below a call of memcpy for each sample
          for (std::uint64_t frame = begin; frame < end; ++frame, in += group.frame_samples) *out++ = *in;
        } else {
          for (std::uint64_t frame = begin; frame < end; ++frame, in += group.frame_samples)
            for (std::uint64_t k = 0; k < count; ++k) *out++ = in[k];
        }
        place += count;
      }
    }
    return separated;
  }

  template <typename T>
  void add_leads(const Group& group, std::vector<T> separated, std::uint64_t expansion,
                 std::vector<Lead>& leads) const {
    std::span<T> rest(separated);
    for (std::size_t i = group.first; i < group.first + group.count; ++i) {
      const WfdbSignalSpec& signal = header_.signals[i];
      const std::span<T> samples = rest.first(*length_ * signal.samples_per_frame);
      rest = rest.subspan(samples.size());
      if constexpr (std::is_same_v<T, std::int32_t>)
        if (signal.format->code == 8) sum_differences(samples, signal.initial);
      if (options_.verify_checksums) verify_checksum<T>(samples, signal);
      leads.push_back({signal.name, physical<T>(in_line<T>(samples, signal), signal, expansion), signal.unit});
    }
  }

  static void sum_differences(std::span<std::int32_t> samples, std::int32_t initial) {
    auto value = static_cast<std::uint32_t>(initial);
    for (std::int32_t& sample : samples) {
      value += static_cast<std::uint32_t>(sample);
      sample = static_cast<std::int32_t>(value);
    }
  }

  template <typename T>
  void verify_checksum(std::span<const T> samples, const WfdbSignalSpec& signal) const {
    if (!signal.checksum) return;
    std::uint32_t sum = 0;
    for (const T sample : samples) sum += static_cast<std::uint32_t>(sample);
    const auto found = static_cast<std::uint16_t>(sum);
    const auto expected = static_cast<std::uint16_t>(*signal.checksum);
    if (found != expected)
      fail("{}: checksum of {} in {} is {}, the header says {}: it is damaged, fetch it again", source_, signal.name,
           signal.file, found, expected);
  }

  // The samples of the frames that every signal has, once each is put back by its skew.
  template <typename T>
  std::span<const T> in_line(std::span<const T> samples, const WfdbSignalSpec& signal) const {
    return samples.subspan(signal.skew * signal.samples_per_frame, (*length_ - max_skew_) * signal.samples_per_frame);
  }

  template <typename T>
  std::vector<float> physical(std::span<const T> samples, const WfdbSignalSpec& signal, std::uint64_t expansion) const {
    const std::uint64_t count = signal.samples_per_frame;
    if (count == expansion) return to_unit<T>(samples, signal);
    if (options_.frames == WfdbFrames::kAverage) return to_unit<std::int32_t>(averages<T>(samples, signal), signal);
    const std::vector<float> values = to_unit<T>(samples, signal);
    std::vector<float> held(samples.size() / count * expansion);
    for (std::uint64_t i = 0; i < held.size(); ++i)
      held[i] = values[i / expansion * count + i % expansion * count / expansion];
    return held;
  }

  template <typename T>
  static std::vector<float> to_unit(std::span<const T> samples, const WfdbSignalSpec& signal) {
    // Where sample, baseline and gain are exact in float, so that float's quotient is the correctly rounded one, it is
    // the same as double's rounded again (Figueroa 1995: 53 >= 2 * 24 + 2 bits), at twice the speed.
    constexpr std::int64_t kExact = 1 << 23;
    const bool exact = sizeof(T) == 2 && std::abs(signal.baseline) < kExact && signal.scale == 1 &&
                       static_cast<double>(static_cast<float>(signal.gain)) == signal.gain;
    return exact ? convert<T, float>(samples, signal) : convert<T, double>(samples, signal);
  }

  template <typename T, typename Real>
  static std::vector<float> convert(std::span<const T> samples, const WfdbSignalSpec& signal) {
    std::vector<float> values(samples.size());
    const auto baseline = static_cast<Real>(signal.baseline);
    const auto gain = static_cast<Real>(signal.gain);
    const auto scale = static_cast<Real>(signal.scale);
    const std::int32_t mark = signal.format->missing.value_or(0);
    const bool marked = signal.format->missing.has_value();  // format 8 marks no sample as missing
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const auto value = static_cast<float>((static_cast<Real>(samples[i]) - baseline) / gain * scale);
      values[i] = marked && samples[i] == mark ? kNaN : value;
    }
    return values;
  }

  // The integer mean of each frame; a frame with a missing sample has none.
  template <typename T>
  static std::vector<std::int32_t> averages(std::span<const T> samples, const WfdbSignalSpec& signal) {
    const auto count = static_cast<std::int64_t>(signal.samples_per_frame);
    std::vector<std::int32_t> means;
    means.reserve(samples.size() / signal.samples_per_frame);
    for (std::size_t at = 0; at < samples.size(); at += signal.samples_per_frame) {
      const std::span<const T> frame = samples.subspan(at, signal.samples_per_frame);
      const bool incomplete =
          signal.format->missing && std::ranges::count(frame, static_cast<T>(*signal.format->missing)) > 0;
      const std::int64_t sum = std::accumulate(frame.begin(), frame.end(), std::int64_t{0});
      means.push_back(incomplete ? *signal.format->missing : static_cast<std::int32_t>(sum / count));
    }
    return means;
  }

  const WfdbFolder& folder_;
  const WfdbHeader& header_;
  const std::string& source_;
  const WfdbOptions& options_;
  std::vector<Group> groups_;
  std::uint64_t max_skew_ = 0;
  std::optional<std::uint64_t> length_;  // frames
};

// A record of several segments: they are read one after another and strung together.
class MultiSegmentReader {
 public:
  MultiSegmentReader(const WfdbFolder& folder, const WfdbHeader& header, const std::string& source,
                     const WfdbOptions& options)
      : folder_(folder), header_(header), source_(source), options_(options) {}

  // Fills leads and rate.
  void read(Recording& recording) {
    std::span<const WfdbSegmentSpec> segments(header_.segments);
    check_lengths();
    const bool variable = segments.front().length == 0;
    if (variable) {
      take_layout(segment_header(segments.front()));
      segments = segments.subspan(1);
    }
    for (const WfdbSegmentSpec& segment : segments) {
      if (segment.name.empty())
        add_gap(segment.length);
      else
        add_segment(segment, variable);
    }
    recording.leads = std::move(leads_);
    recording.rate = header_.rate * static_cast<double>(expansion_);
  }

 private:
  void check_lengths() const {
    std::uint64_t total = 0;
    for (const WfdbSegmentSpec& segment : header_.segments) {
      if (segment.length > kMaxSamples - total)
        fail("{}: its segments are more than can be read at once; read them one by one", source_);
      total += segment.length;
    }
    if (header_.length && *header_.length != total)
      fail("{}: promises {} samples, its segments have {}", source_, *header_.length, total);
    if (total == 0) fail("{}: the record holds no samples", source_);
  }

  WfdbHeader segment_header(const WfdbSegmentSpec& segment) const {
    const std::string file = segment.name + ".hea";
    if (segment.name.empty()) fail("{}: begins with a gap instead of its layout", source_);
    const std::string place = folder_.path_of(file);
    WfdbHeader header = parse_wfdb_header(folder_.header(file), place);
    if (!header.segments.empty()) fail("{}: a segment of {} has segments itself", place, source_);
    if (header.rate != header_.rate)
      fail("{}: has {} frames a second, the record {} has {}", place, header.rate, source_, header_.rate);
    return header;
  }

  void take_layout(const WfdbHeader& layout) {
    for (const WfdbSignalSpec& signal : layout.signals) {
      if (options_.frames == WfdbFrames::kExpand) expansion_ = std::max(expansion_, signal.samples_per_frame);
      leads_.push_back({signal.name, {}, signal.unit});
    }
    check_size();
  }

  void check_size() const {
    std::uint64_t total = 0;
    for (const WfdbSegmentSpec& segment : header_.segments) total += segment.length;
    if (total > kMaxSamples / (leads_.size() * expansion_))
      fail("{}: {} samples of {} signals are more than can be read at once; read its segments one by one", source_,
           total, leads_.size());
  }

  void add_gap(std::uint64_t frames) {
    if (leads_.empty()) fail("{}: begins with a gap, and has no layout that names its signals", source_);
    for (Lead& lead : leads_) add_missing(lead, frames * expansion_);
  }

  void add_missing(Lead& lead, std::uint64_t samples) {
    gap_samples_ += samples;
    if (gap_samples_ > kMaxGapSamples)
      fail("{}: its gaps are more than can be read at once; read its segments one by one", source_);
    lead.samples.insert(lead.samples.end(), samples, kNaN);
  }

  void add_segment(const WfdbSegmentSpec& segment, bool variable) {
    const WfdbHeader header = segment_header(segment);
    const std::string place = folder_.path_of(segment.name + ".hea");
    SegmentReader reader(folder_, header, place, options_);
    if (leads_.empty()) {
      if (options_.frames == WfdbFrames::kExpand) expansion_ = reader.fastest();
      for (const WfdbSignalSpec& signal : header.signals) leads_.push_back({signal.name, {}, signal.unit});
      check_size();
    }
    std::vector<Lead> read = reader.read(expansion_);
    if (read.front().samples.size() != segment.length * expansion_)
      fail("{}: has {} samples, {} promises {}", place, read.front().samples.size() / expansion_, source_,
           segment.length);
    if (!variable && read.size() != leads_.size())
      fail("{}: has {} signals, the segments before have {}", place, read.size(), leads_.size());
    for (std::size_t i = 0; i < leads_.size(); ++i) {
      Lead* found = variable ? take_lead(read, leads_[i].name) : &read[i];
      if (found == nullptr)
        add_missing(leads_[i], segment.length * expansion_);
      else
        append(leads_[i], *found, place);
    }
  }

  // The first lead of that name that was not taken before: a layout may name two signals alike.
  static Lead* take_lead(std::vector<Lead>& leads, const std::string& name) {
    const auto found = std::find_if(leads.begin(), leads.end(),
                                    [&](const Lead& lead) { return lead.name == name && !lead.samples.empty(); });
    return found == leads.end() ? nullptr : &*found;
  }

  static void append(Lead& lead, Lead& more, const std::string& place) {
    if (lead.unit != more.unit)
      fail("{}: the signal {} is in '{}', in the record it is in '{}'", place, lead.name, more.unit, lead.unit);
    lead.samples.insert(lead.samples.end(), more.samples.begin(), more.samples.end());
    more.samples.clear();
  }

  const WfdbFolder& folder_;
  const WfdbHeader& header_;
  const std::string& source_;
  const WfdbOptions& options_;
  std::vector<Lead> leads_;
  std::uint64_t expansion_ = 1;  // samples per frame
  std::uint64_t gap_samples_ = 0;
};

void note_missing_gains(const WfdbHeader& header, Recording& recording) {
  for (const WfdbSignalSpec& signal : header.signals)
    if (!signal.gain_given && signal.format != nullptr)
      recording.notes.push_back(
          fmt::format("the header gives no gain for {}: WFDB's default of 200 steps per mV was taken", signal.name));
}

}  // namespace

Recording read_wfdb(const WfdbFolder& folder, const std::string& name, const WfdbOptions& options) {
  const std::string file = name + ".hea";
  Recording recording;
  recording.source = folder.path_of(file);
  recording.format = "WFDB";
  WfdbHeader header = parse_wfdb_header(folder.header(file), recording.source);
  recording.patient = patient_from_comments(header.comments);
  recording.recorded_at = header.recorded_at;
  recording.comments = std::move(header.comments);
  note_missing_gains(header, recording);
  if (!header.segments.empty()) {
    MultiSegmentReader(folder, header, recording.source, options).read(recording);
    return recording;
  }
  SegmentReader reader(folder, header, recording.source, options);
  const std::uint64_t expansion = options.frames == WfdbFrames::kExpand ? reader.fastest() : 1;
  recording.leads = reader.read(expansion);
  recording.rate = header.rate * static_cast<double>(expansion);
  return recording;
}

Recording read_wfdb(const fs::path& header, const WfdbOptions& options) {
  const bool suffixed = header.extension() == ".hea";
  return read_wfdb(WfdbDiskFolder(header.parent_path()), (suffixed ? header.stem() : header.filename()).string(),
                   options);
}

}  // namespace deri
