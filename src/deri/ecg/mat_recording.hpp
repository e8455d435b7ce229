#pragma once
// ECGs in MATLAB files: the struct of CPSC2018's original files, and plain matrices.

#include <filesystem>
#include <string>
#include <string_view>

#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

// A struct `ECG` with the fields data (12 x samples), sex and age is a recording of CPSC2018: 500 Hz, mV, leads in the
// order of standard_leads(), as that data set documents; options that say otherwise are an error. Any other file must
// hold one matrix (several: one named `val`), [leads, samples] or [samples, leads], whose rate, unit and leads come
// from the options (recording_from_matrix()).
//
// Throws Error naming the file as parse_mat_variables() and recording_from_matrix() do, and for a file without a matrix
// or with several.
Recording read_mat(const std::filesystem::path& path, const ReadOptions& options = {});
Recording parse_mat(std::string_view content, const std::string& source, const ReadOptions& options = {});

}  // namespace deri
