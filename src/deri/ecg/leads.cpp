#include "deri/ecg/leads.hpp"

#include "deri/base/strings.hpp"

namespace deri {
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
