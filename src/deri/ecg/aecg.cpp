#include "deri/ecg/aecg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/device_fields.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/matrix_recording.hpp"
#include "deri/ecg/units.hpp"
#include "deri/ecg/xml.hpp"

namespace deri {
namespace {

constexpr std::string_view kLeadPrefix = "MDC_ECG_LEAD_";
constexpr std::string_view kFilterPrefix = "MDC_ECG_CTL_VBL_ATTR_FILTER_";
constexpr std::string_view kInterpretationPrefix = "MDC_ECG_INTERPRETATION";

// HL7's codes for a value that is not there.
constexpr std::array<std::string_view, 14> kNullFlavors{"NI",  "NA",  "UNK", "NASK", "ASKU", "NAV", "OTH",
                                                        "INV", "MSK", "NP",  "TRC",  "QS",   "DER", "UNC"};

// A lead marked as missing takes a few bytes of the file and the memory of all its samples.
constexpr std::size_t kMaxSamples = std::size_t{1} << 26;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

std::string code_of(pugi::xml_node node) {
  return xml_attribute(xml_child(node, "code"), "code");
}

// The part of an HL7 time stamp that is there: digits of YYYYMMDDHHMMSS, without fractions and zone.
std::string_view time_digits(std::string_view stamp) {
  stamp = stamp.substr(0, std::min(stamp.find_first_not_of("0123456789"), stamp.size()));
  return stamp.substr(0, 14);
}

// "20021122091000" as "2002-11-22T09:10:00", as far as it goes; "" if it is not even a year.
std::string iso_of_stamp(std::string_view stamp) {
  const std::string_view digits = time_digits(stamp);
  if (digits.size() < 4) return {};
  std::string text(digits.substr(0, 4));
  constexpr std::array<char, 5> kBefore{'-', '-', 'T', ':', ':'};
  for (std::size_t i = 0; i < kBefore.size() && 6 + 2 * i <= digits.size(); ++i) {
    if (i == 2 && digits.size() < 12) break;  // an hour alone is no time of day
    text += kBefore[i];
    text += digits.substr(4 + 2 * i, 2);
  }
  return text;
}

// The first of the times an effectiveTime can hold.
std::string time_value(pugi::xml_node effective_time) {
  for (const char* name : {"low", "center", "high"}) {
    const std::string value = xml_attribute(xml_child(effective_time, name), "value");
    if (!value.empty()) return value;
  }
  return xml_attribute(effective_time, "value");
}

// Whole years between two stamps that give at least the day.
std::optional<double> years_between(std::string_view birth, std::string_view time) {
  const std::string_view from = time_digits(birth).substr(0, 8), to = time_digits(time).substr(0, 8);
  if (from.size() < 8 || to.size() < 8 || to < from) return std::nullopt;
  const double years = *parse_decimal(to.substr(0, 4)) - *parse_decimal(from.substr(0, 4));
  return to.substr(4) < from.substr(4) ? years - 1 : years;
}

// How many of a unit of time make a second.
std::optional<double> per_second(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, double>, 5> kUnits{
      {{"s", 1}, {"ms", 1e3}, {"us", 1e6}, {"\xC2\xB5s", 1e6}, {"\xCE\xBCs", 1e6}}};
  for (const auto& [name, factor] : kUnits)
    if (unit == name) return factor;
  return std::nullopt;
}

// A lead's list of values as the file has it.
struct Sequence {
  std::string name;
  double origin = 0, scale = 1;  // in `unit`
  std::string unit;
  std::string digits;
  bool missing = false;  // a nullFlavor stands for all of it
};

class AecgParser {
 public:
  AecgParser(pugi::xml_node root, Recording& recording) : root_(root), recording_(recording) {}

