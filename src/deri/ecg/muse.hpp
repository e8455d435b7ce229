#pragma once
// GE MUSE's XML export (root element RestingECG, 16-bit waveforms in base64).

#include <filesystem>
#include <string>
#include <string_view>

#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

// Reads the rhythm waveform as the recording and the median waveform, if there is one, as the median beat; mV. MUSE
// stores eight leads: III, aVR, aVL and aVF are computed (a note says so). Also read: patient id, age and sex, the time
// of acquisition, the diagnosis as lines, the filters.
//
// Throws Error naming the file for XML that is not well-formed or no MUSE export, a rhythm waveform that is missing or
// in several pieces, leads that are missing, doubled or of different length, counts that disagree with the data,
// damaged base64, units other than micro- and millivolts, and, with options.verify_checksums, a lead whose CRC-32 is
// not the one the file gives.
Recording read_muse(const std::filesystem::path& path, const ReadOptions& options = {});
Recording parse_muse(std::string_view content, const std::string& source, const ReadOptions& options = {});

}  // namespace deri
