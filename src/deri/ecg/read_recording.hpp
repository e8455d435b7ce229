#pragma once
// Any ECG file to a Recording: the format is found from the file's content.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deri/ecg/recording.hpp"

namespace deri {

struct ReadOptions {
  bool verify_checksums = true;  // WFDB: refuse a signal whose sum is not the one its header gives

  // For files that do not say these themselves (CSV, NPY, a MATLAB matrix): nothing is guessed. Where the file does say
  // it, a different value here is an error.
  std::optional<double> rate;      // Hz
  std::string unit;                // V, mV, uV or nV
  std::vector<std::string> leads;  // names, in the file's order
};

enum class EcgFormat { kWfdb, kMatlab, kDicom, kAecg, kMuse, kScp, kEdf, kIshne, kCsv, kNpy };

// The format of a file, found from its first bytes and, where these say nothing (WFDB, CSV), from its name. kEdf
// stands for BDF too. Throws Error for a file that cannot be read or is of
// no known format, naming those there are.
EcgFormat detect_format(const std::filesystem::path& path);

// Reads a file of any format. For WFDB `path` is the header, a signal file beside a header of the same name, or the
// record's name without suffix; a MATLAB file with such a header beside it is read as WFDB. Throws Error as the reader
// of the format does.
Recording read_recording(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace deri