  void parse() {
    const pugi::xml_node series = find_rhythm();
    std::tie(recording_.rate, recording_.leads) = parse_series(series, "rhythm");
    if (const pugi::xml_node beat = find_beat(series); beat) {
      recording_.median.emplace();
      std::tie(recording_.median->rate, recording_.median->leads) = parse_series(beat, "representative beat");
    }
    parse_patient(series);
    parse_series_text(series);
    parse_comments();
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

  std::vector<pugi::xml_node> all_series() const {
    std::vector<pugi::xml_node> found;
    for_each_child(root_, "component", [&](pugi::xml_node component) {
      for_each_child(component, "series", [&](pugi::xml_node series) { found.push_back(series); });
    });
    return found;
  }

  pugi::xml_node find_rhythm() {
    const std::vector<pugi::xml_node> series = all_series();
    if (series.empty()) fail_here("no series: the file holds no recording");
    std::vector<pugi::xml_node> rhythms;
    for (const pugi::xml_node one : series)
      if (code_of(one) == "RHYTHM") rhythms.push_back(one);
    if (rhythms.empty()) fail_here("no series of code RHYTHM; the first is '{}'", shown(code_of(series.front())));
    if (rhythms.size() > 1) note("{} rhythm series; the first is read", rhythms.size());
    return rhythms.front();
  }

  // Derived from the rhythm series, or beside it.
  pugi::xml_node find_beat(pugi::xml_node rhythm) const {
    pugi::xml_node found;
    const auto consider = [&](pugi::xml_node series) {
      if (!found && code_of(series) == "REPRESENTATIVE_BEAT") found = series;
    };
    for_each_child(rhythm, "derivation",
                   [&](pugi::xml_node derivation) { for_each_child(derivation, "derivedSeries", consider); });
    for (const pugi::xml_node series : all_series()) consider(series);
    return found;
  }

  std::pair<double, std::vector<Lead>> parse_series(pugi::xml_node series, const char* what) {
    std::vector<pugi::xml_node> sets;
    for_each_child(series, "component", [&](pugi::xml_node component) {
      for_each_child(component, "sequenceSet", [&](pugi::xml_node set) { sets.push_back(set); });
    });
    if (sets.empty()) fail_here("the {} series has no sequenceSet: no waveforms", what);
    if (sets.size() > 1) fail_here("the {} series comes in {} pieces; only one is read", what, sets.size());

    std::optional<double> rate;
    std::vector<Sequence> sequences;
    for_each_child(sets.front(), "component", [&](pugi::xml_node component) {
      for_each_child(component, "sequence", [&](pugi::xml_node sequence) {
        const std::string code = code_of(sequence);
        if (code == "TIME_ABSOLUTE" || code == "TIME_RELATIVE")
          take_rate(sequence, rate);
        else if (code.starts_with(kLeadPrefix))
          sequences.push_back(parse_sequence(sequence, code));
        else
          note("the sequence '{}' of the {} series is no ECG lead and not read", shown(code), what);
      });
    });
    if (!rate) fail_here("the {} series has no time sequence, and so no sampling rate", what);
    return {*rate, to_leads(sequences, what)};
  }

  // A number in an attribute, which must be there.
  double number(pugi::xml_node node, const std::string& what) const {
    const std::string text = xml_attribute(node, "value");
    const std::optional<double> value = parse_decimal(text);
    if (!value) fail_here("{} is '{}', which is not a number", what, shown(text));
    return *value;
  }

  void take_rate(pugi::xml_node sequence, std::optional<double>& rate) const {
    const pugi::xml_node increment = xml_path(sequence, {"value", "increment"});
    if (!increment) fail_here("the time sequence has no increment; only evenly sampled recordings are read");
    const double step = number(increment, "the time increment");
    const std::string unit = xml_attribute(increment, "unit");
    const std::optional<double> factor = per_second(unit);
    if (!factor) fail_here("the time increment is in '{}'; s, ms and us are read", shown(unit));
    if (!(step > 0)) fail_here("a time increment of {} {} makes no sense", step, unit);
    const double found = checked_rate(*factor / step, recording_.source);
    if (rate && std::abs(*rate - found) > 1e-6 * found)
      fail_here("two time sequences give {} and {} samples per second", *rate, found);
    rate = found;
  }

  Sequence parse_sequence(pugi::xml_node node, const std::string& code) const {
    Sequence sequence;
    sequence.name = canonical_lead(shown(code.substr(kLeadPrefix.size())));
    const std::string& lead = sequence.name;
    const pugi::xml_node value = xml_child(node, "value");
    const pugi::xml_node digits = xml_child(value, "digits");
    sequence.missing = !xml_attribute(value, "nullFlavor").empty() || !xml_attribute(digits, "nullFlavor").empty();
    if (sequence.missing) return sequence;
    const std::string type(local_name(xml_attribute(value, "type")));
    if (type != "SLIST_PQ" && type != "SLIST_INT")
      fail_here("lead {} is of type '{}'; SLIST_PQ and SLIST_INT are read", lead, shown(type));
    if (!digits) fail_here("lead {} has no digits", lead);
    sequence.digits = xml_text(digits);
    const pugi::xml_node scale = xml_child(value, "scale");
    sequence.unit = xml_attribute(scale, "unit");
    sequence.scale = number(scale, fmt::format("the scale of lead {}", lead));
    if (sequence.scale == 0) fail_here("lead {} has a scale of 0", lead);
    if (sequence.unit.empty()) fail_here("lead {} does not say its unit", lead);
    sequence.origin = parse_origin(xml_child(value, "origin"), sequence);
    return sequence;
  }

  // In the unit of the scale.
  double parse_origin(pugi::xml_node node, const Sequence& sequence) const {
    if (!node) return 0;
    const double origin = number(node, fmt::format("the origin of lead {}", sequence.name));
    const std::string unit = xml_attribute(node, "unit");
    if (origin == 0 || unit.empty() || unit == sequence.unit) return origin;
    const std::optional<double> from = millivolts_per(unit), to = millivolts_per(sequence.unit);
    if (!from || !to)
      fail_here("lead {} has its origin in '{}' and its scale in '{}'", sequence.name, shown(unit),
                shown(sequence.unit));
    return origin * *from / *to;
  }

  std::vector<Lead> to_leads(const std::vector<Sequence>& sequences, const char* what) {
    if (sequences.empty()) fail_here("the {} series has no leads", what);
    std::vector<Lead> leads;
    std::optional<std::size_t> length;
    for (const Sequence& sequence : sequences) {
      leads.push_back(to_lead(sequence));
      if (sequence.missing) continue;
      if (!length) length = leads.back().samples.size();
      if (*length != leads.back().samples.size())
        fail_here("lead {} has {} samples, the leads before it have {}", leads.back().name, leads.back().samples.size(),
                  *length);
    }
    if (length.value_or(0) == 0) fail_here("the {} series has no samples", what);
    if (leads.size() > kMaxSamples / *length)
      fail_here("{} leads of {} samples are more than is read (limit {} samples)", leads.size(), *length, kMaxSamples);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < leads.size(); ++i) {
      names.push_back(leads[i].name);
      if (!sequences[i].missing) continue;
      leads[i].samples.assign(*length, kMissing);
      note("lead {} of the {} series is marked as not there", leads[i].name, what);
    }
    checked_leads(names, recording_.source);
    const std::vector<std::string> added = derive_limb_leads(leads);
    if (!added.empty()) note("{} of the {} series computed from I and II", fmt::join(added, ", "), what);
    return leads;
  }

