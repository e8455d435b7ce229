#pragma once
// BERT's basic tokenization (uncased): from a text to words and punctuation marks, before
// WordPiece.

#include <string>
#include <string_view>
#include <vector>

namespace deri {

// Words of a text, lower-cased and without accents. In this order: U+0000, U+FFFD and the
// characters of the categories C* are dropped (tab and line breaks are white space); CJK ideographs
// become words of their own; the rest is split at white space; each word is lower-cased character
// by character, decomposed (NFD), stripped of its non-spacing marks (Mn), and split at punctuation
// (P*, and all of ASCII's other printing characters that are neither letters nor digits), every
// mark being a word of its own.
//
// The words HuggingFace's BertTokenizerFast with do_lower_case finds. Google's first implementation
// differs in two corners: it keeps private-use and unassigned characters, and Python's lower()
// turns a Σ at the end of a word into ς. Unlike HuggingFace's, a special token in a text is no
// exception: "[SEP]" is three words, so a report cannot inject one. Invalid UTF-8 counts as U+FFFD.
// The time grows in proportion to the text's length.
std::vector<std::string> basic_tokenize(std::string_view text);

}  // namespace deri
