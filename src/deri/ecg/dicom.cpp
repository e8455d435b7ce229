#include "deri/ecg/dicom.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/device_fields.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/recording_bytes.hpp"

#if DERI_WITH_DCMTK
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#endif

namespace deri {

bool has_dcmtk() {
  return DERI_WITH_DCMTK != 0;
}

#if DERI_WITH_DCMTK
namespace {

// ---- elements ----

std::string text_at(DcmItem& item, const DcmTagKey& tag) {
  OFString text;
  if (item.findAndGetOFStringArray(tag, text).bad()) return {};
  return device_text(std::string_view(text.c_str(), text.length()));
}

// DS, FD, US, … as a number, if it is one.
std::optional<double> number_at(DcmItem& item, const DcmTagKey& tag) {
  Float64 real = 0;
  if (item.findAndGetFloat64(tag, real).good()) return std::isfinite(real) ? std::optional(real) : std::nullopt;
  Uint16 small = 0;
  if (item.findAndGetUint16(tag, small).good()) return small;
  Uint32 large = 0;
  if (item.findAndGetUint32(tag, large).good()) return large;
  return std::nullopt;
}

double number_or(DcmItem& item, const DcmTagKey& tag, double fallback) {
  return number_at(item, tag).value_or(fallback);
}

std::vector<DcmItem*> items_at(DcmItem& item, const DcmTagKey& tag) {
  DcmSequenceOfItems* sequence = nullptr;
  std::vector<DcmItem*> items;
  if (item.findAndGetSequence(tag, sequence).bad() || sequence == nullptr) return items;
  for (unsigned long i = 0; i < sequence->card(); ++i) items.push_back(sequence->getItem(i));
  return items;
}

// A count, exactly as the file has it: through double, 2^32 - 1 still is whole.
std::size_t count_at(DcmItem& item, const DcmTagKey& tag, const char* name, const std::string& source) {
  const std::optional<double> value = number_at(item, tag);
  if (!value || *value < 1 || *value > std::numeric_limits<std::uint32_t>::max())
    fail("{}: a waveform group has no {} or an absurd one", source, name);
  return static_cast<std::size_t>(*value);
}

// The bytes of an OB or OW element, words in little-endian order.
std::vector<std::uint8_t> bytes_at(DcmItem& item, const DcmTagKey& tag) {
  unsigned long count = 0;
  const Uint16* words = nullptr;
  if (item.findAndGetUint16Array(tag, words, &count).good() && words != nullptr) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(2 * count);
    for (unsigned long i = 0; i < count; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(words[i] & 0xFFU));
      bytes.push_back(static_cast<std::uint8_t>(words[i] >> 8));
    }
    return bytes;
  }
  const Uint8* bytes = nullptr;
  if (item.findAndGetUint8Array(tag, bytes, &count).good() && bytes != nullptr) return {bytes, bytes + count};
  return {};
}

// ---- samples ----

struct SampleKind {
  std::size_t bytes = 2;
  bool is_signed = true;
};

SampleKind sample_kind(DcmItem& group, const std::string& source) {
  const std::string interpretation = text_at(group, DCM_WaveformSampleInterpretation);
  const auto bits = number_or(group, DCM_WaveformBitsAllocated, 0);
  struct Row {
    std::string_view name;
    double bits;
    SampleKind kind;
  };
  constexpr std::array<Row, 6> kRows{{{"SB", 8, {1, true}},
                                      {"UB", 8, {1, false}},
                                      {"SS", 16, {2, true}},
                                      {"US", 16, {2, false}},
                                      {"SL", 32, {4, true}},
                                      {"UL", 32, {4, false}}}};
  for (const Row& row : kRows) {
    if (interpretation != row.name) continue;
    if (bits != row.bits) fail("{}: samples are {} in {} bits, which does not fit", source, row.name, bits);
    return row.kind;
  }
  if (interpretation == "MB" || interpretation == "AB")
    fail("{}: samples are coded as audio ({}): export the ECG as 16-bit integers", source, interpretation);
  fail("{}: samples are of the unknown kind '{}'", source, shown(interpretation));
}

double sample_at(const std::vector<std::uint8_t>& bytes, std::size_t index, const SampleKind& kind) {
  std::uint32_t value = 0;
  for (std::size_t i = kind.bytes; i-- > 0;) value = value << 8 | bytes[index * kind.bytes + i];
  if (!kind.is_signed) return value;
  const std::uint32_t sign = std::uint32_t{1} << (8 * kind.bytes - 1);
  return static_cast<double>(static_cast<std::int64_t>(value ^ sign) - static_cast<std::int64_t>(sign));
}

// ---- channels ----

