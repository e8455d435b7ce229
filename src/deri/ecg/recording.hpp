#pragma once
// A recording as a reader returns it: named leads in physical units, before any choice of order, rate or scale.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deri/ecg/units.hpp"

namespace deri {

struct Lead {
  std::string name;               // canonical_lead() spelling
  std::vector<float> samples;     // in `unit`; NaN where the file marks a missing sample
  std::string unit = kMillivolt;  // every voltage is given in mV; what is none (pressure, pulse) keeps the file's unit
};

struct Patient {
  std::string id;             // empty when the file has none
  std::optional<double> age;  // years
  std::string sex;            // "male", "female", or empty
};

// The device's filters, as far as the file names them, Hz.
struct Filters {
  std::optional<double> high_pass, low_pass, notch;
};

// An average beat made by the device.
struct MedianBeat {
  double rate = 0;  // Hz
  std::vector<Lead> leads;
};

struct Recording {
  double rate = 0;          // Hz
  std::vector<Lead> leads;  // in the file's order, all of one length
  Patient patient;
  std::vector<std::string> comments;         // free text of the file's header, a line each
  std::string source;                        // the file it came from
  std::string format = {};                   // in words: "WFDB", "GE MUSE XML" …
  std::string recorded_at = {};              // "2014-03-01T10:20:30", or as much of it as the file gives
  std::vector<std::string> statements = {};  // the interpretation the file carries, a line each
  Filters filters = {};
  std::optional<MedianBeat> median = {};
  // What the reader mended or could not use, a line each: shown by `deri inspect`.
  std::vector<std::string> notes = {};

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

// The named leads in the order asked for. Throws Error, naming the source and the lead, when one is absent,
// there twice or not a voltage, or the leads differ in length.
SignalMatrix select_leads(const Recording& recording, const std::vector<std::string>& names);

// Adds those of III, aVR, aVL and aVF that the recording lacks, computed from I and II as Einthoven and Goldberger
// define them (III = II - I, aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2), and puts the twelve standard
// leads first, in standard order. Does nothing where I or II is missing. Returns the names it added.
std::vector<std::string> derive_limb_leads(std::vector<Lead>& leads);

}  // namespace deri
