#include "deri/text/report_translation.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/text/report_phrases.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using Words = std::set<std::string, std::less<>>;

constexpr char32_t kCombiningDiaeresis = 0x308;
// Stands in a key for an umlaut that was lost. No other character of a key looks like it.
constexpr char kLostUmlaut = '#';
constexpr std::size_t kMaxLostUmlauts = 3;
constexpr std::array<std::string_view, 5> kUmlauts = {"ue", "ae", "oe", "ss", "a"};

struct Token {
  std::size_t begin = 0, end = 0;  // in code points of the report
  std::string key;                 // as the table spells it
  bool letters = false;            // a word
  bool number = false;             // if neither, one sign
};

bool is_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
  const bool sign = c < 0xC0 || c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c < 0x2070) || c == kReplacementCharacter;
  return !sign && !is_white_space(c);
}

// What files have in the place of a letter that a conversion lost.
bool may_be_lost_umlaut(char32_t c) {
  return c == U'#' || c == U'?' || c == 0xAC || c == kReplacementCharacter;
}

bool joins_words(char32_t c) {
  return is_white_space(c) || c == U'-' || (c >= 0x2010 && c <= 0x2014);
}

// Of UTF-8 that was read as Latin-1 or Windows-1252: "Ã¤" for "ä". Empty if the two are nothing of the kind.
std::string_view umlaut_read_as_latin(char32_t first, char32_t second) {
  if (first != 0xC3) return {};
  switch (second) {
    case 0xA4:
    case 0x84:
    case 0x201E:
      return "ae";
    case 0xB6:
    case 0x96:
    case 0x2013:
      return "oe";
    case 0xBC:
    case 0x9C:
    case 0x153:
      return "ue";
    case 0x9F:
    case 0x178:
      return "ss";
    case 0xA5:
    case 0x85:
    case 0x2026:
      return "a";
    default:
      return {};
  }
}

void append_folded(char32_t c, std::string& key) {
  for (const char32_t lower : to_lower({&c, 1})) {
    if (lower == U'ä') {
      key += "ae";
    } else if (lower == U'ö') {
      key += "oe";
    } else if (lower == U'ü') {
      key += "ue";
    } else if (lower == U'ß') {
      key += "ss";
    } else if (lower == U'å') {
      key += 'a';
    } else if (lower == U'é' || lower == kCombiningDiaeresis) {
      key += 'e';
    } else {
      append_utf8(lower, key);
    }
  }
}

// The word that begins at `at`, with up to `max_lost` signs that may stand for umlauts, which need a letter behind
// them.
Token read_word(std::u32string_view text, std::size_t at, std::size_t max_lost) {
  Token word{at, at, {}, true, false};
  std::size_t lost = 0;
  while (word.end < text.size()) {
    const char32_t c = text[word.end];
    const char32_t next = word.end + 1 < text.size() ? text[word.end + 1] : U' ';
    if (const auto umlaut = umlaut_read_as_latin(c, next); !umlaut.empty()) {
      word.key += umlaut;
      word.end += 2;
    } else if (is_letter(c)) {
      append_folded(c, word.key);
      ++word.end;
    } else if (lost < max_lost && may_be_lost_umlaut(c) && is_letter(next)) {
      word.key += kLostUmlaut;
      ++word.end;
      ++lost;
    } else {
      break;
    }
  }
  return word;
}

// A known word of which `key` has lost umlauts.
std::optional<std::string> restored(const std::string& key, const Words& known) {
  const std::size_t at = key.find(kLostUmlaut);
  if (at == std::string::npos) return known.count(key) > 0 ? std::optional(key) : std::nullopt;
  for (const std::string_view umlaut : kUmlauts) {
    std::string tried = key;
    tried.replace(at, 1, umlaut);
    if (auto word = restored(tried, known)) return word;
  }
  return std::nullopt;
}

Token read_token(std::u32string_view text, std::size_t at, const Words& known) {
  if (is_digit(text[at])) {
    Token number{at, at, {}, false, true};
    while (number.end < text.size() && is_digit(text[number.end])) number.key += static_cast<char>(text[number.end++]);
    return number;
  }
  if (is_letter(text[at]) || may_be_lost_umlaut(text[at])) {
    Token word = read_word(text, at, kMaxLostUmlauts);
    if (word.end > at && word.key.find(kLostUmlaut) == std::string::npos) return word;
    if (auto key = restored(word.key, known)) {
      word.key = std::move(*key);
      return word;
    }
  }
  if (is_letter(text[at])) return read_word(text, at, 0);
  Token sign{at, at + 1, {}, false, false};
  append_utf8(text[at], sign.key);
  return sign;
}

