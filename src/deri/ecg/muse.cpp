#include "deri/ecg/muse.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/ranges.h>
#include <zlib.h>

#include "deri/base/base64.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/device_fields.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/matrix_recording.hpp"
#include "deri/ecg/xml.hpp"

namespace deri {
namespace {

constexpr std::size_t kSampleBytes = 2;

class MuseParser {
 public:
  MuseParser(pugi::xml_node root, const ReadOptions& options, Recording& recording)
      : root_(root), options_(options), recording_(recording) {}

  void parse() {
    parse_waveforms();
    parse_patient();
    parse_time();
    parse_statements();
  }

 private:
  template <typename... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}", recording_.source, fmt::format(format, std::forward<Args>(args)...));
  }

  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    recording_.notes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  // The only waveform of a type, or null.
  pugi::xml_node find_waveform(std::string_view type) const {
    pugi::xml_node found;
    for_each_child(root_, "Waveform", [&](pugi::xml_node waveform) {
      if (!equal_ignoring_case(xml_text(waveform, "WaveformType"), type)) return;
      if (found) fail_here("the {} waveform comes in several pieces; only one is read", type);
      found = waveform;
    });
    return found;
  }

  void parse_waveforms() {
    const pugi::xml_node rhythm = find_waveform("Rhythm");
    if (!rhythm) fail_here("no waveform of type Rhythm: the export holds no recording");
    recording_.rate = parse_rate(rhythm);
    recording_.leads = parse_leads(rhythm, "rhythm");
    parse_filters(rhythm);
    if (const pugi::xml_node median = find_waveform("Median"); median)
      recording_.median = MedianBeat{parse_rate(median), parse_leads(median, "median")};
  }

  // A number that must be there.
  double number(pugi::xml_node node, const char* name) const {
    const std::string text = xml_text(node, name);
    const std::optional<double> value = parse_decimal(text);
    if (!value) fail_here("{} is '{}', which is not a number", name, shown(text));
    return *value;
  }

  // SampleBase * 10^SampleExponent.
  double parse_rate(pugi::xml_node waveform) const {
    const double base = number(waveform, "SampleBase");
    const double exponent = xml_child(waveform, "SampleExponent") ? number(waveform, "SampleExponent") : 0;
    return checked_rate(base * std::pow(10, exponent), recording_.source);
  }

  std::vector<Lead> parse_leads(pugi::xml_node waveform, const char* what) {
    const std::string type = xml_text(waveform, "SampleType");
    if (!type.empty() && type != "CONTINUOUS_SAMPLES")
      fail_here("the {} waveform is of type '{}'; only CONTINUOUS_SAMPLES is read", what, shown(type));
    std::vector<Lead> leads;
    std::string first_offset;
    for_each_child(waveform, "LeadData", [&](pugi::xml_node data) {
      leads.push_back(parse_lead(data));
      const std::string offset = xml_text(data, "LeadTimeOffset") + "+" + xml_text(data, "LeadOffsetFirstSample");
      if (leads.size() == 1) first_offset = offset;
      if (offset != first_offset) fail_here("the {} leads begin at different times", what);
    });
    check_leads(waveform, leads, what);
    const std::vector<std::string> added = derive_limb_leads(leads);
    if (!added.empty()) note("{} of the {} waveform computed from I and II", fmt::join(added, ", "), what);
    return leads;
  }

  void check_leads(pugi::xml_node waveform, const std::vector<Lead>& leads, const char* what) const {
    if (leads.empty()) fail_here("the {} waveform has no leads", what);
    if (xml_child(waveform, "NumberofLeads") && number(waveform, "NumberofLeads") != static_cast<double>(leads.size()))
      fail_here("the {} waveform promises {} leads and holds {}", what, shown(xml_text(waveform, "NumberofLeads")),
                leads.size());
    std::vector<std::string> names;
    for (const Lead& lead : leads) {
      names.push_back(lead.name);
      if (lead.samples.size() != leads.front().samples.size())
        fail_here("{} lead {} has {} samples, lead {} has {}", what, lead.name, lead.samples.size(), leads.front().name,
                  leads.front().samples.size());
    }
    checked_leads(names, recording_.source);
  }

