#pragma once
// Labels, texts and times as devices write them.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace deri {

// canonical_lead() of a label as "ECG I", "EKG V1", "Lead aVR", "MDC_ECG_LEAD_II" or "ECG_V2": what stands before one
// of the twelve names is dropped. Any other label comes back trimmed.
std::string lead_from_label(std::string_view label);

// Text of a file for a report: trimmed, control characters as '?', and valid UTF-8 (what is not is taken for Latin-1,
// which most devices write).
std::string device_text(std::string_view bytes);

// "2014-03-01T10:20:30".
std::string iso_time(std::chrono::sys_seconds time);

// Years between two moments, if a person can be that old (0 .. 130).
std::optional<double> age_between(std::chrono::sys_seconds birth, std::chrono::sys_seconds recorded);

}  // namespace deri
