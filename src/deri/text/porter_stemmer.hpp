#pragma once
// Porter's suffix stripping (Program 14(3), 1980) with the changes that NLTK's PorterStemmer has by default, because
// published ROUGE-L and METEOR figures are computed with that one:
//
//   * words of one or two letters stay, and so do a dozen irregular ones ("sky", "dying", "proceed", ...);
//   * "dies" and "died" become "die", not "di"; a word of two letters such as "ed" counts as ending in
//     vowel-consonant where an -e is put back;
//   * -y becomes -i after a consonant that is not the first letter, instead of after any stem with a vowel;
//   * step 2 also has -bli, -fulli, -logi, and goes on after -alli.

#include <string>
#include <string_view>

namespace deri {

// The stem of a word in UTF-8; upper case becomes lower case. Characters beyond a-z count as consonants. Invalid UTF-8
// becomes U+FFFD.
std::string porter_stem(std::string_view word);

}  // namespace deri