// The number that MDC ("2:61") and SCP-ECG ("5.6.3-9-61") give a lead alike.
std::optional<std::string> lead_of_code(std::string_view scheme, std::string_view code) {
  const std::string_view prefix = scheme == "MDC" ? "2:" : scheme == "SCPECG" ? "5.6.3-9-" : "";
  if (prefix.empty() || code.substr(0, prefix.size()) != prefix) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, const char*>, 12> kLeads{{{"1", "I"},
                                                                             {"2", "II"},
                                                                             {"61", "III"},
                                                                             {"62", "aVR"},
                                                                             {"63", "aVL"},
                                                                             {"64", "aVF"},
                                                                             {"3", "V1"},
                                                                             {"4", "V2"},
                                                                             {"5", "V3"},
                                                                             {"6", "V4"},
                                                                             {"7", "V5"},
                                                                             {"8", "V6"}}};
  for (const auto& [number, lead] : kLeads)
    if (code.substr(prefix.size()) == number) return lead;
  return std::nullopt;
}

// "Lead I (Einthoven)" is I, "aVF, augmented voltage, foot" is aVF.
std::string lead_of_meaning(const std::string& meaning) {
  return lead_from_label(std::string_view(meaning).substr(0, meaning.find_first_of("(,")));
}

std::string lead_name(DcmItem& channel, std::size_t index) {
  for (DcmItem* code : items_at(channel, DCM_ChannelSourceSequence)) {
    if (const auto lead = lead_of_code(text_at(*code, DCM_CodingSchemeDesignator), text_at(*code, DCM_CodeValue)))
      return *lead;
    if (std::string lead = lead_of_meaning(text_at(*code, DCM_CodeMeaning)); !lead.empty()) return lead;
  }
  if (std::string lead = lead_from_label(text_at(channel, DCM_ChannelLabel)); !lead.empty()) return lead;
  return fmt::format("channel {}", index + 1);
}

struct Calibration {
  double factor = 1, offset = 0;  // to `unit`
  std::string unit;
};

Calibration calibration(DcmItem& channel, const std::string& lead, const std::string& source) {
  Calibration result;
  const std::optional<double> sensitivity = number_at(channel, DCM_ChannelSensitivity);
  if (!sensitivity) return result;  // arbitrary units: the standard asks for the sensitivity of all others
  result.factor = *sensitivity * number_or(channel, DCM_ChannelSensitivityCorrectionFactor, 1);
  result.offset = number_or(channel, DCM_ChannelBaseline, 0);
  if (result.factor == 0 || !std::isfinite(result.factor))
    fail("{}: lead {} has a sensitivity of {}", source, lead, result.factor);
  for (DcmItem* code : items_at(channel, DCM_ChannelSensitivityUnitsSequence))
    result.unit = text_at(*code, DCM_CodeValue);
  if (const auto millivolts = millivolts_per(result.unit)) {
    result.factor *= *millivolts;
    result.offset *= *millivolts;
    result.unit = kMillivolt;
  }
  return result;
}

// ---- multiplex groups ----

struct Group {
  DcmItem* item = nullptr;
  std::string label;
  bool derived = false;
  std::size_t channels = 0, samples = 0;
  double rate = 0;    // Hz
  double offset = 0;  // ms

  double seconds() const { return static_cast<double>(samples) / rate; }
  bool is_rhythm() const { return label == "RHYTHM"; }
  bool is_beat() const {
    constexpr double kBeatSeconds = 3;
    for (const std::string_view word : {"MEDIAN", "AVERAGE", "BEAT"})
      if (label.find(word) != std::string::npos) return true;
    return derived && !is_rhythm() && seconds() < kBeatSeconds;
  }
  bool runs_beside(const Group& other) const {
    return rate == other.rate && samples == other.samples && offset == other.offset && derived == other.derived;
  }
};

