#include "deri/text/basic_tokenizer.hpp"

#include <algorithm>
#include <array>

#include <utf8proc.h>

#include "deri/base/error.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

utf8proc_category_t category_of(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_dropped(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  if (c < 0x80) return c < 0x20 || c == 0x7F;
  if (c == kReplacementCharacter) return true;
  switch (category_of(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      return false;
  }
}

// The blocks of ideographs that BERT knew; later extensions and kana are ordinary letters to it.
bool is_cjk(char32_t c) {
  return c >= 0x3400 &&
         (c <= 0x4DBF || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
          (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F));
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  }
  const auto category = category_of(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

int combining_class(char32_t c) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}

std::u32string canonical_decomposition(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c < 0x80) {
      out.push_back(c);
      continue;
    }
    std::array<utf8proc_int32_t, 8> parts{};  // canonical decompositions are at most 4 long
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                               UTF8PROC_DECOMPOSE, &boundary);
    DERI_CHECK(count >= 0 && count <= static_cast<utf8proc_ssize_t>(parts.size()));
    out.insert(out.end(), parts.begin(), parts.begin() + count);
  }
  // utf8proc_decompose() would order the marks too, in quadratic time on a hostile run of them.
  const auto is_starter = [](char32_t c) { return combining_class(c) == 0; };
  for (auto at = out.begin(); at != out.end();) {
    const auto first = std::find_if_not(at, out.end(), is_starter);
    at = std::find_if(first, out.end(), is_starter);
    std::stable_sort(first, at, [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
  }
  return out;
}

void strip_accents(std::u32string& word) {
  if (std::all_of(word.begin(), word.end(), [](char32_t c) { return c < 0x80; })) return;
  word = canonical_decomposition(word);
  std::erase_if(word, [](char32_t c) { return category_of(c) == UTF8PROC_CATEGORY_MN; });
}

void append_split_at_punctuation(std::u32string_view word, std::vector<std::string>& tokens) {
  for (auto at = word.begin(); at != word.end();) {
    const auto end = is_punctuation(*at) ? at + 1 : std::find_if(at, word.end(), is_punctuation);
    tokens.push_back(encode_utf8(std::u32string_view(at, end)));
    at = end;
  }
}

}  // namespace

std::vector<std::string> basic_tokenize(std::string_view text) {
  std::vector<std::string> tokens;
  std::u32string word;
  const auto finish_word = [&] {
    if (word.empty()) return;
    word = to_lower(word);
    strip_accents(word);
    append_split_at_punctuation(word, tokens);
    word.clear();
  };
  for (const char32_t c : decode_utf8(text)) {
    if (is_dropped(c)) continue;
    const bool stands_alone = is_cjk(c);
    if (stands_alone || is_white_space(c)) finish_word();
    if (is_white_space(c)) continue;
    word.push_back(c);
    if (stands_alone) finish_word();
  }
  finish_word();
  return tokens;
}

}  // namespace deri
