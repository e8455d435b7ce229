#include "deri/ecg/inspection.hpp"

#include <fmt/ranges.h>

#include "deri/base/strings.hpp"

namespace deri {
namespace {

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json lead_list(const std::vector<Lead>& leads) {
  Json list = Json::array();
  for (const Lead& lead : leads) list.push_back({{"name", lead.name}, {"unit", lead.unit}});
  return list;
}

// One line "  key         value"; nothing for an empty value.
void add_line(std::string& text, const char* key, const std::string& value) {
  if (!value.empty()) text += fmt::format("  {:<12}{}\n", key, printable(value));
}

void add_lines(std::string& text, const char* key, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) add_line(text, i == 0 ? key : "", values[i]);
}

std::string patient_line(const Patient& patient) {
  std::vector<std::string> parts;
  if (!patient.id.empty()) parts.push_back(fmt::format("id {}", patient.id));
  if (patient.age) parts.push_back(fmt::format("{:.3g} years", *patient.age));
  if (!patient.sex.empty()) parts.push_back(patient.sex);
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string filter_line(const Filters& filters) {
  std::vector<std::string> parts;
  if (filters.high_pass) parts.push_back(fmt::format("high pass {:g} Hz", *filters.high_pass));
  if (filters.low_pass) parts.push_back(fmt::format("low pass {:g} Hz", *filters.low_pass));
  if (filters.notch) parts.push_back(fmt::format("notch {:g} Hz", *filters.notch));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// "I II III" of the voltages, or "ABP [mmHg]" of the others.
std::string lead_names(const std::vector<Lead>& leads, bool voltages) {
  std::vector<std::string> names;
  for (const Lead& lead : leads) {
    if ((lead.unit == kMillivolt) != voltages) continue;
    names.push_back(voltages ? lead.name : fmt::format("{} [{}]", lead.name, lead.unit));
  }
  return fmt::format("{}", fmt::join(names, voltages ? " " : ", "));
}

}  // namespace

Json inspection_json(const Recording& recording, const QualityReport& quality) {
  Json json;
  json["file"] = recording.source;
  json["format"] = recording.format;
  json["recorded_at"] = recording.recorded_at;
  json["patient"] = {
      {"id", recording.patient.id}, {"age", or_null(recording.patient.age)}, {"sex", recording.patient.sex}};
  json["rate"] = recording.rate;
  json["seconds"] = recording.seconds();
  json["samples"] = recording.length();
  json["leads"] = lead_list(recording.leads);
  json["filters"] = {{"high_pass", or_null(recording.filters.high_pass)},
                     {"low_pass", or_null(recording.filters.low_pass)},
                     {"notch", or_null(recording.filters.notch)}};
  json["median"] = nullptr;
  if (recording.median)
    json["median"] = {{"rate", recording.median->rate},
                      {"samples", recording.median->leads.empty() ? 0 : recording.median->leads.front().samples.size()},
                      {"leads", lead_list(recording.median->leads)}};
  json["statements"] = recording.statements;
  json["comments"] = recording.comments;
  json["notes"] = recording.notes;
  json["quality"] = to_json(quality);
  return json;
}

std::string inspection_text(const Recording& recording, const QualityReport& quality) {
  std::string text = recording.source + "\n";
  add_line(text, "format", recording.format);
  add_line(text, "recorded", recording.recorded_at);
  add_line(text, "patient", patient_line(recording.patient));
  add_line(text, "signal",
           fmt::format("{} leads, {:g} Hz, {:g} s ({} samples each)", recording.leads.size(), recording.rate,
                       recording.seconds(), recording.length()));
  add_line(text, "leads (mV)", lead_names(recording.leads, true));
  add_line(text, "others", lead_names(recording.leads, false));
  add_line(text, "filters", filter_line(recording.filters));
  if (recording.median && !recording.median->leads.empty())
    add_line(text, "median beat",
             fmt::format("{} leads, {:g} Hz, {} samples each", recording.median->leads.size(), recording.median->rate,
                         recording.median->leads.front().samples.size()));
  add_lines(text, "statements", recording.statements);
  add_lines(text, "comments", recording.comments);
  add_lines(text, "notes", recording.notes);
  if (quality.heart_rate) add_line(text, "heart rate", fmt::format("{:.0f} per minute", *quality.heart_rate));
  const std::vector<std::string> flags = quality.flags();
  if (flags.empty())
    add_line(text, "quality", "no flags");
  else
    add_lines(text, "quality", flags);
  return text;
}

}  // namespace deri
