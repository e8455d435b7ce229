#pragma once
// ECGs as DICOM waveforms (PS3.3 A.34 and C.10.9), through DCMTK in a process of its own.

#include <filesystem>

#include "deri/ecg/recording.hpp"

namespace deri {

// Whether this build has DCMTK.
bool has_dcmtk();

// 12-lead, General, General 32-bit and Ambulatory ECG Waveform Storage.
//
// The recording is the multiplex group that holds the rhythm: an original one rather than a derived one, then the one
// with the most channels, one labelled RHYTHM, the longest, the first. Groups that run beside it (same rate, length and
// offset) add their leads; what else is left out is noted. The first group labelled as a median beat, or derived and
// shorter than 3 s, becomes Recording::median.
//
// mV = (sample * sensitivity * correction factor + baseline) in the channel's unit; a padding value is NaN; a channel
// whose unit is no voltage keeps it. Leads are named by MDC or SCP-ECG code, else by the code's meaning. Filters are
// those of the first channel. Texts of the annotations become statements.
//
// Throws Error, naming the file, when it is no DICOM file, no ECG, malformed or cut off, stores its samples as mu-law
// or A-law audio, or crashes the library, and when the program was built without DCMTK.
Recording read_dicom(const std::filesystem::path& path);

}  // namespace deri
