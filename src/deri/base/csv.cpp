#include "deri/base/csv.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"

namespace deri {

CsvReader::CsvReader(const std::filesystem::path& path, std::initializer_list<std::string_view> required)
    : path_(path), text_(read_file(path)) {
  if (text_.starts_with("\xEF\xBB\xBF")) position_ = 3;  // byte order mark
  if (!read_row(header_)) fail("{} is empty: expected a CSV file with a header row", path_.string());
  std::vector<std::string> sorted = header_;
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end()) fail("{}: the column '{}' appears twice", path_.string(), *twin);
  for (const std::string_view name : required) column(name);
}

bool CsvReader::has_column(std::string_view name) const {
  return std::find(header_.begin(), header_.end(), name) != header_.end();
}

std::size_t CsvReader::column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found == header_.end()) fail("{}: no column '{}'; it has {}", path_.string(), name, fmt::join(header_, ", "));
  return static_cast<std::size_t>(found - header_.begin());
}

bool CsvReader::next(std::vector<std::string>& cells) {
  if (!read_row(cells)) return false;
  if (cells.size() != header_.size())
    fail("{}:{}: {} cells where the header has {}", path_.string(), row_line_, cells.size(), header_.size());
  return true;
}

bool CsvReader::read_row(std::vector<std::string>& cells) {
  cells.clear();
  if (position_ >= text_.size()) return false;
  row_line_ = line_;
  std::string cell;
  bool quoted = false;
  while (position_ < text_.size()) {
    const char c = text_[position_++];
    if (c == '\n') ++line_;
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (position_ < text_.size() && text_[position_] == '"') {
        cell += '"';
        ++position_;
      } else {
        quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == ',') {
      cells.push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      break;
    } else if (c != '\r' || position_ >= text_.size() || text_[position_] != '\n') {
      cell += c;
    }
  }
  if (quoted) fail("{}:{}: a quoted cell is never closed", path_.string(), row_line_);
  cells.push_back(std::move(cell));
  return true;
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
