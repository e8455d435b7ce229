#pragma once
// The tables of FindingExtractor: phrases of English ECG reports and the findings they name, and the words that deny or
// hedge them.
//
// Text is compared in lower case, word by word. Hyphens within words are blanks ("st-t" is "st t"), apostrophes are
// nothing, "(s)" after a word is a plural, a spaced dash, a bracket or a colon is a comma, "&" is "and". A comma within
// a list of leads is no comma. Words are spelt as on the right side of kFindingSpellings.
//
//   [a|b c|]      one of these, or nothing
//   word~         the word, or with -s or -es
//   @class        one of the phrases of a line "@class: phrase" above
//   ..            up to 14 words of kFindingGapWords, leads, numbers, commas
//   &             up to 8 words of kFindingSiteWords, commas
//   ^^  ^  $      nothing but the beginning of a sentence, the beginning or the end of a clause
//   !word         the next word is another
//   # comment
//
// kFindingPhrases: `phrase = finding finding?`, by the names of report_finding_table(). A "?" says that the phrase is
// uncertain by itself, "none" that it names no finding and hides shorter phrases.
//
// kFindingCues: `phrase = effect`.
//   absent after      the findings from here to the end of the clause are absent     "no", "rather than"
//   absent before     the finding before it is absent                                "has resolved"
//   uncertain after, uncertain before                                                "suggesting"; "is possible"
//   uncertain next    the next finding                                               "probable"
//   ignore            no effect, and hides shorter cues                              "no change in"
//   break             a clause ends here                                             "but"
//
// To add a phrase: add a line here, and its cases to tests/text/findings_cases.hpp.

#include <string_view>

namespace deri {

extern const std::string_view kFindingPhrases;
extern const std::string_view kFindingCues;
extern const std::string_view kFindingSpellings;  // `word word ... > other words`
extern const std::string_view kFindingGapWords;   // at white space
extern const std::string_view kFindingSiteWords;  // at white space
extern const std::string_view kFindingAgeWords;   // what may stand, between commas, before "cannot be excluded"
extern const std::string_view kFindingVerbs;      // at white space: what makes the words after an "and" a clause

}  // namespace deri
