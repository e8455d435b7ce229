#include "deri/eval/written_reports.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char *kRecord = "record", *kSplit = "split", *kTruth = "truth", *kGenerated = "generated",
                     *kTokens = "tokens", *kLogProbability = "log_probability", *kFinished = "finished";

// Refuses a record that has been seen, naming the place.
class DistinctRecords {
 public:
  void add(const WrittenReport& report, const std::string& place) {
    if (report.record.empty()) fail("{}: the {} is empty: every report needs the name of its record", place, kRecord);
    if (seen_.emplace(report.split, report.record).second) return;
    fail("{}: the record '{}' appears twice{}: give one report per record", place, shown(report.record),
         report.split.empty() ? "" : fmt::format(" in the split '{}'", shown(report.split)));
  }

 private:
  std::set<std::pair<std::string, std::string>> seen_;
};

// A row's cells by the name of their column.
class ReportRows {
 public:
  explicit ReportRows(const fs::path& path) : path_(path), reader_(path, {kRecord, kGenerated}) {}

  bool next() { return reader_.next(cells_); }
  std::string place() const { return fmt::format("{}:{}", path_.string(), reader_.line()); }

  // Empty where there is no such column.
  std::string text(const char* column) const {
    return reader_.has_column(column) ? cells_[reader_.column(column)] : std::string();
  }

  // The default where the cell is empty.
  template <typename T>
  T number(const char* column, T without) const {
    const std::string cell = text(column);
    const std::string_view digits = trimmed(cell);
    if (digits.empty()) return without;
    T value{};
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc() || result.ptr != digits.data() + digits.size() ||
        !std::isfinite(static_cast<double>(value)))
      fail("{}: the {} '{}' is not a number that it can be", place(), column, shown(cell));
    return value;
  }

  bool truth_value(const char* column, bool without) const {
    const std::string cell = text(column);
    const std::string word = lower_case(trimmed(cell));
    if (word.empty()) return without;
    if (word == "true" || word == "1") return true;
    if (word == "false" || word == "0") return false;
    fail("{}: {} is '{}': write true or false", place(), column, shown(cell));
  }

 private:
  fs::path path_;
  CsvReader reader_;
  std::vector<std::string> cells_;
};

WrittenReport report_of(const ReportRows& row) {
  WrittenReport report;
  report.record = row.text(kRecord);
  report.split = row.text(kSplit);
  report.truth = row.text(kTruth);
  report.text = row.text(kGenerated);
  report.tokens = row.number(kTokens, report.tokens);
  report.log_probability = row.number(kLogProbability, report.log_probability);
  report.finished = row.truth_value(kFinished, report.finished);
  return report;
}

std::string row_of(const WrittenReport& report) {
  const bool probable = std::isfinite(report.log_probability);
  return csv_row({report.record, report.split, report.truth, report.text, fmt::format("{}", report.tokens),
                  probable ? fmt::format("{}", report.log_probability) : std::string(),
                  report.finished ? "true" : "false"});
}

}  // namespace

std::vector<WrittenReport> read_written_reports(const fs::path& path) {
  ReportRows rows(path);
  DistinctRecords distinct;
  std::vector<WrittenReport> reports;
  while (rows.next()) {
    reports.push_back(report_of(rows));
    distinct.add(reports.back(), rows.place());
  }
  if (reports.empty()) fail("{}: no reports: there is no row after the header", path.string());
  return reports;
}

void save_written_reports(const fs::path& path, const std::vector<WrittenReport>& reports) {
  if (reports.empty()) fail("{}: there are no reports to write", path.string());
  AtomicFile file(path);
  file.write(csv_row({kRecord, kSplit, kTruth, kGenerated, kTokens, kLogProbability, kFinished}));
  DistinctRecords distinct;
  for (const WrittenReport& report : reports) {
    distinct.add(report, path.string());
    file.write(row_of(report));
  }
  file.commit();
}

}  // namespace deri
