#include "deri/data/ptbxl_labels.hpp"

#include <charconv>
#include <cmath>
#include <set>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"

namespace deri {
namespace {

// Reads the dictionary from left to right.
class DictionaryParser {
 public:
  explicit DictionaryParser(std::string_view text) : text_(text) {}

  std::vector<ScpCode> parse() {
    std::vector<ScpCode> codes;
    expect('{');
    while (!accept('}')) {
      ScpCode code;
      code.code = quoted();
      expect(':');
      code.likelihood = number();
      codes.push_back(std::move(code));
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_blanks();
    if (at_ < text_.size()) fail_here("the end");
    return codes;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  bool accept(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail_here(fmt::format("'{}'", c));
  }

  std::string quoted() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail_here("a quoted code");
    const std::size_t close = text_.find(quote, at_ + 1);
    if (close == std::string_view::npos) fail_here("a code whose quote is closed");
    const std::string_view code = text_.substr(at_ + 1, close - at_ - 1);
    for (const char c : code)
      if (c <= ' ' || c > '~' || c == '\\') fail_here("a code of printable characters");
    if (code.empty()) fail_here("a code that is not empty");
    at_ = close + 1;
    return std::string(code);
  }

  double number() {
    skip_blanks();
    double value = 0;
    const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (result.ec != std::errc() || !std::isfinite(value)) fail_here("a number");
    at_ = static_cast<std::size_t>(result.ptr - text_.data());
    return value;
  }

  [[noreturn]] void fail_here(std::string_view expected) const {
    fail("scp_codes cannot be read: {} expected at character {}", expected, at_ + 1);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string strip_underscores(std::string_view name) {
  const std::size_t first = name.find_first_not_of('_');
  if (first == std::string_view::npos) return {};
  return std::string(name.substr(first, name.find_last_not_of('_') - first + 1));
}

bool is_set(const std::string& cell, const std::string& place) {
  if (cell.empty()) return false;
  double value = 0;
  const auto result = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (result.ec != std::errc() || result.ptr != cell.data() + cell.size())
    fail("{}: '{}' is not a flag (1.0, 0.0 or empty)", place, cell);
  return value != 0;
}

}  // namespace

std::vector<ScpCode> parse_scp_codes(std::string_view text) {
  return DictionaryParser(text).parse();
}

PtbxlLabeller::PtbxlLabeller(const std::filesystem::path& scp_statements_csv) {
  CsvReader table(scp_statements_csv, {"diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"});
  const std::size_t diagnostic = table.column("diagnostic"), form = table.column("form"),
                    rhythm = table.column("rhythm"), diagnostic_class = table.column("diagnostic_class"),
                    diagnostic_subclass = table.column("diagnostic_subclass");
  std::map<std::string, std::set<std::string>> sets{{"super", {}}, {"sub", {}}, {"form", {}}, {"rhythm", {}}};
  std::vector<std::string> cells;
  while (table.next(cells)) {
    const std::string place = fmt::format("{}:{}", scp_statements_csv.string(), table.line());
    const auto [entry, fresh] = codes_.try_emplace(cells[0]);
    if (!fresh) fail("{}: the code '{}' appears twice", place, cells[0]);
    const auto give = [&, &given = entry->second](const char* set, const std::string& name) {
      const std::string label = strip_underscores(name);
      if (label.empty()) fail("{}: the code '{}' has no label for the set '{}'", place, cells[0], set);
      given.emplace_back(set, label);
      sets[set].insert(label);
    };
    if (is_set(cells[diagnostic], place)) {
      give("super", cells[diagnostic_class]);
      give("sub", cells[diagnostic_subclass]);
    }
    if (is_set(cells[form], place)) give("form", cells[0]);
    if (is_set(cells[rhythm], place)) give("rhythm", cells[0]);
  }
  for (const auto& [set, labels] : sets) sets_[set].assign(labels.begin(), labels.end());
}

std::map<std::string, std::vector<std::string>> PtbxlLabeller::labels(const std::vector<ScpCode>& codes) const {
  std::map<std::string, std::set<std::string>> found;
  for (const ScpCode& code : codes) {
    const auto known = codes_.find(code.code);
    if (known == codes_.end()) continue;
    for (const auto& [set, label] : known->second) found[set].insert(label);
  }
  std::map<std::string, std::vector<std::string>> labels;
  for (const auto& [set, names] : found) labels[set].assign(names.begin(), names.end());
  return labels;
}

std::map<std::string, std::vector<std::string>> PtbxlLabeller::labels(std::string_view scp_codes) const {
  return labels(parse_scp_codes(scp_codes));
}

}  // namespace deri
