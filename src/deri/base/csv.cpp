#include "deri/base/csv.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// Where reading stands in a text.
struct Cursor {
  std::size_t position = 0, line = 1;
};

// Reads one cell and what ends it: ',' more cells follow, '\n' the row ends (with the text, too), '"' the text ended
// within quotes. A cell is quoted if it begins with a quote; what follows the closing quote is taken as it stands.
char read_cell(std::string_view text, Cursor& at, std::string& cell) {
  cell.clear();
  bool quoted = false;
  while (at.position < text.size()) {
    // What needs no thought is copied at once.
    const std::size_t special =
        std::min(quoted ? text.find('"', at.position) : text.find_first_of(",\"\r\n", at.position), text.size());
    const std::string_view plain = text.substr(at.position, special - at.position);
    cell += plain;
    if (quoted) at.line += static_cast<std::size_t>(std::count(plain.begin(), plain.end(), '\n'));
    at.position = special;
    if (special == text.size()) break;
    const char c = text[at.position++];
    const bool more = at.position < text.size();
    if (quoted) {
      if (more && text[at.position] == '"') {
        cell += '"';
        ++at.position;
      } else {
        quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == ',') {
      return ',';
    } else if (c == '\n') {
      ++at.line;
      return '\n';
    } else if (c != '\r' || !more || text[at.position] != '\n') {
      cell += c;
    }
  }
  return quoted ? '"' : '\n';
}

// False if a quote is never closed. `cells` keeps its strings' memory from row to row.
bool read_cells(std::string_view text, Cursor& at, std::vector<std::string>& cells) {
  for (std::size_t count = 0;; ++count) {
    if (count == cells.size()) cells.emplace_back();
    const char end = read_cell(text, at, cells[count]);
    if (end == ',' && at.position < text.size()) continue;
    cells.resize(count + 1);
    if (end == ',') cells.emplace_back();
    return end != '"';
  }
}

std::vector<std::string> read_header(std::string_view text, Cursor& at, const std::filesystem::path& path) {
  if (text.starts_with(kByteOrderMark)) at.position = kByteOrderMark.size();
  if (at.position >= text.size()) fail("{} is empty: expected a CSV file with a header row", path.string());
  std::vector<std::string> header;
  if (!read_cells(text, at, header)) fail("{}:1: a quoted cell is never closed", path.string());
  std::vector<std::string> sorted = header;
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end()) fail("{}: the column '{}' appears twice", path.string(), shown(*twin));
  return header;
}

bool contains(const std::vector<std::string>& header, std::string_view name) {
  return std::find(header.begin(), header.end(), name) != header.end();
}

std::size_t find_column(const std::vector<std::string>& header, std::string_view name,
                        const std::filesystem::path& path) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) {
    constexpr std::size_t kShown = 400;
    const std::string there = fmt::format("{}", fmt::join(header, ", "));
    fail("{}: no column '{}'; it has {}{}", path.string(), name, printable(there.substr(0, kShown)),
         there.size() > kShown ? " …" : "");
  }
  return static_cast<std::size_t>(found - header.begin());
}

void check_width(const std::vector<std::string>& cells, const std::vector<std::string>& header,
                 const std::filesystem::path& path, std::size_t line) {
  if (cells.size() != header.size())
    fail("{}:{}: {} cells where the header has {}", path.string(), line, cells.size(), header.size());
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& path, std::initializer_list<std::string_view> required)
    : path_(path), file_(path), text_(text_of(file_)) {
  Cursor at;
  header_ = read_header(text_, at, path_);
  position_ = at.position;
  line_ = at.line;
  for (const std::string_view name : required) column(name);
}

bool CsvReader::has_column(std::string_view name) const {
  return contains(header_, name);
}

std::size_t CsvReader::column(std::string_view name) const {
  return find_column(header_, name, path_);
}

bool CsvReader::next(std::vector<std::string>& cells) {
  if (!read_row(cells)) return false;
  check_width(cells, header_, path_, row_line_);
  return true;
}

bool CsvReader::read_row(std::vector<std::string>& cells) {
  if (position_ >= text_.size()) return false;
  row_line_ = line_;
  Cursor at{position_, line_};
  if (!read_cells(text_, at, cells)) fail("{}:{}: a quoted cell is never closed", path_.string(), row_line_);
  position_ = at.position;
  line_ = at.line;
  return true;
}

CsvTable::CsvTable(const std::filesystem::path& path, std::initializer_list<std::string_view> required)
    : path_(path), file_(path), text_(text_of(file_)) {
  Cursor at;
  header_ = read_header(text_, at, path_);
  for (const std::string_view name : required) column(name);
  std::vector<std::string> cells;
  while (at.position < text_.size()) {
    rows_.push_back({at.position, at.line});
    if (!read_cells(text_, at, cells)) fail("{}:{}: a quoted cell is never closed", path_.string(), rows_.back().line);
  }
}

bool CsvTable::has_column(std::string_view name) const {
  return contains(header_, name);
}

std::size_t CsvTable::column(std::string_view name) const {
  return find_column(header_, name, path_);
}

void CsvTable::row(std::size_t index, std::vector<std::string>& cells) const {
  DERI_CHECK(index < rows_.size());
  Cursor at{static_cast<std::size_t>(rows_[index].offset), static_cast<std::size_t>(rows_[index].line)};
  read_cells(text_, at, cells);
  check_width(cells, header_, path_, line(index));
}

void CsvTable::cell(std::size_t index, std::size_t column, std::string& cell) const {
  DERI_CHECK(index < rows_.size());
  Cursor at{static_cast<std::size_t>(rows_[index].offset), static_cast<std::size_t>(rows_[index].line)};
  for (std::size_t i = 0; i <= column; ++i) {
    const char end = read_cell(text_, at, cell);
    if (end != ',' && i < column)
      fail("{}:{}: {} cells where the header has {}", path_.string(), line(index), i + 1, header_.size());
  }
}

std::string csv_row(const std::vector<std::string>& cells) {
  std::string row;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) row += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      row += cells[i];
      continue;
    }
    row += '"';
    for (const char c : cells[i]) row += c == '"' ? std::string("\"\"") : std::string(1, c);
    row += '"';
  }
  return row + '\n';
}

}  // namespace deri
