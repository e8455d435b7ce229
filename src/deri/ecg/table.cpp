#include "deri/ecg/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/npy.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/device_fields.hpp"
#include "deri/ecg/matrix_recording.hpp"
#include "deri/ecg/units.hpp"
#include "deri/ecg/xml.hpp"

namespace deri {
namespace {

constexpr std::size_t kMaxColumns = 1024;
constexpr double kTimeTolerance = 0.25;  // of a step

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// What a column's name says.
struct Column {
  std::string name;
  std::string unit;  // "" if it does not say
  bool is_time = false;
  std::optional<double> seconds;  // of a time column: seconds per unit
};

// "NAME (UNIT)" or "NAME [UNIT]" in its parts.
Column split_unit(std::string_view cell) {
  Column column{std::string(cell), {}, false, {}};
  const std::size_t open = cell.find_last_of("([");
  if (open == std::string_view::npos || cell.size() < open + 2) return column;
  if (cell.back() != (cell[open] == '(' ? ')' : ']')) return column;
  column.name = trimmed(cell.substr(0, open));
  column.unit = trimmed(cell.substr(open + 1, cell.size() - open - 2));
  return column;
}

std::optional<double> seconds_per(std::string_view unit) {
  constexpr std::pair<const char*, double> kUnits[] = {
      {"s", 1}, {"sec", 1}, {"seconds", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"\xC2\xB5s", 1e-6}, {"\xCE\xBCs", 1e-6}};
  for (const auto& [name, factor] : kUnits)
    if (equal_ignoring_case(unit, name)) return factor;
  return std::nullopt;
}

Column parse_column(std::string_view cell) {
  Column column = split_unit(cell);
  std::string name = lower_case(column.name);
  std::string unit = column.unit;
  const std::size_t underscore = name.find('_');
  if (unit.empty() && underscore != std::string::npos && seconds_per(name.substr(underscore + 1))) {
    unit = name.substr(underscore + 1);
    name.resize(underscore);
  }
  if (name != "time" && name != "t" && name != "seconds") return column;
  column.is_time = true;
  column.seconds = seconds_per(unit.empty() && name == "seconds" ? "s" : unit);
  return column;
}

class CsvParser {
 public:
  CsvParser(std::string_view content, std::string source, const ReadOptions& options)
      : rest_(content), source_(std::move(source)), options_(options) {}

  Recording parse() {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    std::string_view line;
    if (!next_line(line)) fail("{}: is empty: expected a table of samples", source_);
    find_separator(line);
    read_columns(line);
    while (next_line(line)) add_row(line);
    return finish();
  }

 private:
  template <typename... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}:{}: {}", source_, line_number_, fmt::format(format, std::forward<Args>(args)...));
  }

  // The next line without its end; false after the last.
  bool next_line(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_number_;
    return true;
  }

  void find_separator(std::string_view line) {
    for (const char c : {'\t', ';', ','}) {
      if (line.find(c) == std::string_view::npos) continue;
      separator_ = c;
      return;
    }
  }

  // Cells of a line, trimmed and without quotes. Samples need no quotes around separators or line breaks, so that a
  // line is a row and a missing quote cannot swallow the file.
  void split(std::string_view line) {
    cells_.clear();
    for (;;) {
      const std::size_t end = std::min(line.find(separator_), line.size());
      std::string_view cell = trimmed(line.substr(0, end));
      if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"')
        cell = trimmed(cell.substr(1, cell.size() - 2));
      if (cells_.size() == kMaxColumns) fail_here("more than {} columns: this is no ECG", kMaxColumns);
      cells_.push_back(cell);
      if (end == line.size()) return;
      line.remove_prefix(end + 1);
    }
  }

  // A number, or NaN for a sample that is missing; nothing for other text.
  static std::optional<double> parse_cell(std::string_view cell) {
    if (cell.empty() || equal_ignoring_case(cell, "nan")) return kMissing;
    return parse_decimal(cell);
  }