std::vector<Token> tokenize(std::u32string_view text, const Words& known) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    if (joins_words(text[at])) {
      ++at;
      continue;
    }
    tokens.push_back(read_token(text, at, known));
    at = tokens.back().end;
  }
  return tokens;
}

bool is_lead_or_number(std::string_view key) {
  constexpr std::array<std::string_view, 9> kNames = {"ii", "iii", "iv", "vi", "vii", "viii", "avr", "avl", "avf"};
  return std::find(kNames.begin(), kNames.end(), key) != kNames.end();
}

bool is_word(const Token& token) {
  return token.letters && token.end - token.begin >= 2 && !is_lead_or_number(token.key);
}

// Follows lists such as "in I, aVL, V4-6", behind which a statement may end.
class LeadList {
 public:
  void add(const Token& token) {
    constexpr std::array<std::string_view, 7> kLeads = {"i", "ii", "iii", "avr", "avl", "avf", "v"};
    constexpr std::array<std::string_view, 3> kShort = {"l", "r", "f"};  // aVL, aVR, aVF, where other leads stand
    const std::string& key = token.key;
    if (token.letters) {
      inside_ = contains(kLeads, key) || (inside_ && contains(kShort, key));
    } else if (!token.number) {
      inside_ = inside_ && (key == "," || key == "/" || key == "+" || key == "(" || key == ")");
    }
    complete_ = inside_ && (token.number || key == ")" || (token.letters && key != "v"));
  }
  bool may_end_here() const { return complete_; }

 private:
  template <std::size_t N>
  static bool contains(const std::array<std::string_view, N>& names, std::string_view key) {
    return std::find(names.begin(), names.end(), key) != names.end();
  }

  bool inside_ = false, complete_ = false;
};

bool is_blank(std::u32string_view text) {
  return std::all_of(text.begin(), text.end(), is_white_space);
}

// The table's notation.

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// "inferior~" and "unbest." as alternatives in brackets.
std::string with_brackets(std::string_view phrase) {
  std::string text(phrase);
  replace_all(text, "~", "[|e|er|es|en|em]");
  replace_all(text, ".", "[|.]");
  return text;
}

std::size_t closing_bracket(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t at = open; at < text.size(); ++at) {
    if (text[at] == '[') ++depth;
    if (text[at] == ']' && --depth == 0) return at;
  }
  fail("the table of phrases has an open bracket: {}", text);
}

std::vector<std::string_view> alternatives(std::string_view inside) {
  std::vector<std::string_view> parts;
  std::size_t depth = 0, begin = 0;
  for (std::size_t at = 0; at < inside.size(); ++at) {
    if (inside[at] == '[') ++depth;
    if (inside[at] == ']') --depth;
    if (inside[at] != '|' || depth > 0) continue;
    parts.push_back(inside.substr(begin, at - begin));
    begin = at + 1;
  }
  parts.push_back(inside.substr(begin));
  return parts;
}

// Every phrase that a text with brackets stands for.
void expand(const std::string& text, std::vector<std::string>& phrases) {
  const std::size_t open = text.find('[');
  if (open == std::string::npos) {
    phrases.push_back(text);
    return;
  }
  const std::size_t close = closing_bracket(text, open);
  for (const std::string_view part : alternatives(std::string_view(text).substr(open + 1, close - open - 1)))
    expand(text.substr(0, open) + std::string(part) + text.substr(close + 1), phrases);
}

struct English {
  std::string text;  // with @classes
  std::size_t line = 0;
  bool begins = false, ends = false;  // a statement
  bool of_english = false;            // also of phrases without a foreign word, in a report that has one
};

English parse_english(std::string_view text, std::size_t line) {
  English english;
  english.line = line;
  english.begins = text.starts_with('.');
  if (english.begins) text.remove_prefix(1);
  english.ends = text.ends_with('.');
  if (english.ends) text.remove_suffix(1);
  english.text = trimmed(text);
  return english;
}

