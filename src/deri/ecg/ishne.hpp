#pragma once
// ISHNE Holter files: Badilini, "The ISHNE Holter Standard Output File Format", Ann. Noninvasive Electrocardiol. 3
// (1998). Read without libbiosig: its 2.5 begins to read some hundred samples behind the first.

#include <filesystem>

#include "deri/ecg/recording.hpp"

namespace deri {

// All leads, in mV by the resolution the file gives for each. Throws Error, naming the file, when the header is
// malformed or promises more than the file holds. A wrong checksum is noted only: the samples are not part of it.
Recording read_ishne(const std::filesystem::path& path);

}  // namespace deri
