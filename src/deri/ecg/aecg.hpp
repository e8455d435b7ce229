#pragma once
// HL7's annotated ECG (aECG, root element AnnotatedECG), the format the FDA takes; described in the HL7 aECG
// Implementation Guide (2005).

#include <filesystem>
#include <string>
#include <string_view>

#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

// Reads the series of code RHYTHM as the recording and a derived series of code REPRESENTATIVE_BEAT, if there is one,
// as the median beat. A lead's sample is origin + digit * scale, in mV where the unit is a voltage; what a nullFlavor
// stands for is NaN. The rate follows from the time sequence's increment. III, aVR, aVL and aVF are computed if they
// are missing and I and II are there (a note says so). Also read: the subject's id, sex and age (whole years from birth
// to recording, or else the age reported), the time of recording, filters, the rhythm and interpretation annotations as
// statements, findings and comments as comments.
//
// Throws Error naming the file for XML that is not well-formed or no aECG, a rhythm series that is missing, in several
// pieces, or without usable times, leads that are doubled or of different length, and digits, scales or units that
// cannot be read.
Recording read_aecg(const std::filesystem::path& path, const ReadOptions& options = {});
Recording parse_aecg(std::string_view content, const std::string& source, const ReadOptions& options = {});

}  // namespace deri
