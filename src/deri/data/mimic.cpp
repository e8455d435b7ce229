#include "deri/data/mimic.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/data/ordered_work.hpp"
#include "deri/data/subset.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecordsTable = "record_list.csv";
constexpr const char* kReportsTable = "machine_measurements.csv";
constexpr double kRate = 500;                 // Hz
constexpr std::size_t kMostReportLines = 18;  // report_0 … report_17

// What rejections are counted under.
constexpr const char* kNoRecord = "no record";
constexpr const char* kNoReport = "no report";
constexpr const char* kShortReport = "report too short";
constexpr const char* kSubjects = "different subjects";

fs::path checked_root(const fs::path& root) {
  if (!fs::is_directory(root)) fail("{} is not a folder: name the folder of MIMIC-IV-ECG", root.string());
  for (const char* file : {kRecordsTable, kReportsTable})
    if (!is_file(root / file)) fail("{} has no {}: name the folder of MIMIC-IV-ECG that holds it", root.string(), file);
  return root;
}

// A study_id as a number; nothing for another text, "12.0" excepted.
std::optional<std::uint64_t> study_number(std::string_view cell) {
  if (cell.ends_with(".0")) cell.remove_suffix(2);
  std::uint64_t number = 0;
  const auto result = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (result.ec != std::errc() || result.ptr != cell.data() + cell.size()) return std::nullopt;
  return number;
}

// record_list.csv by study_id.
class RecordList {
 public:
  explicit RecordList(const fs::path& path)
      : table_(path),
        subject_(table_.column("subject_id")),
        study_(table_.column("study_id")),
        path_(table_.column("path")) {
    by_study_.reserve(table_.size());
    std::string cell;
    for (std::size_t row = 0; row < table_.size(); ++row) {
      std::optional<std::uint64_t> study;
      try {
        table_.cell(row, study_, cell);
        study = study_number(cell);
      } catch (const Error&) {  // a row cut short: it belongs to no study
      }
      if (study) by_study_.emplace_back(*study, row);
    }
    std::sort(by_study_.begin(), by_study_.end());
  }

  const CsvTable& table() const { return table_; }
  std::size_t subject() const { return subject_; }
  std::size_t path() const { return path_; }

  // The first row of a study.
  std::optional<std::size_t> find(std::uint64_t study) const {
    const auto found = std::lower_bound(by_study_.begin(), by_study_.end(), std::pair(study, std::size_t{0}));
    if (found == by_study_.end() || found->first != study) return std::nullopt;
    return found->second;
  }

 private:
  CsvTable table_;
  std::size_t subject_, study_, path_;
  std::vector<std::pair<std::uint64_t, std::size_t>> by_study_;  // and row
};

class MimicSource : public RecordSource {
 public:
  MimicSource(const fs::path& root, const MimicOptions& options, std::size_t threads)
      : root_(checked_root(root)),
        records_(root_ / kRecordsTable),
        reports_(root_ / kReportsTable),
        subject_(reports_.column("subject_id")),
        study_(reports_.column("study_id")),
        hash_split_(options.seed, options.validation, 0) {
    if (!(options.validation > 0 && options.validation < 1))
      fail("the validation share is {}: it must lie between 0 and 1", options.validation);
    for (std::size_t i = 0; i < kMostReportLines; ++i)
      if (const std::string name = fmt::format("report_{}", i); i == 0 || reports_.has_column(name))
        lines_.push_back(reports_.column(name));
    find_records_without_report();
    choose_splits(options, threads);
  }

  fs::path root() const override { return root_; }
  std::size_t size() const override { return reports_.size() + without_report_.size(); }

  StoreInfo info() const override {
    StoreInfo info;
    info.rate = kRate;
    info.leads = mimic_leads();
    info.made_by["data_set"] = "MIMIC-IV-ECG";
    info.made_by["records_listed"] = records_.table().size();
    info.made_by["reports_listed"] = reports_.size();
    info.made_by["splits"] = split_text_;
    return info;
  }

  std::string fingerprint() const override {
    return fmt::format("mimic {} {} {} {}", bytes_fingerprint(records_.table().bytes()),
                       bytes_fingerprint(reports_.bytes()), split_text_,
                       split_files_ ? split_files_->fingerprint() : "");
  }

  std::string name(std::size_t index) const override {
    try {
      std::string cell;
      if (index >= reports_.size()) {
        const std::size_t row = without_report_[index - reports_.size()];
        records_.table().cell(row, records_.path(), cell);
        return cell.empty() ? fmt::format("{}:{}", kRecordsTable, records_.table().line(row)) : cell;
      }
      reports_.cell(index, study_, cell);
      const auto study = study_number(cell);
      const auto row = study ? records_.find(*study) : std::nullopt;
      if (row) records_.table().cell(*row, records_.path(), cell);
      if (row && !cell.empty()) return cell;
    } catch (const Error&) {  // a row cut short
    }
    if (index >= reports_.size())
      return fmt::format("{}:{}", kRecordsTable, records_.table().line(without_report_[index - reports_.size()]));
    return fmt::format("{}:{}", kReportsTable, reports_.line(index));
  }

  StoreRecord record(std::size_t index) const override {
    if (index >= reports_.size()) throw Rejection(kNoReport, fmt::format("{} has no row of this study", kReportsTable));
    std::vector<std::string> cells;
    reports_.row(index, cells);
    StoreRecord record;
    record.id = whole_number(cells[study_], "study_id");
    record.patient = whole_number(cells[subject_], "subject_id");
    record.report = report_of(cells);
    record.source = file_of(record);
    record.split = split_of(index, record);
    return record;
  }

