#include "deri/text/finding_tokens.hpp"

#include <algorithm>
#include <utility>

#include "deri/base/strings.hpp"

namespace deri {
namespace {

using Spellings = std::unordered_map<std::string, std::vector<std::string>>;
using Token = FindingToken;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Bytes beyond ASCII are letters: the umlauts of what was not translated.
bool is_word_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

class Tokenizer {
 public:
  Tokenizer(std::string_view text, const Spellings& spellings) : text_(text), spellings_(spellings) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) step();
    end_word();
    add(".", text_.size(), text_.size());
    drop_commas_between_leads();
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : ' '; }
  char before() const { return at_ > 0 ? text_[at_ - 1] : ' '; }
  bool next_is(std::string_view bytes) const { return text_.substr(at_, bytes.size()) == bytes; }

  void add(std::string text, std::size_t begin, std::size_t end) { tokens_.push_back({std::move(text), begin, end}); }

  void end_word() {
    if (word_.empty()) return;
    const auto found = spellings_.find(word_);
    if (found == spellings_.end())
      add(word_, word_begin_, word_end_);
    else
      for (const std::string& part : found->second) add(part, word_begin_, word_end_);
    word_.clear();
  }

  void take(std::size_t bytes) {
    if (word_.empty()) word_begin_ = at_;
    word_ += lower_case(text_.substr(at_, bytes));
    skip_within_word(bytes);
  }
  void skip_within_word(std::size_t bytes) {
    at_ += bytes;
    word_end_ = at_;
  }

  void mark(std::string sign, std::size_t bytes = 1) {
    end_word();
    add(std::move(sign), at_, at_ + bytes);
    at_ += bytes;
  }
  void blank(std::size_t bytes = 1) {
    end_word();
    at_ += bytes;
  }

  void step() {
    const char c = text_[at_];
    const bool between_digits = is_digit(before()) && is_digit(peek(1));
    if (next_is("\u00a0")) return blank(2);
    for (const std::string_view sign : {"\u2010", "\u2011", "\u2013", "\u2014"})  // hyphens and dashes
      if (next_is(sign)) return dash(sign.size());
    if (next_is("\u2018") || next_is("\u2019")) return apostrophe(3);
    if (is_word_byte(c)) return take(1);
    if (!word_.empty() && (next_is("(s)") || next_is("(es)"))) return plural();
    if ((c == '.' || c == ':') && between_digits && !word_.empty()) return take(1);
    switch (c) {
      case '.':
      case ';':
      case '!':
      case '\n':
      case '\r':
        return mark(".");
      case ',':
      case ':':
      case '(':
      case ')':
      case '[':
      case ']':
        return mark(",");
      case '/':
        return mark("/");
      case '&':
        return mark("and");
      case '?':
        return question();
      case '-':
        return dash(1);
      case '\'':
        return apostrophe(1);
      default:
        return blank();
    }
  }

  void plural() {
    word_ += 's';
    skip_within_word(next_is("(s)") ? 3 : 4);
  }

  void dash(std::size_t bytes) {
    if (!is_word_byte(before()) && !is_word_byte(peek(bytes)))
      mark(",", bytes);
    else
      blank(bytes);
  }

  void apostrophe(std::size_t bytes) {
    if (word_.empty())
      blank(bytes);
    else
      skip_within_word(bytes);
  }

  // "? infarct" and "?infarct" ask for what follows, "infarct?" for what was said.
  void question() {
    const bool asks_for_next = word_.empty() && (tokens_.empty() || before() == ' ' || is_comma(tokens_.back()));
    mark(asks_for_next ? "query" : "?");
    if (!asks_for_next) add(".", at_, at_);
  }

  void drop_commas_between_leads() {
    std::vector<Token> kept;
    kept.reserve(tokens_.size());
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const bool within_list = is_comma(tokens_[i]) && !kept.empty() && is_lead(kept.back().text) &&
                               i + 1 < tokens_.size() && is_lead(tokens_[i + 1].text);
      if (!within_list) kept.push_back(std::move(tokens_[i]));
    }
    tokens_ = std::move(kept);
  }

  std::string_view text_;
  const Spellings& spellings_;
  std::size_t at_ = 0;
  std::string word_;
  std::size_t word_begin_ = 0, word_end_ = 0;
  std::vector<Token> tokens_;
};

// PTB-XL appends what an editor made of a report, in codes: "normal ecg. Edit: NORM 100, (ASMI 15)".
std::string_view without_editors_note(std::string_view report) {
  const std::string lower = lower_case(report);
  for (std::size_t at = lower.find("edit:"); at != std::string::npos; at = lower.find("edit:", at + 1))
    if (at == 0 || !is_word_byte(lower[at - 1])) return report.substr(0, at);
  return report;
}

}  // namespace

bool is_stop(const FindingToken& token) {
  return token.text == ".";
}
bool is_comma(const FindingToken& token) {
  return token.text == ",";
}

bool is_lead(const std::string& word) {
  static const WordSet kNames = word_set("i ii iii avr avl avf v lead leads");
  if (kNames.contains(word)) return true;
  const std::size_t digits = word.front() == 'v' ? word.size() - 1 : word.size();
  return digits >= 1 && digits <= 2 &&
         std::all_of(word.end() - static_cast<std::ptrdiff_t>(digits), word.end(), is_digit);
}

std::vector<FindingToken> finding_tokens(std::string_view report, const Spellings& spellings) {
  return Tokenizer(without_editors_note(report), spellings).run();
}

std::vector<std::string> words_at_blanks(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c != ' ' && c != '\n')
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

WordSet word_set(std::string_view text) {
  const std::vector<std::string> words = words_at_blanks(text);
  return {words.begin(), words.end()};
}

}  // namespace deri
