#include "deri/text/phrase_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

using Token = FindingToken;
using Match = PhraseMatch;

constexpr std::size_t kLongestGap = 14, kLongestSites = 8;

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  return lines;
}

std::size_t closing_bracket(const std::string& text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '[') ++depth;
    if (text[i] == ']' && --depth == 0) return i;
  }
  throw InternalError(fmt::format("a bracket is open in the table of findings: {}", text));
}

std::vector<std::string> split_choices(const std::string& text) {
  std::vector<std::string> choices(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (c == '|' && depth == 0)
      choices.emplace_back();
    else
      choices.back() += c;
  }
  return choices;
}

bool hides(const Match& longer, const Match& shorter) {
  return longer.at.size() > shorter.at.size() && std::ranges::includes(longer.at, shorter.at);
}

// A match lies within a few dozen tokens, so few others overlap it.
std::vector<Match> without_hidden(std::vector<Match> matches) {
  std::ranges::stable_sort(matches, {}, &Match::first);
  std::vector<bool> hidden(matches.size(), false);
  for (std::size_t i = 0; i < matches.size(); ++i)
    for (std::size_t j = i + 1; j < matches.size() && matches[j].first() <= matches[i].last(); ++j) {
      if (hides(matches[i], matches[j])) hidden[j] = true;
      if (hides(matches[j], matches[i])) hidden[i] = true;
    }
  std::vector<Match> kept;
  for (std::size_t i = 0; i < matches.size(); ++i)
    if (!hidden[i]) kept.push_back(std::move(matches[i]));
  return kept;
}

}  // namespace

std::vector<std::string> phrase_table_lines(std::string_view table) {
  std::vector<std::string> lines = split_lines(table);
  std::erase_if(lines, [](const std::string& line) { return line.empty() || line.front() == '#'; });
  return lines;
}

std::pair<std::string, std::string> phrase_line_sides(const std::string& line, std::string_view sign) {
  const std::size_t at = line.find(sign);
  DERI_CHECK(at != std::string::npos);
  const std::string_view view = line;
  return {std::string(trimmed(view.substr(0, at))), std::string(trimmed(view.substr(at + sign.size())))};
}

PhraseTable::PhraseTable(std::string_view table, std::string_view gap_words, std::string_view site_words)
    : gap_words_(word_set(gap_words)), site_words_(word_set(site_words)) {
  for (const std::string& line : phrase_table_lines(table)) {
    if (line.front() == '@' && line.find(": ") < line.find(' '))
      add_to_class(line);
    else
      add_line(line);
  }
}

void PhraseTable::add_to_class(const std::string& line) {
  const auto [name, phrase] = phrase_line_sides(line, ":");
  classes_[name].push_back(phrase);
}

void PhraseTable::add_line(const std::string& line) {
  const auto [left, right] = phrase_line_sides(line, "=");
  for (const std::string& phrase : expanded(left)) add_phrase(phrase);
  outcomes_.push_back(right);
}

// All phrases that a text with alternatives and classes stands for.
std::vector<std::string> PhraseTable::expanded(const std::string& text) const {
  const std::size_t at = text.find_first_of("[@");
  if (at == std::string::npos) return {text};
  std::vector<std::string> choices;
  std::size_t end;
  if (text[at] == '@') {
    end = std::min(text.find_first_of(" ]|", at), text.size());
    choices = classes_.at(text.substr(at, end - at));
  } else {
    end = closing_bracket(text, at);
    choices = split_choices(text.substr(at + 1, end - at - 1));
    ++end;
  }
  std::vector<std::string> all;
  for (const std::string& choice : choices)
    for (std::string& phrase : expanded(fmt::format("{}{}{}", text.substr(0, at), choice, text.substr(end))))
      all.push_back(std::move(phrase));
  return all;
}