  void read_columns(std::string_view line) {
    split(line);
    std::vector<double> numbers;
    for (const std::string_view cell : cells_)
      if (const std::optional<double> number = parse_cell(cell); number) numbers.push_back(*number);
    if (numbers.size() == cells_.size())
      read_without_header(numbers);
    else
      read_header();
    samples_.resize(columns_.size());
    if (!has_header_) append(numbers);
  }

  void read_without_header(const std::vector<double>& numbers) {
    bool counts = numbers.size() > 1;
    for (std::size_t i = 0; i < numbers.size(); ++i) counts = counts && numbers[i] == static_cast<double>(i);
    if (counts)
      fail_here("the first row counts 0, 1, 2 …, which are hardly samples: name the columns, or leave that row out");
    require_options(options_, true, true, true, "a CSV file without a header row", source_);
    if (options_.leads.size() != numbers.size())
      fail_here("{} columns, and {} leads in --leads", numbers.size(), options_.leads.size());
    for (const std::string& lead : options_.leads) columns_.push_back({lead, {}, false, {}});
  }

  void read_header() {
    has_header_ = true;
    std::size_t times = 0;
    for (const std::string_view cell : cells_) {
      columns_.push_back(parse_column(cell));
      if (columns_.back().is_time) ++times;
      if (columns_.back().name.empty())
        fail_here("column {} has no name; name its lead, or leave the column out", columns_.size());
    }
    if (times > 1) fail_here("{} time columns; only one can give the rate", times);
    if (times == columns_.size()) fail_here("no column of samples");
  }

  void add_row(std::string_view line) {
    split(line);
    // Many programs end a file with an empty line.
    if (rest_.empty() && cells_.size() == 1 && cells_[0].empty()) return;
    if (cells_.size() != columns_.size())
      fail_here("{} cells where the first row has {}", cells_.size(), columns_.size());
    row_.clear();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const std::optional<double> number = parse_cell(cells_[i]);
      if (!number)
        fail_here("'{}' in column {} is not a number (decimals are written with a point)", shown(cells_[i]), i + 1);
      row_.push_back(*number);
    }
    append(row_);
  }

  void append(const std::vector<double>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (columns_[i].is_time)
        times_.push_back(row[i]);
      else
        samples_[i].push_back(to_sample(row[i]));
    }
    ++rows_;
  }

  Recording finish() {
    Recording recording;
    recording.source = source_;
    recording.format = "CSV";
    if (rows_ == 0) fail("{}: has no row of samples", source_);
    recording.rate = find_rate(recording.notes);
    std::vector<std::string> names;
    for (const Column& column : columns_)
      if (!column.is_time) names.push_back(shown(device_text(column.name)));
    names = checked_leads(names, source_);
    std::size_t next = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i)
      if (!columns_[i].is_time) recording.leads.push_back(to_lead(names[next++], columns_[i], std::move(samples_[i])));
    check_agreement(recording, options_);
    return recording;
  }

  Lead to_lead(const std::string& name, const Column& column, std::vector<float> samples) const {
    require_options(options_, false, column.unit.empty(), false, fmt::format("the column '{}'", name), source_);
    const std::string& unit = column.unit.empty() ? options_.unit : column.unit;
    if (!column.unit.empty() && !options_.unit.empty() && column.unit != options_.unit)
      fail("{}: the column '{}' is in {}, --unit says {}", source_, name, shown(column.unit), shown(options_.unit));
    // A column may be no voltage (breathing, pressure); what the options say must be.
    const std::optional<double> factor = column.unit.empty() ? checked_millivolts(unit, source_) : millivolts_per(unit);
    if (!factor) return {name, std::move(samples), device_text(unit)};
    for (float& sample : samples) sample = to_sample(*factor * sample);
    return {name, std::move(samples)};
  }

  double find_rate(std::vector<std::string>& notes) const {
    const auto time = std::find_if(columns_.begin(), columns_.end(), [](const Column& c) { return c.is_time; });
    if (time == columns_.end()) {
      require_options(options_, true, false, false, "a CSV file without a time column", source_);
      return checked_rate(*options_.rate, source_);
    }
    if (time->seconds) return rate_of_times(*time->seconds);
    if (!options_.rate)
      fail("{}: the column '{}' does not say its unit; name it \"time (s)\" or \"time (ms)\", or give --rate HZ",
           source_, shown(time->name));
    notes.push_back(
        fmt::format("the column '{}' does not say its unit and was not used", shown(device_text(time->name))));
    return checked_rate(*options_.rate, source_);
  }

  // Whether the times keep to first + i * step.
  bool fits_grid(double step) const {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      const double expected = times_.front() + static_cast<double>(i) * step;
      if (!(std::abs(times_[i] - expected) <= kTimeTolerance * step)) return false;
    }
    return true;
  }

  double rate_of_times(double seconds) const {
    if (times_.size() < 2) fail("{}: one time gives no sampling rate; leave the column out and give --rate", source_);
    const double span = times_.back() - times_.front();
    const double step = span / static_cast<double>(times_.size() - 1);
    if (!(step > 0) || !std::isfinite(step) || !fits_grid(step))
      fail("{}: the times are not evenly spaced; resample the recording, or leave the column out and give --rate",
           source_);
    const double rate = checked_rate(1 / (step * seconds), source_);
    const double whole = std::round(rate);
    return whole > 0 && fits_grid(1 / (whole * seconds)) ? whole : rate;
  }

  std::string_view rest_;
  std::string source_;
  const ReadOptions& options_;
  std::size_t line_number_ = 0, rows_ = 0;
  char separator_ = ',';
  bool has_header_ = false;
  std::vector<std::string_view> cells_;  // of the present line
  std::vector<double> row_;
  std::vector<Column> columns_;
  std::vector<std::vector<float>> samples_;  // per column; empty for the time
  std::vector<double> times_;                // in the column's unit
};

