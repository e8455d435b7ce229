#pragma once
// The words of an ECG report as FindingExtractor compares them: finding_phrases.hpp says what becomes of signs.

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace deri {

// A word in lower case, or one of  , . / ?  A full stop ends a sentence.
struct FindingToken {
  std::string text;
  std::size_t begin, end;  // bytes of the report
};

// Of any bytes. The last token is a full stop. What follows "Edit:", PTB-XL's editorial codes, is left out. Words with
// an entry in `spellings` become its words.
std::vector<FindingToken> finding_tokens(std::string_view report,
                                         const std::unordered_map<std::string, std::vector<std::string>>& spellings);

bool is_stop(const FindingToken& token);
bool is_comma(const FindingToken& token);
// "v4", "avl", "leads", and the numbers of lists such as "v4,5,6".
bool is_lead(const std::string& word);

// Words at blanks and line ends.
std::vector<std::string> words_at_blanks(std::string_view text);
using WordSet = std::unordered_set<std::string>;
WordSet word_set(std::string_view text);

}  // namespace deri