  Lead parse_lead(pugi::xml_node data) {
    Lead lead{canonical_lead(shown(xml_text(data, "LeadID"))), {}};
    if (lead.name.empty()) fail_here("a lead without LeadID");
    const std::vector<std::uint8_t> bytes = parse_bytes(data, lead.name);
    const double scale = millivolts_per_bit(data, lead.name);
    lead.samples.reserve(bytes.size() / kSampleBytes);
    for (std::size_t i = 0; i + 1 < bytes.size(); i += kSampleBytes) {
      const auto sample = static_cast<std::int16_t>(static_cast<std::uint16_t>(bytes[i] | bytes[i + 1] << 8));
      lead.samples.push_back(to_sample(sample * scale));
    }
    if (equal_ignoring_case(xml_text(data, "LeadOff"), "TRUE")) note("the device marks lead {} as off", lead.name);
    return lead;
  }

  std::vector<std::uint8_t> parse_bytes(pugi::xml_node data, const std::string& lead) const {
    int pieces = 0;
    for_each_child(data, "WaveFormData", [&](pugi::xml_node) { ++pieces; });
    if (pieces != 1) fail_here("lead {} has {} pieces of data; exactly one is read", lead, pieces);
    if (xml_child(data, "LeadSampleSize") && number(data, "LeadSampleSize") != kSampleBytes)
      fail_here("lead {} has samples of {} bytes; only 2 are read", lead, number(data, "LeadSampleSize"));
    const std::vector<std::uint8_t> bytes =
        decode_base64(xml_text(data, "WaveFormData"), fmt::format("{}: data of lead {}", recording_.source, lead));
    check_count(data, "LeadSampleCountTotal", bytes.size(), kSampleBytes, lead);
    if (xml_child(data, "LeadByteCountTotal")) check_count(data, "LeadByteCountTotal", bytes.size(), 1, lead);
    if (bytes.empty()) fail_here("lead {} has no samples", lead);
    verify_checksum(data, bytes, lead);
    return bytes;
  }

  void check_count(pugi::xml_node data, const char* name, std::size_t bytes, std::size_t unit,
                   const std::string& lead) const {
    const double promised = number(data, name);
    if (promised * static_cast<double>(unit) != static_cast<double>(bytes))
      fail_here("lead {}: {} is {}, but its data has {} bytes: the export is damaged", lead, name, promised, bytes);
  }

  // The CRC-32 of zlib and Ethernet over the decoded bytes; so it is for every lead of the exports at hand.
  void verify_checksum(pugi::xml_node data, const std::vector<std::uint8_t>& bytes, const std::string& lead) const {
    if (!options_.verify_checksums || !xml_child(data, "LeadDataCRC32")) return;
    const auto found = static_cast<double>(crc32_z(crc32_z(0, nullptr, 0), bytes.data(), bytes.size()));
    if (number(data, "LeadDataCRC32") != found)
      fail_here("lead {}: the CRC-32 of its data is {:.0f}, the file says {}: it is damaged, export it again", lead,
                found, shown(xml_text(data, "LeadDataCRC32")));
  }

  double millivolts_per_bit(pugi::xml_node data, const std::string& lead) const {
    const std::string unit = xml_text(data, "LeadAmplitudeUnits");
    double factor = 0;
    if (equal_ignoring_case(unit, "MICROVOLTS")) factor = 1e-3;
    if (equal_ignoring_case(unit, "MILLIVOLTS")) factor = 1;
    if (factor == 0) fail_here("lead {} is in '{}'; MICROVOLTS and MILLIVOLTS are read", lead, shown(unit));
    const double per_bit = number(data, "LeadAmplitudeUnitsPerBit");
    if (!(per_bit > 0)) fail_here("lead {}: {} {} per bit make no sense", lead, per_bit, unit);
    return per_bit * factor;
  }

  void parse_filters(pugi::xml_node waveform) {
    const std::string high_pass = xml_text(waveform, "HighPassFilter");
    recording_.filters.high_pass = filter_hz(high_pass);
    recording_.filters.low_pass = filter_hz(xml_text(waveform, "LowPassFilter"));
    recording_.filters.notch = filter_hz(xml_text(waveform, "ACFilter"));
    // GE's carts offer 0.01 to 0.56 Hz and the export writes these as whole numbers, without a unit: "56".
    if (recording_.filters.high_pass && *recording_.filters.high_pass >= 1) {
      *recording_.filters.high_pass /= 100;
      note("HighPassFilter '{}' taken as hundredths of Hz", shown(high_pass));
    }
  }

