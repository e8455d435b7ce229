#include "deri/ecg/biosig.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/device_fields.hpp"
#include "deri/ecg/recording_bytes.hpp"
#include "deri/ecg/scp_sections.hpp"

#if DERI_WITH_BIOSIG
#include <biosig.h>
#undef isfinite  // its macro hides std::isfinite
#endif

namespace deri {

bool has_biosig() {
  return DERI_WITH_BIOSIG != 0;
}

#if DERI_WITH_BIOSIG
namespace {

namespace fs = std::filesystem;

// The first bytes of a file, fewer if it is shorter. Looked at here, before the library: it would try a hundred other
// formats, whose decoders nobody asked for.
std::string first_bytes(const fs::path& path, std::size_t count) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(count, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

// ---- the library's types, made safe ----

struct CloseHeader {
  void operator()(HDRTYPE* header) const { destructHDR(header); }
};
using Header = std::unique_ptr<HDRTYPE, CloseHeader>;

template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  return device_text(std::string_view(field, N));
}

Header open_header(const std::string& source, std::initializer_list<FileFormat> wanted) {
  HDRTYPE* settings = constructHDR(0, 0);
  if (settings == nullptr) fail("{}: out of memory", source);
  settings->FLAG.UCAL = 0;
  settings->FLAG.OVERFLOWDETECTION = 0;  // it makes NaN of the largest and smallest sample value, which are sound
  settings->FLAG.ANONYMOUS = 1;          // no names
  settings->FLAG.ROW_BASED_CHANNELS = 0;
  // An absolute path: the library takes "word://" for a server's address.
  Header header(sopen(fs::absolute(source).c_str(), "r", settings));
  if (!header) fail("{}: libbiosig cannot read it", source);
  if (header->AS.B4C_ERRNUM != B4C_NO_ERROR) {
    const char* why = header->AS.B4C_ERRMSG;
    fail("{}: libbiosig cannot read it: {}", source, why == nullptr ? "no reason given" : shown(why));
  }
  if (std::find(wanted.begin(), wanted.end(), header->TYPE) == wanted.end())
    fail("{}: libbiosig takes it for another format: it is damaged", source);
  return header;
}

// gdf_time counts days since the year 0 in units of 2^-32: finer than a second by less than 1 ms, so rounded.
std::optional<std::chrono::sys_seconds> time_of(gdf_time time) {
  constexpr double kEpoch = 719529;  // 1970-01-01
  const double days = std::ldexp(static_cast<double>(time), -32) - kEpoch;
  constexpr double kMost = 366.0 * 300;
  if (time == 0 || !(std::abs(days) < kMost)) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(std::llround(days * 86400)));
}

// ---- samples ----

struct Channel {
  std::size_t index = 0;  // in the file
  std::size_t per_block = 0;
};

// The channels that carry samples: not those switched off, as EDF's annotations are.
std::vector<Channel> signal_channels(const HDRTYPE& header) {
  std::vector<Channel> channels;
  for (std::size_t i = 0; i < header.NS; ++i)
    if (header.CHANNEL[i].OnOff == 1 && header.CHANNEL[i].SPR > 0) channels.push_back({i, header.CHANNEL[i].SPR});
  return channels;
}

// How the blocks of a file become leads of one rate.
struct Shape {
  std::vector<Channel> channels;
  std::size_t blocks = 0;
  std::size_t library_rows = 0;  // per block, as the library gives them: a common multiple of all channels' numbers
  std::size_t rows = 0;          // per block, ours: the largest of them
  double rate = 0;               // Hz
};

Shape shape_of(const HDRTYPE& header, const std::string& source) {
  constexpr std::size_t kMostValues = std::size_t{1} << 26;  // of a block as double: 512 MB
  Shape shape;
  shape.channels = signal_channels(header);
  if (shape.channels.empty()) fail("{}: it holds no signal (annotations at most)", source);
  if (header.NRec < 1) fail("{}: it holds no samples", source);
  shape.blocks = static_cast<std::size_t>(header.NRec);
  shape.library_rows = header.SPR;
  for (const Channel& channel : shape.channels) {
    shape.rows = std::max(shape.rows, channel.per_block);
    if (shape.library_rows % channel.per_block != 0)
      fail("{}: its channels' sampling rates have no common multiple that can be handled", source);
  }
  if (shape.library_rows > kMostValues / header.NS)
    fail("{}: {} channels with up to {} samples in a block, which is too large", source, header.NS, shape.rows);
  if (shape.blocks > (std::size_t{1} << 40) / shape.rows) fail("{}: {} blocks of samples", source, shape.blocks);
  shape.rate = header.SampleRate * static_cast<double>(shape.rows) / static_cast<double>(shape.library_rows);
  if (!std::isfinite(shape.rate) || shape.rate <= 0) fail("{}: it gives no sampling rate", source);
  return shape;
}

// Of a decoded chunk: [channel][row]. Slower channels repeat their samples.
void append_chunk(const HDRTYPE& header, const Shape& shape, std::size_t blocks, std::vector<Lead>& leads) {
  const std::size_t stride = header.data.size[0];  // rows per channel
  for (std::size_t c = 0; c < shape.channels.size(); ++c) {
    const biosig_data_type* column = header.data.block + c * stride;
    const std::size_t step = shape.library_rows / shape.channels[c].per_block;
    for (std::size_t block = 0; block < blocks; ++block) {
      for (std::size_t row = 0; row < shape.rows; ++row) {
        const std::size_t sample = row * shape.channels[c].per_block / shape.rows;
        leads[c].samples.push_back(static_cast<float>(column[block * shape.library_rows + sample * step]));
      }
    }
  }
}

void read_samples(HDRTYPE& header, const Shape& shape, const std::string& source, std::vector<Lead>& leads) {
  constexpr std::size_t kChunkValues = std::size_t{1} << 21;
  const std::size_t chunk =
      std::max<std::size_t>(1, kChunkValues / (shape.library_rows * static_cast<std::size_t>(header.NS)));
  for (std::size_t first = 0; first < shape.blocks; first += chunk) {
    const std::size_t wanted = std::min(chunk, shape.blocks - first);
    const std::size_t got = sread(nullptr, first, wanted, &header);
    const bool whole = got == wanted && header.data.block != nullptr && header.data.size[1] == shape.channels.size() &&
                       header.data.size[0] == wanted * shape.library_rows;
    if (!whole) fail("{}: it promises {} blocks of samples and ends before: it is cut off", source, shape.blocks);
    append_chunk(header, shape, wanted, leads);
  }
}

std::vector<Lead> read_leads(HDRTYPE& header, const Shape& shape, const std::string& source) {
  std::vector<Lead> leads;
  for (const Channel& channel : shape.channels) {
    const CHANNEL_TYPE& described = header.CHANNEL[channel.index];
    std::string name = lead_from_label(text_of(described.Label));
    if (name.empty()) name = fmt::format("signal {}", channel.index + 1);
    const char* unit = PhysDim3(described.PhysDimCode);
    leads.push_back({std::move(name), {}, unit == nullptr ? "" : unit});
    leads.back().samples.reserve(shape.blocks * shape.rows);
  }
  read_samples(header, shape, source, leads);
  for (Lead& lead : leads) {
    const std::optional<double> factor = millivolts_per(lead.unit);
    if (!factor) continue;
    for (float& sample : lead.samples) sample = static_cast<float>(static_cast<double>(sample) * *factor);
    lead.unit = kMillivolt;
  }
  return leads;
}

// ---- the rest of a recording ----

Filters filters_of(const HDRTYPE& header, const Shape& shape) {
  const auto given = [](float frequency) {
    const bool sound = std::isfinite(frequency) && frequency > 0 && frequency < 1e5F;
    // "0.05" went through a float: six digits bring it back.
    return sound ? std::optional(std::stod(fmt::format("{:.6g}", frequency))) : std::nullopt;
  };
  const CHANNEL_TYPE& channel = header.CHANNEL[shape.channels.front().index];
  // EDF: a Notch that nobody set is no number or a random tiny one.
  const std::optional<double> notch = given(channel.Notch);
  return {given(channel.HighPass), given(channel.LowPass), notch && *notch >= 1 ? notch : std::nullopt};
}

void note_rates(const Shape& shape, Recording& recording) {
  for (std::size_t c = 0; c < shape.channels.size(); ++c) {
    const std::size_t own = shape.channels[c].per_block;
    if (own == shape.rows) continue;
    recording.notes.push_back(
        fmt::format("{} was sampled at {:g} Hz: its samples are repeated to {:g} Hz", recording.leads[c].name,
                    shape.rate * static_cast<double>(own) / static_cast<double>(shape.rows), shape.rate));
  }
}

Recording decode(const std::string& source, const std::string& format, std::initializer_list<FileFormat> wanted) {
  const Header header = open_header(source, wanted);
  const Shape shape = shape_of(*header, source);
  Recording recording;
  recording.source = source;
  recording.format = format;
  recording.rate = shape.rate;
  recording.leads = read_leads(*header, shape, source);
  recording.filters = filters_of(*header, shape);
  note_rates(shape, recording);
  recording.patient.id = text_of(header->Patient.Id);
  recording.patient.sex = header->Patient.Sex == 1 ? "male" : header->Patient.Sex == 2 ? "female" : "";
  if (const auto start = time_of(header->T0)) {
    recording.recorded_at = iso_time(*start);
    if (const auto birth = time_of(header->Patient.Birthday)) recording.patient.age = age_between(*birth, *start);
  }
  return recording;
}

// The library takes the last sample's number for their count where the first is number 0, and reads one sample too
// many: the next lead's first, or what lies behind the data.
void mend_scp_length(const ScpFacts& facts, Recording& recording) {
  if (!facts.length || *facts.length == 0 || *facts.length >= recording.length()) return;
  for (Lead& lead : recording.leads) lead.samples.resize(*facts.length);
}

std::string joined(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return list;
}

void add_scp_facts(const ScpFacts& facts, Recording& recording) {
  mend_scp_length(facts, recording);
  if (facts.age) recording.patient.age = facts.age;
  recording.statements = facts.statements;
  if (!facts.checksum_right) recording.notes.emplace_back("the file's checksum is wrong");
  if (const auto added = derive_limb_leads(recording.leads); !added.empty())
    recording.notes.push_back(fmt::format("{} were computed from I and II", joined(added)));
}

bool is_scp(std::string_view head) {
  return head.size() == 22 && head.substr(16) == "SCPECG";
}

// "EDF", "EDF+" or "BDF"; nothing for another file.
std::optional<std::string> edf_kind(std::string_view head) {
  if (head.size() < 256) return std::nullopt;
  const std::string_view version = head.substr(192, 44);
  if (head.substr(0, 8) ==
      "\xFF"
      "BIOSEMI")
    return version.substr(0, 4) == "BDF+" ? "BDF+" : "BDF";
  if (head.substr(0, 8) != "0       ") return std::nullopt;
  return version.substr(0, 4) == "EDF+" ? "EDF+" : "EDF";
}

std::optional<std::int64_t> whole_number(std::string_view field) {
  const std::string_view digits = trimmed(field);
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool sound = problem == std::errc() && end == digits.data() + digits.size();
  return sound ? std::optional(value) : std::nullopt;
}

// The header's numbers against the size of the file. The library believes them, and asks for memory accordingly.
void check_edf_size(const fs::path& path, std::string_view head, std::size_t sample_bytes) {
  constexpr std::int64_t kMostSamples = std::int64_t{1} << 30;  // of a record and channel
  const std::string source = path.string();
  const auto channels = whole_number(head.substr(252, 4));
  const auto records = whole_number(head.substr(236, 8));
  if (!channels || *channels < 1) fail("{}: its header gives no number of channels", source);
  if (!records || *records == 0 || *records < -1) fail("{}: its header gives no number of records", source);
  const auto size = static_cast<std::int64_t>(fs::file_size(path));
  const std::int64_t header_size = 256 * (*channels + 1);
  const std::string header = first_bytes(path, static_cast<std::size_t>(std::min(header_size, size)));
  if (size < header_size) fail("{}: it ends within its header: it is cut off", source);
  std::int64_t record_size = 0;
  for (std::int64_t i = 0; i < *channels; ++i) {
    const auto field = static_cast<std::size_t>(256 + 216 * *channels + 8 * i);
    const auto samples = whole_number(std::string_view(header).substr(field, 8));
    if (!samples || *samples < 1 || *samples > kMostSamples)
      fail("{}: channel {} has no number of samples per record", source, i + 1);
    record_size += *samples * static_cast<std::int64_t>(sample_bytes);
  }
  const std::int64_t present = (size - header_size) / record_size;
  if (present < std::max<std::int64_t>(*records, 1))  // -1: as many as there are
    fail("{}: {} records of samples are promised, the file holds {}: it is cut off", source, *records, present);
}

}  // namespace

