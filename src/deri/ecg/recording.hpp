#pragma once
// A recording as a reader returns it: named leads in physical units, before any choice of order, rate or scale.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace deri {

struct Lead {
  std::string name;            // canonical_lead() spelling
  std::vector<float> samples;  // mV; NaN where the file marks a missing sample
};

struct Patient {
  std::string id;             // empty when the file has none
  std::optional<double> age;  // years
  std::string sex;            // "male", "female", or empty
};

struct Recording {
  double rate = 0;          // Hz
  std::vector<Lead> leads;  // in the file's order, all of one length
  Patient patient;
  std::vector<std::string> comments;  // free text of the file's header, a line each
  std::string source;                 // the file it came from

  // Samples per lead.
  std::size_t length() const { return leads.empty() ? 0 : leads.front().samples.size(); }
  double seconds() const { return rate > 0 ? static_cast<double>(length()) / rate : 0; }
  // The lead of that name (any spelling), or null.
  const Lead* find(std::string_view name) const;
};

// Samples of chosen leads, row-major [leads, length], mV.
struct SignalMatrix {
  std::vector<std::string> leads;
  std::size_t length = 0;  // samples per lead
  double rate = 0;         // Hz
  std::vector<float> values;

  std::span<float> lead(std::size_t index) { return {values.data() + index * length, length}; }
  std::span<const float> lead(std::size_t index) const { return {values.data() + index * length, length}; }
};

// The named leads in the order asked for. Throws Error, naming the source and the lead, when one is absent or the leads
// differ in length.
SignalMatrix select_leads(const Recording& recording, const std::vector<std::string>& names);

}  // namespace deri