  static std::optional<double> filter_hz(const std::string& text) {
    const std::optional<double> value = parse_decimal(text);
    return value && *value > 0 ? value : std::nullopt;
  }

  void parse_patient() {
    const pugi::xml_node person = xml_child(root_, "PatientDemographics");
    Patient& patient = recording_.patient;
    patient.id = device_text(xml_text(person, "PatientID"));
    patient.age = parse_age(xml_text(person, "PatientAge"), xml_text(person, "AgeUnits"));
    const std::string gender = lower_case(xml_text(person, "Gender"));
    if (gender == "male" || gender == "m") patient.sex = "male";
    if (gender == "female" || gender == "f") patient.sex = "female";
  }

  // Years.
  std::optional<double> parse_age(const std::string& text, const std::string& unit) {
    if (text.empty()) return std::nullopt;
    struct Unit {
      const char* name;
      double per_year;
    };
    constexpr Unit kUnits[] = {{"YEARS", 1}, {"MONTHS", 12}, {"WEEKS", 365.25 / 7}, {"DAYS", 365.25}, {"HOURS", 8766}};
    const std::optional<double> value = parse_decimal(text);
    for (const Unit& known : kUnits)
      if (value && *value >= 0 && (equal_ignoring_case(unit, known.name))) return *value / known.per_year;
    note("the age '{} {}' cannot be read", shown(text), shown(unit));
    return std::nullopt;
  }

  // MM-DD-YYYY and HH:MM:SS.
  void parse_time() {
    const pugi::xml_node test = xml_child(root_, "TestDemographics");
    const std::string date = xml_text(test, "AcquisitionDate");
    const std::string time = xml_text(test, "AcquisitionTime");
    if (date.empty()) return;
    if (!has_shape(date, "00-00-0000") || date.substr(0, 2) > "12" || date.substr(3, 2) > "31") {
      note("the date of acquisition, '{}', is not MM-DD-YYYY", shown(date));
      return;
    }
    recording_.recorded_at = fmt::format("{}-{}-{}", date.substr(6), date.substr(0, 2), date.substr(3, 2));
    if (has_shape(time, "00:00:00") || has_shape(time, "00:00")) recording_.recorded_at += fmt::format("T{}", time);
  }

  // Whether `text` has digits where `shape` has '0', and otherwise its characters.
  static bool has_shape(std::string_view text, std::string_view shape) {
    if (text.size() != shape.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool digit = text[i] >= '0' && text[i] <= '9';
      if (shape[i] == '0' ? !digit : text[i] != shape[i]) return false;
    }
    return true;
  }

  // Statements are pieces of a line; ENDSLINE marks the last of one.
  void parse_statements() {
    for (const char* section : {"Diagnosis", "OriginalDiagnosis"}) {
      std::string line;
      for_each_child(xml_child(root_, section), "DiagnosisStatement", [&](pugi::xml_node statement) {
        append_piece(line, device_text(xml_text(statement, "StmtText")));
        bool ends = false;
        for_each_child(statement, "StmtFlag", [&](pugi::xml_node flag) { ends |= xml_text(flag) == "ENDSLINE"; });
        if (ends) finish_line(line);
      });
      finish_line(line);
      if (!recording_.statements.empty()) return;  // the confirmed text stands for the original one
    }
  }

  static void append_piece(std::string& line, const std::string& piece) {
    if (piece.empty()) return;
    constexpr std::string_view kClosing = ",.;:)";
    if (!line.empty() && kClosing.find(piece.front()) == std::string_view::npos) line += ' ';
    line += piece;
  }

  void finish_line(std::string& line) {
    if (!line.empty()) recording_.statements.push_back(std::move(line));
    line.clear();
  }

  pugi::xml_node root_;
  const ReadOptions& options_;
  Recording& recording_;
};

}  // namespace

Recording parse_muse(std::string_view content, const std::string& source, const ReadOptions& options) {
  pugi::xml_document document;
  Recording recording;
  recording.source = source;
  recording.format = "GE MUSE XML";
  MuseParser(parse_xml(content, "RestingECG", source, document), options, recording).parse();
  check_agreement(recording, options);
  return recording;
}

Recording read_muse(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_muse(read_file(path, kMaxXmlBytes), path.string(), options);
}

}  // namespace deri