Group describe_group(DcmItem& item, const std::string& source) {
  Group group;
  group.item = &item;
  group.label = text_at(item, DCM_MultiplexGroupLabel);
  std::transform(group.label.begin(), group.label.end(), group.label.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  group.derived = text_at(item, DCM_WaveformOriginality) == "DERIVED";
  group.channels = count_at(item, DCM_NumberOfWaveformChannels, "number of channels", source);
  group.samples = count_at(item, DCM_NumberOfWaveformSamples, "number of samples", source);
  group.rate = number_or(item, DCM_SamplingFrequency, 0);
  group.offset = number_or(item, DCM_MultiplexGroupTimeOffset, 0);
  constexpr double kMostHertz = 1e6;
  if (!(group.rate > 0) || group.rate > kMostHertz)
    fail("{}: a waveform group has no sampling frequency or an absurd one", source);
  return group;
}

std::vector<Group> describe_groups(DcmDataset& dataset, const std::string& source) {
  std::vector<Group> groups;
  for (DcmItem* item : items_at(dataset, DCM_WaveformSequence)) groups.push_back(describe_group(*item, source));
  if (groups.empty()) fail("{}: it holds no waveform", source);
  return groups;
}

const Group& main_group(const std::vector<Group>& groups) {
  const auto merit = [](const Group& group) {
    return std::tuple(!group.is_beat(), !group.derived || group.is_rhythm(), group.channels, group.is_rhythm(),
                      group.seconds());
  };
  return *std::max_element(groups.begin(), groups.end(),
                           [&](const Group& a, const Group& b) { return merit(a) < merit(b); });
}

// The channels' definitions, and their samples with it.
std::vector<Lead> read_group(const Group& group, const std::string& source) {
  const SampleKind kind = sample_kind(*group.item, source);
  const std::vector<DcmItem*> channels = items_at(*group.item, DCM_ChannelDefinitionSequence);
  if (channels.size() != group.channels)
    fail("{}: {} channels are promised and {} described", source, group.channels, channels.size());
  const std::vector<std::uint8_t> bytes = bytes_at(*group.item, DCM_WaveformData);
  if (group.samples > bytes.size() / kind.bytes / group.channels)
    fail("{}: {} samples of {} channels are promised, the file holds {} bytes of them: it is cut off", source,
         group.samples, group.channels, bytes.size());
  const std::vector<std::uint8_t> padding = bytes_at(*group.item, DCM_WaveformPaddingValue);
  // Without a padding value: NaN, which no sample equals.
  const double missing =
      padding.size() >= kind.bytes ? sample_at(padding, 0, kind) : std::numeric_limits<double>::quiet_NaN();

  std::vector<Lead> leads(channels.size());
  for (std::size_t c = 0; c < channels.size(); ++c) {
    leads[c].name = lead_name(*channels[c], c);
    Calibration scale = calibration(*channels[c], leads[c].name, source);
    leads[c].unit = std::move(scale.unit);
    leads[c].samples.resize(group.samples);
    for (std::size_t k = 0; k < group.samples; ++k) {
      const double sample = sample_at(bytes, k * channels.size() + c, kind);
      leads[c].samples[k] = sample == missing ? std::numeric_limits<float>::quiet_NaN()
                                              : static_cast<float>(sample * scale.factor + scale.offset);
    }
  }
  return leads;
}

void note_skew(const Group& group, Recording& recording) {
  const std::vector<DcmItem*> channels = items_at(*group.item, DCM_ChannelDefinitionSequence);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const double skew = number_or(*channels[c], DCM_ChannelSampleSkew, 0) / group.rate +
                        number_or(*channels[c], DCM_ChannelTimeSkew, 0);
    if (skew != 0)
      recording.notes.push_back(fmt::format("{} was sampled {:g} ms after the first channel; not moved",
                                            lead_name(*channels[c], c), 1000 * skew));
  }
}

Filters read_filters(const Group& group) {
  const std::vector<DcmItem*> channels = items_at(*group.item, DCM_ChannelDefinitionSequence);
  if (channels.empty()) return {};
  const auto given = [&](const DcmTagKey& tag) {
    const auto frequency = number_at(*channels.front(), tag);
    return frequency && *frequency > 0 ? frequency : std::nullopt;
  };
  return {given(DCM_FilterLowFrequency), given(DCM_FilterHighFrequency), given(DCM_NotchFilterFrequency)};
}

void read_waveforms(DcmDataset& dataset, Recording& recording) {
  const std::vector<Group> groups = describe_groups(dataset, recording.source);
  const Group& main = main_group(groups);
  recording.rate = main.rate;
  recording.leads = read_group(main, recording.source);
  recording.filters = read_filters(main);
  note_skew(main, recording);
  for (const Group& group : groups) {
    if (&group == &main) continue;
    if (group.is_beat() && !recording.median) {
      recording.median = MedianBeat{group.rate, read_group(group, recording.source)};
    } else if (!group.is_beat() && group.runs_beside(main)) {
      for (Lead& lead : read_group(group, recording.source))
        if (recording.find(lead.name) == nullptr) recording.leads.push_back(std::move(lead));
    } else {
      recording.notes.push_back(fmt::format("left out: a further waveform group '{}' of {} channels and {:g} s",
                                            shown(group.label), group.channels, group.seconds()));
    }
  }
}

// ---- patient and report ----

// "045Y", "006M", "003W", "010D".
std::optional<double> age_of(const std::string& text) {
  if (text.size() < 2) return std::nullopt;
  double number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = 10 * number + (c - '0');
  }
  if (number > 1000) return std::nullopt;
  switch (text.back()) {
    case 'Y':
      return number;
    case 'M':
      return number / 12;
    case 'W':
      return number / 52.18;
    case 'D':
      return number / 365.25;
    default:
      return std::nullopt;
  }
}

