#pragma once
// Tables of samples: CSV text and NumPy arrays. What such a file does not say must be given; nothing is guessed.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

inline constexpr std::uint64_t kMaxTableBytes = std::uint64_t{512} << 20;

// CSV: a column per lead, a row per sample; separated by tabs, semicolons or commas (the first of these that the first
// row has), decimal point, cells in quotes or not. Empty cells and "nan" are missing samples.
// * The first row names the columns unless all its cells are numbers: "I", "aVR (mV)", "V1 [uV]". Without names
//   options.leads is needed. Where the header gives no unit, options.unit is.
// * A column time, t or seconds ("time (ms)", "t [s]", "time_us"; seconds needs no unit) gives the rate. Times must
//   keep to an even grid within a quarter of a step, so that a lost sample is noticed and rounded times are not; the
//   rate is taken as the whole number of Hz if the times agree with one as well. Without such a column options.rate is
//   needed.
//
// Throws Error naming the file, and the line where there is one, for what is missing, cells that are no numbers, rows
// of other lengths, columns without a name or doubled, options that contradict the file, and a header of the numbers 0,
// 1, 2 …, which some programs write and which could be samples.
Recording read_csv_recording(const std::filesystem::path& path, const ReadOptions& options = {});
Recording parse_csv_recording(std::string_view content, const std::string& source, const ReadOptions& options = {});

// NPY: a 2-D array of float32, float64, int16 or int32, [leads, samples] or [samples, leads] (recording_from_matrix());
// options.rate, unit and leads are needed. Throws Error as parse_npy() and recording_from_matrix() do.
Recording read_npy_recording(const std::filesystem::path& path, const ReadOptions& options = {});
Recording parse_npy_recording(std::string_view content, const std::string& source, const ReadOptions& options = {});

}  // namespace deri
