#include "deri/text/porter_stemmer.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using Word = std::u32string;
using View = std::u32string_view;

// Every letter but a, e, i, o, u, and y unless a consonant is before it.
bool is_consonant(char32_t letter, bool after_consonant) {
  if (letter == U'y') return !after_consonant;
  return letter != U'a' && letter != U'e' && letter != U'i' && letter != U'o' && letter != U'u';
}

bool is_consonant(View word, std::size_t i) {
  std::size_t first = i;
  while (first > 0 && word[first] == U'y') --first;
  bool consonant = false;
  for (std::size_t j = first; j <= i; ++j) consonant = is_consonant(word[j], consonant);
  return consonant;
}

// m of the paper: how often a vowel is followed by a consonant.
int measure(View stem) {
  int count = 0;
  bool before = false, any = false;
  for (const char32_t letter : stem) {
    const bool consonant = is_consonant(letter, before);
    count += consonant && !before && any ? 1 : 0;
    before = consonant;
    any = true;
  }
  return count;
}

bool has_vowel(View stem) {
  bool consonant = false;
  return std::ranges::any_of(stem, [&](char32_t letter) { return !(consonant = is_consonant(letter, consonant)); });
}

bool ends_in_double_consonant(View word) {
  return word.size() >= 2 && word.back() == word[word.size() - 2] && is_consonant(word, word.size() - 1);
}

// Consonant, vowel, consonant other than w, x, y; or a word that is a vowel and a consonant.
bool ends_in_short_syllable(View word) {
  const std::size_t n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  if (n < 3 || !is_consonant(word, n - 3) || is_consonant(word, n - 2) || !is_consonant(word, n - 1)) return false;
  return word.back() != U'w' && word.back() != U'x' && word.back() != U'y';
}

View without(View word, View suffix) {
  return word.substr(0, word.size() - suffix.size());
}

struct Rule {
  View suffix, replacement;
};

// The first rule whose suffix the word has decides, also when its stem is too short for it.
void apply_first(std::span<const Rule> rules, int least_measure, Word& word) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const View stem = without(word, rule.suffix);
    if (measure(stem) >= least_measure) word = Word(stem).append(rule.replacement);
    return;
  }
}

void strip_plural(Word& word) {
  static constexpr Rule kRules[] = {{U"sses", U"ss"}, {U"ies", U"i"}, {U"ss", U"ss"}, {U"s", U""}};
  if (word.ends_with(U"ies") && word.size() == 4)
    word.pop_back();
  else
    apply_first(kRules, 0, word);
}

// After -ed or -ing was cut off.
void mend_end(Word& word) {
  const bool lost_e = word.ends_with(U"at") || word.ends_with(U"bl") || word.ends_with(U"iz");
  if (!lost_e && ends_in_double_consonant(word)) {
    if (word.back() != U'l' && word.back() != U's' && word.back() != U'z') word.pop_back();
  } else if (lost_e || (measure(word) == 1 && ends_in_short_syllable(word))) {
    word += U'e';
  }
}

void strip_past_and_participle(Word& word) {
  if (word.ends_with(U"ied")) {
    word.resize(word.size() - (word.size() == 4 ? 1 : 2));
    return;
  }
  if (word.ends_with(U"eed")) {
    if (measure(without(word, U"eed")) > 0) word.pop_back();
    return;
  }
  for (const View suffix : {View(U"ed"), View(U"ing")}) {
    if (!word.ends_with(suffix) || !has_vowel(without(word, suffix))) continue;
    word.resize(word.size() - suffix.size());
    mend_end(word);
    return;
  }
}

void turn_y_to_i(Word& word) {
  if (word.size() > 2 && word.back() == U'y' && is_consonant(word, word.size() - 2)) word.back() = U'i';
}

void shorten_double_suffix(Word& word) {
  static constexpr Rule kRules[] = {
      {U"ational", U"ate"}, {U"tional", U"tion"}, {U"enci", U"ence"}, {U"anci", U"ance"}, {U"izer", U"ize"},
      {U"bli", U"ble"},     {U"alli", U"al"},     {U"entli", U"ent"}, {U"eli", U"e"},     {U"ousli", U"ous"},
      {U"ization", U"ize"}, {U"ation", U"ate"},   {U"ator", U"ate"},  {U"alism", U"al"},  {U"iveness", U"ive"},
      {U"fulness", U"ful"}, {U"ousness", U"ous"}, {U"aliti", U"al"},  {U"iviti", U"ive"}, {U"biliti", U"ble"},
      {U"fulli", U"ful"},
  };
  while (word.ends_with(U"alli") && measure(without(word, U"alli")) > 0) word.resize(word.size() - 2);
  if (word.ends_with(U"logi")) {  // its l belongs to the stem: "geologi" has one
    if (measure(without(word, U"ogi")) > 0) word.pop_back();
  } else {
    apply_first(kRules, 1, word);
  }
}

void strip_suffix(Word& word) {
  static constexpr Rule kRules[] = {{U"icate", U"ic"}, {U"ative", U""}, {U"alize", U"al"}, {U"iciti", U"ic"},
                                    {U"ical", U"ic"},  {U"ful", U""},   {U"ness", U""}};
  apply_first(kRules, 1, word);
}

void strip_residual_suffix(Word& word) {
  static constexpr Rule kRules[] = {{U"al", U""},   {U"ance", U""}, {U"ence", U""}, {U"er", U""},    {U"ic", U""},
                                    {U"able", U""}, {U"ible", U""}, {U"ant", U""},  {U"ement", U""}, {U"ment", U""},
                                    {U"ent", U""},  {U"ou", U""},   {U"ism", U""},  {U"ate", U""},   {U"iti", U""},
                                    {U"ous", U""},  {U"ive", U""},  {U"ize", U""}};
  if (word.ends_with(U"ion")) {
    const View stem = without(word, U"ion");
    if (measure(stem) > 1 && (stem.back() == U's' || stem.back() == U't')) word.resize(stem.size());
    return;
  }
  apply_first(kRules, 2, word);
}

void tidy_end(Word& word) {
  if (word.ends_with(U'e')) {
    const View stem = without(word, U"e");
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_in_short_syllable(stem))) word.pop_back();
  }
  if (word.ends_with(U"ll") && measure(without(word, U"l")) > 1) word.pop_back();
}

const Rule* irregular(View word) {
  static constexpr Rule kIrregular[] = {
      {U"sky", U"sky"},        {U"skies", U"sky"},       {U"dying", U"die"},        {U"lying", U"lie"},
      {U"tying", U"tie"},      {U"news", U"news"},       {U"innings", U"inning"},   {U"inning", U"inning"},
      {U"outings", U"outing"}, {U"outing", U"outing"},   {U"cannings", U"canning"}, {U"canning", U"canning"},
      {U"howe", U"howe"},      {U"proceed", U"proceed"}, {U"exceed", U"exceed"},    {U"succeed", U"succeed"}};
  for (const Rule& rule : kIrregular)
    if (word == rule.suffix) return &rule;
  return nullptr;
}

}  // namespace

std::string porter_stem(std::string_view text) {
  Word word = to_lower(decode_utf8(text));
  if (const Rule* known = irregular(word)) return encode_utf8(known->replacement);
  if (word.size() > 2) {
    strip_plural(word);
    strip_past_and_participle(word);
    turn_y_to_i(word);
    shorten_double_suffix(word);
    strip_suffix(word);
    strip_residual_suffix(word);
    tidy_end(word);
  }
  return encode_utf8(word);
}

}  // namespace deri