struct Node {
  std::map<std::string, std::size_t, std::less<>> next;         // by word
  std::vector<std::pair<std::string, std::size_t>> class_next;  // by class
  std::optional<English> english;
};

using Captures = std::vector<std::pair<std::string_view, std::string>>;

struct Match {
  std::size_t end = 0;  // index of the token after it
  const English* english = nullptr;
  std::string text;
};

std::string filled_in(const English& english, const Captures& captures) {
  std::string text = english.text;
  for (const auto& [name, value] : captures) replace_all(text, name, value);
  return text;
}

}  // namespace

class ReportTranslator::Table {
 public:
  Table() {
    read_english();
    std::size_t line_number = 0;
    for (std::string_view rest = kReportPhrases; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      read_line(trimmed(rest.substr(0, end)), ++line_number);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }

  const Words& known() const { return known_; }
  bool is_english(std::string_view key) const { return english_.find(key) != english_.end(); }
  std::size_t entries() const { return entries_; }
  std::size_t phrases() const { return phrases_; }

  // Has a word of the table's phrases that is no English word, nor the beginning of one: PTB-XL cuts long reports off.
  bool is_foreign(const std::vector<Token>& tokens) const {
    return std::any_of(tokens.begin(), tokens.end(), [&](const Token& token) {
      if (!is_word(token) || known_.count(token.key) == 0) return false;
      const auto next = english_.lower_bound(token.key);
      return next == english_.end() || !next->starts_with(token.key);
    });
  }

  // In a foreign report, the longest phrase that begins at a token; of equally long ones the first of the table.
  std::optional<Match> longest(const std::vector<Token>& tokens, std::size_t begin) const {
    std::optional<Match> best;
    Captures captures;
    visit(0, tokens, begin, captures, [&](std::size_t end, const English& english) {
      const bool longer = !best || end > best->end || (end == best->end && english.line < best->english->line);
      if (longer && (english.of_english || has_foreign_word(tokens, begin, end)))
        best = Match{end, &english, filled_in(english, captures)};
    });
    return best;
  }

 private:
  void read_english() {
    for (const Token& token : tokenize(decode_utf8(kEnglishReportWords), {})) english_.insert(token.key);
  }

  void read_line(std::string_view line, std::size_t number) {
    if (line.empty() || line.starts_with('#')) return;
    const std::size_t equals = line.rfind(" = ");
    if (equals == std::string_view::npos) fail("the table of phrases has no ' = ' in: {}", line);
    std::string_view phrase = trimmed(line.substr(0, equals));
    std::size_t root = 0;
    if (const std::size_t colon = phrase.find(": "); phrase.starts_with('@') && colon != std::string_view::npos) {
      root = roots_.emplace(std::string(phrase.substr(0, colon)), nodes_.size()).first->second;
      if (root == nodes_.size()) nodes_.emplace_back();
      phrase = trimmed(phrase.substr(colon + 2));
    }
    English english = parse_english(line.substr(equals + 3), number);
    english.of_english = phrase.starts_with('!');
    if (english.of_english) phrase.remove_prefix(1);
    std::vector<std::string> expanded;
    expand(with_brackets(phrase), expanded);
    for (const std::string& words : expanded) add(root, words, english);
    ++entries_;
  }

  void add(std::size_t node, const std::string& phrase, const English& english) {
    const std::vector<Token> tokens = tokenize(decode_utf8(phrase), {});
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].key == "@" && i + 1 < tokens.size()) {
        node = class_child(node, "@" + tokens[++i].key);
      } else {
        if (tokens[i].letters) known_.insert(tokens[i].key);
        node = child(node, tokens[i].key);
      }
    }
    if (nodes_[node].english) return;  // an earlier line's
    nodes_[node].english = english;
    ++phrases_;
  }

  std::size_t child(std::size_t node, const std::string& key) {
    const auto found = nodes_[node].next.find(key);
    if (found != nodes_[node].next.end()) return found->second;
    nodes_[node].next.emplace(key, nodes_.size());
    nodes_.emplace_back();
    return nodes_.size() - 1;
  }

  std::size_t class_child(std::size_t node, const std::string& name) {
    if (roots_.count(name) == 0) fail("the table of phrases uses {} before it says what that is", name);
    for (const auto& [other, next] : nodes_[node].class_next)
      if (other == name) return next;
    nodes_[node].class_next.emplace_back(name, nodes_.size());
    nodes_.emplace_back();
    return nodes_.size() - 1;
  }

  // Calls `found` for every phrase from `node` on that matches the tokens from `at` on.
  void visit(std::size_t node, const std::vector<Token>& tokens, std::size_t at, Captures& captures,
             const std::function<void(std::size_t, const English&)>& found) const {
    const Node& here = nodes_[node];
    if (here.english) found(at, *here.english);
    if (at == tokens.size()) return;
    if (const auto next = here.next.find(tokens[at].key); next != here.next.end())
      visit(next->second, tokens, at + 1, captures, found);
    for (const auto& [name, next] : here.class_next) {
      for (Match& member : members(name, tokens, at)) {
        captures.emplace_back(name, std::move(member.text));
        visit(next, tokens, member.end, captures, found);
        captures.pop_back();
      }
    }
  }

  // The phrases of a class that begin at a token. A class holds only classes that stand above it, so this ends.
  std::vector<Match> members(const std::string& name, const std::vector<Token>& tokens, std::size_t at) const {
    std::vector<Match> matches;
    Captures captures;
    visit(roots_.find(name)->second, tokens, at, captures, [&](std::size_t end, const English& english) {
      matches.push_back({end, &english, filled_in(english, captures)});
    });
    return matches;
  }

  bool has_foreign_word(const std::vector<Token>& tokens, std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < end; ++i)
      if (is_word(tokens[i]) && !is_english(tokens[i].key)) return true;
    return false;
  }

  Words english_, known_;
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::map<std::string, std::size_t> roots_;
  std::size_t entries_ = 0, phrases_ = 0;
};