  Lead to_lead(const Sequence& sequence) const {
    Lead lead{sequence.name, {}};
    if (sequence.missing) return lead;
    const std::optional<double> millivolts = millivolts_per(sequence.unit);
    if (!millivolts) lead.unit = device_text(sequence.unit);
    const double factor = millivolts.value_or(1);
    std::string_view rest = sequence.digits;
    constexpr std::string_view kBlanks = " \t\r\n";
    while (!(rest = trimmed(rest)).empty()) {
      const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
      rest.remove_prefix(word.size());
      if (std::find(kNullFlavors.begin(), kNullFlavors.end(), word) != kNullFlavors.end()) {
        lead.samples.push_back(kMissing);
        continue;
      }
      const std::optional<double> digit = parse_decimal(word);
      if (!digit) fail_here("'{}' among the digits of lead {} is not a number", shown(word), lead.name);
      lead.samples.push_back(to_sample(factor * (sequence.origin + *digit * sequence.scale)));
    }
    return lead;
  }

  // The first element of that name before the series.
  pugi::xml_node find_outside_series(std::string_view name) const {
    pugi::xml_node found;
    for_each_descendant(root_, [&](pugi::xml_node node) {
      if (!found && local_name(node.name()) == name) found = node;
      return !found && local_name(node.name()) != "series";
    });
    return found;
  }

