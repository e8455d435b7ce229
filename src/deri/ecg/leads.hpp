#pragma once
// Lead names. Files spell and order leads as they like; code here asks for leads by name, never by position.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

// I II III aVR aVL aVF V1..V6: the order of PTB-XL, CPSC2018, Chapman and of paper ECGs.
const std::vector<std::string>& standard_leads();

// I II III aVR aVF aVL V1..V6: the order of MIMIC-IV-ECG, and so of the published model (aVF before aVL).
const std::vector<std::string>& mimic_leads();

// The standard spelling of a lead's name: "AVR", "avr" and " aVR " become "aVR", "v1" "V1". Names that are not one of
// the twelve come back trimmed and otherwise as they are.
std::string canonical_lead(std::string_view name);

}  // namespace deri
