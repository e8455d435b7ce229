#include "deri/ecg/leads.hpp"

#include <algorithm>

namespace deri {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

const std::vector<std::string>& standard_leads() {
  static const std::vector<std::string> kLeads{"I",  "II", "III", "aVR", "aVL", "aVF",
                                               "V1", "V2", "V3",  "V4",  "V5",  "V6"};
  return kLeads;
}

const std::vector<std::string>& mimic_leads() {
  static const std::vector<std::string> kLeads{"I",  "II", "III", "aVR", "aVF", "aVL",
                                               "V1", "V2", "V3",  "V4",  "V5",  "V6"};
  return kLeads;
}

std::string canonical_lead(std::string_view name) {
  const std::string_view word = trimmed(name);
  for (const std::string& lead : standard_leads())
    if (equal_ignoring_case(word, lead)) return lead;
  return std::string(word);
}

}  // namespace deri
