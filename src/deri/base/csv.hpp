#pragma once
// CSV (RFC 4180): quoted cells may hold commas, doubled quotes and line breaks. The file is memory-mapped: a table read
// row by row (CsvReader) or at random (CsvTable) costs no memory of its size.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deri/base/files.hpp"

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
  MappedFile file_;
  std::string_view text_;
  std::size_t position_ = 0, line_ = 1, row_line_ = 1;
  std::vector<std::string> header_;
};

// A table whose rows are read at random, from several threads at once. Kept in memory: where each row begins.
class CsvTable {
 public:
  // Goes through the file once. Throws Error as CsvReader does, and for a quote that is never closed.
  explicit CsvTable(const std::filesystem::path& path, std::initializer_list<std::string_view> required = {});

  const std::vector<std::string>& header() const { return header_; }
  bool has_column(std::string_view name) const;
  std::size_t column(std::string_view name) const;

  // Rows after the header.
  std::size_t size() const { return rows_.size(); }
  // The cells of a row. Throws Error, with the line, if there are more or fewer than the header has.
  void row(std::size_t index, std::vector<std::string>& cells) const;
  // One cell of a row, without reading what follows it. Throws Error if the row has too few.
  void cell(std::size_t index, std::size_t column, std::string& cell) const;
  // The line at which a row begins, from 1.
  std::size_t line(std::size_t index) const { return rows_[index].line; }

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return file_.bytes(); }

 private:
  struct Row {
    std::uint64_t offset, line;
  };

  std::filesystem::path path_;
  MappedFile file_;
  std::string_view text_;
  std::vector<std::string> header_;
  std::vector<Row> rows_;
};

// One row with its line break, cells quoted where they must be.
std::string csv_row(const std::vector<std::string>& cells);

}  // namespace deri
