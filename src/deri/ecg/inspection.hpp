#pragma once
// What `deri inspect` says of a recording: what was read, exactly, and what is wrong with it.

#include <string>

#include "deri/base/json.hpp"
#include "deri/ecg/quality.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

// file, format, recorded_at, patient {id, age, sex}, rate (Hz), seconds, samples, leads [{name, unit}], filters (Hz),
// median {rate, samples, leads}, statements, comments, notes, quality (to_json() of the report). What the file does not
// say is null or empty.
Json inspection_json(const Recording& recording, const QualityReport& quality);

// The same for people: a heading and a line per field that says something. Ends with a line break.
std::string inspection_text(const Recording& recording, const QualityReport& quality);

}  // namespace deri
