#pragma once
// Formats read by libbiosig (biosig.sf.net), each file in a process of its own: SCP-ECG, EDF, EDF+ and BDF.

#include <filesystem>

#include "deri/ecg/recording.hpp"

namespace deri {

// Whether this build has libbiosig.
bool has_biosig();

// SCP-ECG (EN 1064), compressed or not. Where the file stores I and II, those of III, aVR, aVL and aVF that it lacks
// are derived; the notes say so. Statements from section 8.
Recording read_scp(const std::filesystem::path& path);

// EDF, EDF+ and BDF. Annotations are left out. Channels that are no voltage keep their unit. Channels of several rates
// come at the highest of them, every sample of a slower one repeated; the notes name these. "ECG I", "EKG V1" and the
// like are lead names.
Recording read_edf(const std::filesystem::path& path);

// Both throw Error, naming the file, when it is not of that format (its first bytes and libbiosig must agree), is cut
// off, holds no signal or crashes the library, and when the program was built without libbiosig. Voltages are in mV.

}  // namespace deri
