#pragma once
// Base64 (RFC 4648, standard alphabet), as XML files carry their waveforms.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

// The bytes `text` stands for. Blanks and line breaks may stand anywhere. Strict otherwise, as a sign of damage is
// worth more than a lenient guess: throws Error beginning with `source` for a character outside the alphabet, padding
// that is missing or not at the end, and left-over bits that are not zero.
std::vector<std::uint8_t> decode_base64(std::string_view text, const std::string& source);

}  // namespace deri
