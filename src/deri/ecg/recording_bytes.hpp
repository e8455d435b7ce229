#pragma once
// A Recording as bytes and back: how one comes out of the process that a foreign decoder ran in. Not a file format: the
// same program writes and reads it.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "deri/ecg/recording.hpp"

namespace deri {

std::string to_bytes(const Recording& recording);

// Throws InternalError when the bytes are not what to_bytes() writes; no size in them is believed.
Recording recording_from_bytes(std::string_view bytes);

// `decode` in a process of its own (base/isolated.hpp), with memory and time in proportion to the size of `path`.
// Throws Error as run_isolated() does, and when `path` is not a file that can be opened.
Recording decode_isolated(const std::filesystem::path& path, const std::function<Recording()>& decode);

}  // namespace deri
