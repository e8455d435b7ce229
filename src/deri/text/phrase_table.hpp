#pragma once
// A table of phrases (finding_phrases.hpp) made ready, and where a text has them.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "deri/text/finding_tokens.hpp"

namespace deri {

// Tokens that a phrase was found at, without those of its gaps.
struct PhraseMatch {
  std::vector<std::size_t> at;
  std::size_t line;

  std::size_t first() const { return at.front(); }
  std::size_t last() const { return at.back(); }
};

class PhraseTable {
 public:
  // The words are those that stand for ".." and "&". Throws InternalError for a table that cannot be read.
  PhraseTable(std::string_view table, std::string_view gap_words, std::string_view site_words);

  // Right sides of the lines, by PhraseMatch::line.
  const std::vector<std::string>& outcomes() const { return outcomes_; }

  // By position, without those whose tokens all belong to a longer one. `tokens` are those of finding_tokens().
  std::vector<PhraseMatch> find(const std::vector<FindingToken>& tokens) const;

 private:
  struct Element {
    enum Kind { kWord, kPlural, kGap, kSites, kSentenceBegins, kClauseBegins, kClauseEnds, kNotWord } kind;
    std::string word;
  };
  // Without alternatives.
  struct Phrase {
    std::vector<Element> elements;
    std::size_t line;
  };

  void add_to_class(const std::string& line);
  void add_line(const std::string& line);
  std::vector<std::string> expanded(const std::string& text) const;
  void add_phrase(const std::string& text);
  static Element element(const std::string& word);
  static bool is_word(const Element& element, const std::string& text);
  bool matches_from(const std::vector<Element>& elements, std::size_t e, const std::vector<FindingToken>& tokens,
                    std::size_t t, std::vector<std::size_t>& at) const;
  bool matches_after_gap(const std::vector<Element>& elements, std::size_t e, const std::vector<FindingToken>& tokens,
                         std::size_t t, std::vector<std::size_t>& at) const;

  WordSet gap_words_, site_words_;
  std::map<std::string, std::vector<std::string>> classes_;
  std::vector<Phrase> phrases_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_first_word_;
  std::vector<std::string> outcomes_;
};

// Lines of a table that are neither empty nor comments.
std::vector<std::string> phrase_table_lines(std::string_view table);
// Both sides of a line, trimmed.
std::pair<std::string, std::string> phrase_line_sides(const std::string& line, std::string_view sign);

}  // namespace deri
