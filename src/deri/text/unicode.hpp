#pragma once
// UTF-8 and the two character properties that report cleaning and the tokenizers share.

#include <string>
#include <string_view>

namespace deri {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// Code points of a text. Every byte that belongs to no valid sequence becomes one U+FFFD, so the
// result always encodes to valid UTF-8.
std::u32string decode_utf8(std::string_view text);

void append_utf8(char32_t c, std::string& out);
std::string encode_utf8(std::u32string_view text);

// What Python's str.split() splits at: separators (Z*), and the controls U+0009-000D, U+001C-001F
// and U+0085.
bool is_white_space(char32_t c);

// Lower case of each character alone, as Python's str.lower() of one character: U+0130 (İ) becomes
// two characters, and Σ becomes σ wherever it stands in a word.
std::u32string to_lower(std::u32string_view text);

}  // namespace deri