  Recording read(StoreRecord& record) const override { return read_wfdb(root_ / (record.source + ".hea")); }

 private:
  std::vector<std::string> report_lines(const std::vector<std::string>& cells) const {
    std::vector<std::string> lines;
    for (const std::size_t line : lines_) lines.push_back(cells[line]);
    return lines;
  }

  std::string report_of(const std::vector<std::string>& cells) const {
    const std::string report = clean_machine_report(report_lines(cells));
    if (report == kEmptyReport) throw Rejection(kNoReport, "the report is empty");
    if (const std::size_t words = count_words(report); words < kMinReportWords)
      throw Rejection(kShortReport, fmt::format("the report has {} words, fewer than {}", words, kMinReportWords));
    return report;
  }

  // The record's file, from record_list.csv.
  std::string file_of(const StoreRecord& record) const {
    const auto study = study_number(record.id);
    const auto row = study ? records_.find(*study) : std::nullopt;
    if (!row) throw Rejection(kNoRecord, fmt::format("{} has no row of study {}", kRecordsTable, record.id));
    std::vector<std::string> cells;
    records_.table().row(*row, cells);
    if (whole_number(cells[records_.subject()], "subject_id") != record.patient)
      throw Rejection(kSubjects, fmt::format("study {} is of subject {} in {}, of {} in {}", record.id,
                                             cells[records_.subject()], kRecordsTable, record.patient, kReportsTable));
    const std::string& file = cells[records_.path()];
    if (file.empty()) throw Rejection(kNoRecord, fmt::format("{} names no file", kRecordsTable));
    if (!stays_inside(file)) fail("the file named lies outside the data set's folder");
    return file;
  }

  std::string split_of(std::size_t index, const StoreRecord& record) const {
    if (split_files_) return split_files_->split_of(record.id);
    if (!published_validation_.empty()) return published_validation_[index] ? kValidation : kTrain;
    return hash_split_.split_of(record.patient);
  }

  // The rows of record_list.csv that no report belongs to: of studies that are not in the other table, of studies that
  // stand there a second time, and what has no readable study.
  void find_records_without_report() {
    std::vector<bool> has_report(records_.table().size(), false);
    std::string cell;
    for (std::size_t row = 0; row < reports_.size(); ++row) {
      try {
        reports_.cell(row, study_, cell);
      } catch (const Error&) {  // met again in record()
        continue;
      }
      const auto study = study_number(cell);
      if (const auto found = study ? records_.find(*study) : std::nullopt) has_report[*found] = true;
    }
    for (std::size_t row = 0; row < has_report.size(); ++row)
      if (!has_report[row]) without_report_.push_back(row);
  }

  void choose_splits(const MimicOptions& options, std::size_t threads) {
    switch (options.splits.kind) {
      case SplitChoice::Kind::kFiles:
        split_files_.emplace(options.splits.folder, std::initializer_list<std::string_view>{"study_id"});
        split_text_ = "by study_id, from split files";
        break;
      case SplitChoice::Kind::kPublished:
        choose_published(threads);
        split_text_ =
            "published: train_test_split(test_size=0.02, random_state=42) of the reports that are long enough";
        break;
      case SplitChoice::Kind::kStrict:
        split_text_ = fmt::format("strict: {} of the subjects in validation, by hash of subject_id, seed {}",
                                  options.validation, options.seed);
        break;
    }
  }

  bool is_long_enough(std::size_t row, std::vector<std::string>& cells) const {
    try {
      reports_.row(row, cells);
    } catch (const Error&) {
      return false;
    }
    return count_words(clean_machine_report(report_lines(cells))) >= kMinReportWords;
  }

  void choose_published(std::size_t threads) {
    constexpr std::size_t kBlock = 4096;
    const std::size_t usual = std::max(1U, std::thread::hardware_concurrency());
    OrderedWork<std::vector<std::size_t>> work(
        (reports_.size() + kBlock - 1) / kBlock, threads > 0 ? threads : usual, 64, [&](std::size_t block) {
          std::vector<std::size_t> kept;
          std::vector<std::string> cells;
          for (std::size_t row = block * kBlock; row < std::min((block + 1) * kBlock, reports_.size()); ++row)
            if (is_long_enough(row, cells)) kept.push_back(row);
          return kept;
        });
    std::vector<std::size_t> kept;
    while (const auto more = work.next()) kept.insert(kept.end(), more->begin(), more->end());
    published_validation_.assign(reports_.size(), false);
    if (kept.size() < 2) return;  // too few to split: all for training
    for (const std::size_t index : split_off_test(kept.size(), 0.02, kPublishedSeed).test)
      published_validation_[kept[index]] = true;
  }

  fs::path root_;
  RecordList records_;
  CsvTable reports_;
  std::size_t subject_, study_;
  std::vector<std::size_t> lines_;           // columns report_0 …
  std::vector<std::size_t> without_report_;  // rows of record_list.csv
  HashSplit hash_split_;
  std::optional<SplitFiles> split_files_;
  std::vector<bool> published_validation_;  // by row of machine_measurements.csv; empty: another split
  std::string split_text_;
};

}  // namespace

PrepareSummary prepare_mimic(const fs::path& source, const fs::path& out, const PrepareOptions& options,
                             const MimicOptions& mimic) {
  check_store_rate(options.rate);
  return prepare_store(MimicSource(source, mimic, options.threads), out, options);
}

}  // namespace deri
