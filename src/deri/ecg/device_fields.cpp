#include "deri/ecg/device_fields.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "deri/base/strings.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

bool is_standard(const std::string& lead) {
  return std::ranges::find(standard_leads(), lead) != standard_leads().end();
}

// Without one leading word of those devices put before a lead's name, and what joins it to the name.
std::optional<std::string_view> without_prefix(std::string_view label) {
  for (const std::string_view word : {"MDC_ECG", "ECG", "EKG", "LEAD", "ABLEITUNG"}) {
    if (label.size() <= word.size() || !equal_ignoring_case(label.substr(0, word.size()), word)) continue;
    const std::string_view rest = label.substr(word.size());
    const std::size_t name = rest.find_first_not_of(" _-:.");
    if (name != 0 && name != std::string_view::npos) return rest.substr(name);
  }
  return std::nullopt;
}

// Bytes of the UTF-8 character at the front of `text`; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (const char c : text.substr(1, length - 1))
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80) return 0;
  const auto second = length > 1 ? static_cast<unsigned char>(text[1]) : 0x80;
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool beyond = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::string device_text(std::string_view bytes) {
  const std::string_view text = trimmed(bytes.substr(0, bytes.find('\0')));
  if (is_utf8(text)) return printable(text);
  std::string result;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x80) {
      result += c;
    } else {
      result += static_cast<char>(0xC0U | code >> 6);
      result += static_cast<char>(0x80U | (code & 0x3FU));
    }
  }
  return printable(result);
}

std::string lead_from_label(std::string_view label) {
  const std::string_view whole = trimmed(label);
  for (std::optional<std::string_view> rest = whole; rest; rest = without_prefix(*rest))
    if (std::string lead = canonical_lead(*rest); is_standard(lead)) return lead;
  return device_text(whole);
}

std::string iso_time(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

std::optional<double> age_between(std::chrono::sys_seconds birth, std::chrono::sys_seconds recorded) {
  constexpr double kYear = 365.2425 * 86400;
  const double years = static_cast<double>((recorded - birth).count()) / kYear;
  if (years < 0 || years > 130) return std::nullopt;
  return years;
}

}  // namespace deri