ReportTranslator::ReportTranslator() : table_(std::make_unique<const Table>()) {}
ReportTranslator::~ReportTranslator() = default;
ReportTranslator::ReportTranslator(ReportTranslator&&) noexcept = default;
ReportTranslator& ReportTranslator::operator=(ReportTranslator&&) noexcept = default;

std::size_t ReportTranslator::entries() const {
  return table_->entries();
}
std::size_t ReportTranslator::phrases() const {
  return table_->phrases();
}

TranslatedReport ReportTranslator::translate(std::string_view report) const {
  const std::u32string text = decode_utf8(report);
  const auto part = [&](std::size_t begin, std::size_t end) {
    return std::u32string_view(text).substr(begin, end - begin);
  };
  const std::vector<Token> tokens = tokenize(text, table_->known());
  const bool foreign = table_->is_foreign(tokens);
  TranslatedReport translated;
  LeadList leads;
  std::size_t written = 0;  // up to here of `text`
  bool statement_ended = false, stop_taken = false;
  for (std::size_t i = 0; i < tokens.size();) {
    const std::optional<Match> match = foreign ? table_->longest(tokens, i) : std::nullopt;
    const std::u32string_view gap = part(written, tokens[i].begin);
    const bool separates = match && statement_ended && match->english->begins && is_blank(gap);
    // "neg.V1": with the stop of the abbreviation went what kept the two apart.
    const bool touches = gap.empty() && stop_taken && (tokens[i].letters || tokens[i].number);
    translated.text += separates ? ". " : touches ? " " : encode_utf8(gap);

    const std::size_t begin = i, end = match ? match->end : i + 1;
    written = tokens[end - 1].end;
    for (; i < end; ++i) {
      leads.add(tokens[i]);
      if (!is_word(tokens[i])) continue;
      ++translated.words;
      if (!table_->is_english(tokens[i].key)) ++translated.german;
    }
    const std::string original = encode_utf8(part(tokens[begin].begin, written));
    translated.text += match ? match->text : original;
    statement_ended = (match && match->english->ends) || leads.may_end_here();
    stop_taken = match && !tokens[end - 1].letters && !tokens[end - 1].number;
    if (match || !is_word(tokens[begin]) || table_->is_english(tokens[begin].key)) continue;
    ++translated.unknown;
    translated.unknown_words.push_back(original);
  }
  translated.text += encode_utf8(part(written, text.size()));
  return translated;
}

}  // namespace deri