Recording read_scp(const fs::path& path) {
  const std::string source = path.string();
  return decode_isolated(path, [&] {
    if (!is_scp(first_bytes(path, 22))) fail("{}: no SCP-ECG file: it has no 'SCPECG' in its first section", source);
    const ScpFacts facts = read_scp_facts(read_file(path));
    if (!facts.whole) fail("{}: it is shorter than it says: it is cut off", source);  // zeros, says the library
    Recording recording = decode(source, "SCP-ECG", {SCP_ECG});
    add_scp_facts(facts, recording);
    return recording;
  });
}

Recording read_edf(const fs::path& path) {
  const std::string source = path.string();
  return decode_isolated(path, [&] {
    const std::string head = first_bytes(path, 256);
    const std::optional<std::string> kind = edf_kind(head);
    if (!kind) fail("{}: neither EDF nor BDF: it begins neither with '0' and blanks nor with BIOSEMI", source);
    check_edf_size(path, head, kind->front() == 'B' ? 3 : 2);
    Recording recording = decode(source, *kind, {EDF, BDF});
    if (head[196] == 'D' && kind->back() == '+')
      recording.notes.emplace_back("the recording was interrupted: its parts follow each other without a gap");
    if (recording.patient.id == "X" || recording.patient.id == "X X X X") recording.patient.id.clear();
    return recording;
  });
}

#else

namespace {
[[noreturn]] void fail_without_library(const std::filesystem::path& path, const char* format) {
  fail("{}: this build has no {} reader: install libbiosig-dev and build again", path.string(), format);
}
}  // namespace

Recording read_scp(const std::filesystem::path& path) {
  fail_without_library(path, "SCP-ECG");
}

Recording read_edf(const std::filesystem::path& path) {
  fail_without_library(path, "EDF");
}

#endif

}  // namespace deri