template <typename T>
std::function<double(std::size_t, std::size_t)> item_reader(const char* data, std::size_t columns) {
  return [data, columns](std::size_t row, std::size_t column) {
    T value;
    // The file promises no alignment.
    std::memcpy(&value, data + (row * columns + column) * sizeof(T), sizeof(T));
    return static_cast<double>(value);
  };
}

}  // namespace

Recording parse_csv_recording(std::string_view content, const std::string& source, const ReadOptions& options) {
  return CsvParser(content, source, options).parse();
}

Recording read_csv_recording(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_csv_recording(read_file(path, kMaxTableBytes), path.string(), options);
}

Recording parse_npy_recording(std::string_view content, const std::string& source, const ReadOptions& options) {
  const NpyHeader header = parse_npy(std::as_bytes(std::span(content.data(), content.size())), source);
  if (header.shape.size() != 2)
    fail("{}: an array of {} dimensions; [leads, samples] or [samples, leads] is read", source, header.shape.size());
  const char* data = content.data() + header.data_offset;
  SampleMatrix matrix{static_cast<std::size_t>(header.shape[0]), static_cast<std::size_t>(header.shape[1]), nullptr,
                      "a NumPy array"};
  if (header.dtype == "<f4")
    matrix.at = item_reader<float>(data, matrix.columns);
  else if (header.dtype == "<f8")
    matrix.at = item_reader<double>(data, matrix.columns);
  else if (header.dtype == "<i2")
    matrix.at = item_reader<std::int16_t>(data, matrix.columns);
  else if (header.dtype == "<i4")
    matrix.at = item_reader<std::int32_t>(data, matrix.columns);
  else
    fail("{}: samples of type '{}'; float32, float64, int16 and int32 are read", source, shown(header.dtype));
  return recording_from_matrix(matrix, options, source, "NumPy array");
}

Recording read_npy_recording(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_npy_recording(read_file(path, kMaxTableBytes), path.string(), options);
}

}  // namespace deri
