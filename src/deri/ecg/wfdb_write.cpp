#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/ecg/wfdb_header.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

void check_record_name(const std::string& name) {
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  if (name.empty() || !allowed) fail("'{}' cannot name a WFDB record: use letters, digits, '_' and '-'", name);
}

// Line breaks would end the header's line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string header_text(const std::string& name, const WfdbSignals& signals) {
  std::string text = fmt::format("{} {} {} {}\n", name, signals.leads.size(), signals.rate, signals.length);
  for (std::size_t lead = 0; lead < signals.leads.size(); ++lead) {
    const std::span samples(signals.samples.data() + lead * signals.length, signals.length);
    std::uint32_t sum = 0;
    for (const std::int16_t sample : samples) sum += static_cast<std::uint32_t>(sample);
    text += fmt::format("{}.dat 16 {}({})/mV 16 0 {} {} 0 {}\n", name, signals.gain, signals.baseline, samples.front(),
                        static_cast<std::uint16_t>(sum), one_line(signals.leads[lead]));
  }
  for (const std::string& comment : signals.comments) text += fmt::format("#{}\n", one_line(comment));
  return text;
}

std::string interleaved_bytes(const WfdbSignals& signals) {
  std::string bytes;
  bytes.reserve(2 * signals.samples.size());
  for (std::size_t i = 0; i < signals.length; ++i) {
    for (std::size_t lead = 0; lead < signals.leads.size(); ++lead) {
      const auto sample = static_cast<std::uint16_t>(signals.samples[lead * signals.length + i]);
      bytes.push_back(static_cast<char>(sample & 0xFF));
      bytes.push_back(static_cast<char>(sample >> 8));
    }
  }
  return bytes;
}

std::int16_t to_step(float millivolts, double gain) {
  if (std::isnan(millivolts)) return kMissing16;
  const double limit = std::numeric_limits<std::int16_t>::max();
  return static_cast<std::int16_t>(std::clamp(std::round(millivolts * gain), -limit, limit));
}

}  // namespace

WfdbSignals to_wfdb_signals(const Recording& recording) {
  WfdbSignals signals;
  signals.rate = recording.rate;
  signals.length = recording.length();
  signals.comments = recording.comments;
  const Patient known = patient_from_comments(recording.comments);
  if (recording.patient.age && !known.age) signals.comments.push_back(fmt::format("Age: {}", *recording.patient.age));
  if (!recording.patient.sex.empty() && known.sex.empty())
    signals.comments.push_back(fmt::format("Sex: {}", recording.patient.sex));
  for (const Lead& lead : recording.leads) {
    if (lead.samples.size() != signals.length)
      fail("{}: lead {} has {} samples, the first lead {}; all leads must have one length", recording.source, lead.name,
           lead.samples.size(), signals.length);
    signals.leads.push_back(lead.name);
    for (const float millivolts : lead.samples) signals.samples.push_back(to_step(millivolts, signals.gain));
  }
  return signals;
}

void write_wfdb(const fs::path& folder, const std::string& name, const WfdbSignals& signals, Survives survives) {
  check_record_name(name);
  if (signals.samples.empty()) fail("{}: a record without samples cannot be written", name);
  DERI_CHECK(signals.samples.size() == signals.leads.size() * signals.length);
  DERI_CHECK(signals.rate > 0 && std::isfinite(signals.rate));
  DERI_CHECK(signals.gain != 0 && std::isfinite(signals.gain));
  // The header last: a record is there once its header is.
  write_file_atomic(folder / (name + ".dat"), interleaved_bytes(signals), survives);
  write_file_atomic(folder / (name + ".hea"), header_text(name, signals), survives);
}

void write_wfdb(const fs::path& folder, const std::string& name, const Recording& recording, Survives survives) {
  write_wfdb(folder, name, to_wfdb_signals(recording), survives);
}

}  // namespace deri