void PhraseTable::add_phrase(const std::string& text) {
  Phrase phrase{{}, outcomes_.size()};
  for (const std::string& word : words_at_blanks(text)) phrase.elements.push_back(element(word));
  const auto first = std::ranges::find_if(phrase.elements, [](const Element& e) {
    return e.kind != Element::kSentenceBegins && e.kind != Element::kClauseBegins;
  });
  DERI_CHECK(first != phrase.elements.end() && (first->kind == Element::kWord || first->kind == Element::kPlural));
  std::vector<std::string> forms{first->word};
  if (first->kind == Element::kPlural) forms = {first->word, first->word + "s", first->word + "es"};
  for (const std::string& form : forms) by_first_word_[form].push_back(phrases_.size());
  phrases_.push_back(std::move(phrase));
}

PhraseTable::Element PhraseTable::element(const std::string& word) {
  if (word == "..") return {Element::kGap, ""};
  if (word == "&") return {Element::kSites, ""};
  if (word == "^^") return {Element::kSentenceBegins, ""};
  if (word == "^") return {Element::kClauseBegins, ""};
  if (word == "$") return {Element::kClauseEnds, ""};
  if (word.front() == '!') return {Element::kNotWord, word.substr(1)};
  if (word.back() == '~') return {Element::kPlural, word.substr(0, word.size() - 1)};
  return {Element::kWord, word};
}

bool PhraseTable::is_word(const Element& element, const std::string& text) {
  if (!text.starts_with(element.word)) return false;
  const std::string_view ending = std::string_view(text).substr(element.word.size());
  return ending.empty() || (element.kind == Element::kPlural && (ending == "s" || ending == "es"));
}

// Whether elements from `e` on are found from token `t` on; `at` gets their tokens. `t` may be the end of the text.
bool PhraseTable::matches_from(const std::vector<Element>& elements, std::size_t e, const std::vector<Token>& tokens,
                               std::size_t t, std::vector<std::size_t>& at) const {
  if (e == elements.size()) return true;
  const Element& element = elements[e];
  const auto rest = [&](std::size_t next) { return matches_from(elements, e + 1, tokens, next, at); };
  switch (element.kind) {
    case Element::kSentenceBegins:
      return (t == 0 || is_stop(tokens[t - 1])) && rest(t);
    case Element::kClauseBegins:
      return (t == 0 || is_stop(tokens[t - 1]) || is_comma(tokens[t - 1])) && rest(t);
    case Element::kClauseEnds:
      return (t == tokens.size() || is_stop(tokens[t]) || is_comma(tokens[t])) && rest(t);
    case Element::kNotWord:
      return (t == tokens.size() || tokens[t].text != element.word) && rest(t);
    case Element::kGap:
    case Element::kSites:
      return matches_after_gap(elements, e, tokens, t, at);
    default:
      if (t == tokens.size() || !is_word(element, tokens[t].text)) return false;
      at.push_back(t);
      if (rest(t + 1)) return true;
      at.pop_back();
      return false;
  }
}

bool PhraseTable::matches_after_gap(const std::vector<Element>& elements, std::size_t e,
                                    const std::vector<Token>& tokens, std::size_t t,
                                    std::vector<std::size_t>& at) const {
  const bool sites = elements[e].kind == Element::kSites;
  const WordSet& allowed = sites ? site_words_ : gap_words_;
  for (std::size_t skipped = 0; skipped <= (sites ? kLongestSites : kLongestGap); ++skipped, ++t) {
    if (matches_from(elements, e + 1, tokens, t, at)) return true;
    if (t == tokens.size()) return false;
    const std::string& word = tokens[t].text;
    if (!is_comma(tokens[t]) && !allowed.contains(word) && (sites || !is_lead(word))) return false;
  }
  return false;
}

std::vector<PhraseMatch> PhraseTable::find(const std::vector<Token>& tokens) const {
  std::vector<Match> matches;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto found = by_first_word_.find(tokens[i].text);
    if (found == by_first_word_.end()) continue;
    for (const std::size_t phrase : found->second) {
      Match match{{}, phrases_[phrase].line};
      if (matches_from(phrases_[phrase].elements, 0, tokens, i, match.at)) matches.push_back(std::move(match));
    }
  }
  return without_hidden(std::move(matches));
}

}  // namespace deri
