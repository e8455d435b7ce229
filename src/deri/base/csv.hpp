#pragma once
// CSV (RFC 4180): quoted cells may hold commas, doubled quotes and line breaks. A table is read row by row.

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

class CsvReader {
 public:
  // Reads the header row. Throws Error if the file cannot be read, is empty, repeats a column, or lacks one of
  // `required` (naming the file, the column, and the columns there are).
  explicit CsvReader(const std::filesystem::path& path, std::initializer_list<std::string_view> required = {});

  const std::vector<std::string>& header() const { return header_; }
  bool has_column(std::string_view name) const;
  // The column's index. Throws Error if there is none of that name.
  std::size_t column(std::string_view name) const;

  // The next row, with as many cells as the header; false at the end. Throws Error (with the line) for a row of another
  // length or a quote that is never closed.
  bool next(std::vector<std::string>& cells);
  // The line at which the last row began, from 1.
  std::size_t line() const { return row_line_; }

 private:
  bool read_row(std::vector<std::string>& cells);

  std::filesystem::path path_;
  std::string text_;
  std::size_t position_ = 0, line_ = 1, row_line_ = 1;
  std::vector<std::string> header_;
};

// One row with its line break, cells quoted where they must be.
std::string csv_row(const std::vector<std::string>& cells);

}  // namespace deri