  void parse_patient(pugi::xml_node series) {
    const pugi::xml_node subject = find_outside_series("trialSubject");
    Patient& patient = recording_.patient;
    patient.id = device_text(xml_attribute(xml_child(subject, "id"), "extension"));
    if (patient.id.empty()) patient.id = device_text(xml_attribute(xml_child(subject, "id"), "root"));
    const pugi::xml_node person = xml_child(subject, "subjectDemographicPerson");
    const std::string gender = xml_attribute(xml_child(person, "administrativeGenderCode"), "code");
    if (gender == "M") patient.sex = "male";
    if (gender == "F") patient.sex = "female";

    std::string time = time_value(xml_child(series, "effectiveTime"));
    if (time.empty()) time = time_value(xml_child(root_, "effectiveTime"));
    recording_.recorded_at = iso_of_stamp(time);
    patient.age = years_between(xml_attribute(xml_child(person, "birthTime"), "value"), time);
    const std::optional<double> reported = reported_age();
    if (patient.age && reported && std::abs(*patient.age - *reported) > 1)
      note("the age reported is {}, birth and recording are {} years apart", *reported, *patient.age);
    if (!patient.age) patient.age = reported;
  }

  // LOINC 21612-7, in years.
  std::optional<double> reported_age() const {
    std::optional<double> age;
    for_each_child(root_, "controlVariable", [&](pugi::xml_node variable) {
      const pugi::xml_node observation = xml_child(variable, "relatedObservation");
      const pugi::xml_node value = xml_child(observation, "value");
      if (code_of(observation) != "21612-7" || xml_attribute(value, "unit") != "a") return;
      const std::optional<double> years = parse_decimal(xml_attribute(value, "value"));
      if (years && *years >= 0) age = years;
    });
    return age;
  }

  // Filters and annotations, wherever in the series they stand; not those of series derived from it.
  void parse_series_text(pugi::xml_node series) {
    for_each_descendant(series, [&](pugi::xml_node node) {
      const std::string_view name = local_name(node.name());
      if (name == "controlVariable") take_filter(node);
      if (name == "annotation") take_annotation(node);
      return name != "derivation" && name != "digits";
    });
  }

  void take_filter(pugi::xml_node variable) {
    const std::string code = code_of(variable);
    Filters& filters = recording_.filters;
    if (code == fmt::format("{}LOW_PASS", kFilterPrefix)) filters.low_pass = frequency(variable, "CUTOFF_FREQ");
    if (code == fmt::format("{}HIGH_PASS", kFilterPrefix)) filters.high_pass = frequency(variable, "CUTOFF_FREQ");
    if (code == fmt::format("{}NOTCH", kFilterPrefix)) filters.notch = frequency(variable, "NOTCH_FREQ");
  }

  // Of the filter's properties, the one in Hz.
  static std::optional<double> frequency(pugi::xml_node filter, const char* property) {
    std::optional<double> found;
    for_each_child(filter, "component", [&](pugi::xml_node component) {
      const pugi::xml_node variable = xml_child(component, "controlVariable");
      const pugi::xml_node value = xml_child(variable, "value");
      if (code_of(variable) != fmt::format("{}{}", kFilterPrefix, property)) return;
      if (!equal_ignoring_case(xml_attribute(value, "unit"), "Hz")) return;
      const std::optional<double> hz = parse_decimal(xml_attribute(value, "value"));
      if (hz && *hz > 0) found = hz;
    });
    return found;
  }

  void take_annotation(pugi::xml_node annotation) {
    const std::string code = code_of(annotation);
    if (code != "MDC_ECG_RHY" && !code.starts_with(kInterpretationPrefix)) return;
    const pugi::xml_node value = xml_child(annotation, "value");
    std::string text = xml_text(value);
    if (text.empty()) text = xml_attribute(value, "displayName");
    if (text.empty()) text = xml_attribute(value, "code");
    if (text.empty()) return;
    auto& lines = code.ends_with("_COMMENT") ? recording_.comments : recording_.statements;
    lines.push_back(device_text(text));
  }

  void parse_comments() {
    for_each_child(root_, "pertainsTo", [&](pugi::xml_node pertains) {
      const std::string text = xml_text(xml_path(pertains, {"subjectFindingComment", "text"}));
      if (!text.empty()) recording_.comments.push_back(device_text(text));
    });
  }

  pugi::xml_node root_;
  Recording& recording_;
};

}  // namespace

Recording parse_aecg(std::string_view content, const std::string& source, const ReadOptions& options) {
  pugi::xml_document document;
  Recording recording;
  recording.source = source;
  recording.format = "HL7 aECG";
  AecgParser(parse_xml(content, "AnnotatedECG", source, document), recording).parse();
  check_agreement(recording, options);
  return recording;
}

Recording read_aecg(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_aecg(read_file(path, kMaxXmlBytes), path.string(), options);
}

}  // namespace deri