// "YYYYMMDD", then perhaps "HHMMSS".
std::optional<std::chrono::sys_seconds> moment_of(const std::string& text) {
  const auto digits = [&](std::size_t at, std::size_t count) -> std::optional<int> {
    if (text.size() < at + count) return std::nullopt;
    int number = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      number = 10 * number + (text[i] - '0');
    }
    return number;
  };
  const auto year = digits(0, 4), month = digits(4, 2), day = digits(6, 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const int seconds = digits(8, 2).value_or(0) * 3600 + digits(10, 2).value_or(0) * 60 + digits(12, 2).value_or(0);
  return std::chrono::sys_days(date) + std::chrono::seconds(seconds);
}

std::optional<std::chrono::sys_seconds> recording_time(DcmDataset& dataset) {
  for (const std::string& text : {text_at(dataset, DCM_AcquisitionDateTime),
                                  text_at(dataset, DCM_AcquisitionDate) + text_at(dataset, DCM_AcquisitionTime),
                                  text_at(dataset, DCM_ContentDate) + text_at(dataset, DCM_ContentTime),
                                  text_at(dataset, DCM_StudyDate) + text_at(dataset, DCM_StudyTime)})
    if (const auto moment = moment_of(text)) return moment;
  return std::nullopt;
}

void read_patient(DcmDataset& dataset, Recording& recording) {
  const auto time = recording_time(dataset);
  if (time) recording.recorded_at = iso_time(*time);
  recording.patient.id = text_at(dataset, DCM_PatientID);
  recording.patient.age = age_of(text_at(dataset, DCM_PatientAge));
  const auto birth = moment_of(text_at(dataset, DCM_PatientBirthDate));
  if (!recording.patient.age && birth && time) recording.patient.age = age_between(*birth, *time);
  const std::string sex = text_at(dataset, DCM_PatientSex);
  recording.patient.sex = sex == "M" ? "male" : sex == "F" ? "female" : "";
}

void read_statements(DcmDataset& dataset, Recording& recording) {
  for (DcmItem* annotation : items_at(dataset, DCM_WaveformAnnotationSequence)) {
    OFString text;
    if (annotation->findAndGetOFStringArray(DCM_UnformattedTextValue, text).bad()) continue;
    std::string_view rest(text.c_str(), text.length());
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
      if (std::string line = device_text(rest.substr(0, end)); !line.empty())
        recording.statements.push_back(std::move(line));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

// ---- the file ----

void check_magic(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 132> head{};
  file.read(head.data(), head.size());
  if (file.gcount() != static_cast<std::streamsize>(head.size()) || std::string_view(head.data() + 128, 4) != "DICM")
    fail("{}: no DICOM file: it has no 'DICM' at byte 128", path.string());
}

void check_class(DcmDataset& dataset, const std::string& source) {
  constexpr std::string_view kEcg = "1.2.840.10008.5.1.4.1.1.9.1.";
  const std::string uid = text_at(dataset, DCM_SOPClassUID);
  const std::string_view last = std::string_view(uid).substr(std::min(kEcg.size(), uid.size()));
  if (uid.compare(0, kEcg.size(), kEcg) == 0 && (last == "1" || last == "2" || last == "3" || last == "4")) return;
  const char* name = dcmFindNameOfUID(uid.c_str());
  fail("{}: a DICOM file, but no ECG: it is of the class {}", source, name == nullptr ? shown(uid) : std::string(name));
}

Recording decode(const std::filesystem::path& path) {
  check_magic(path);
  const std::string source = path.string();
  DcmFileFormat file;
  if (const OFCondition status = file.loadFile(path.c_str()); status.bad())
    fail("{}: DCMTK cannot read it ({}): it is damaged or cut off", source, shown(status.text()));
  DcmDataset& dataset = *file.getDataset();
  check_class(dataset, source);
  Recording recording;
  recording.source = source;
  recording.format = "DICOM";
  read_waveforms(dataset, recording);
  read_patient(dataset, recording);
  read_statements(dataset, recording);
  return recording;
}

// DCMTK reads its dictionary of some thousand tags on first use: once here rather than in every child.
void load_dictionary() {
  static std::once_flag once;
  std::call_once(once, [] {
    dcmDataDict.rdlock();
    dcmDataDict.rdunlock();
  });
}

}  // namespace

Recording read_dicom(const std::filesystem::path& path) {
  load_dictionary();
  return decode_isolated(path, [&] { return decode(path); });
}

#else

Recording read_dicom(const std::filesystem::path& path) {
  fail("{}: this build has no DICOM reader: install libdcmtk-dev and build again", path.string());
}

#endif

}  // namespace deri
