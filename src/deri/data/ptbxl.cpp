#include "deri/data/ptbxl.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/ptbxl_labels.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/text/report_phrases.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTableFile = "ptbxl_database.csv";
constexpr const char* kStatementsFile = "scp_statements.csv";
constexpr double kLowRate = 100, kHighRate = 500;  // filename_lr, filename_hr
constexpr std::size_t kProbes = 256;               // rows whose files decide the rate

// The records of releases 1.0.0 to 1.0.2 that 1.0.3 no longer has: (ecg_id, patient_id).
constexpr std::pair<std::string_view, std::string_view> kDroppedDuplicates[] = {
    {"137", "8727"},  {"139", "11121"}, {"140", "13451"}, {"141", "16722"}, {"142", "8159"},  {"143", "16914"},
    {"145", "16690"}, {"456", "16773"}, {"458", "19497"}, {"459", "19795"}, {"461", "16942"}, {"462", "19466"}};

bool is_dropped_duplicate(const StoreRecord& record) {
  return std::any_of(std::begin(kDroppedDuplicates), std::end(kDroppedDuplicates), [&](const auto& duplicate) {
    return record.id == duplicate.first && record.patient == duplicate.second;
  });
}

// Changes with every change of the translation's table.
std::string table_of_phrases() {
  return text_fingerprint(fmt::format("{}\n{}", kReportPhrases, kEnglishReportWords));
}

// The table's columns; one of the two file names may be absent.
struct Columns {
  explicit Columns(const CsvTable& table)
      : id(table.column("ecg_id")),
        patient(table.column("patient_id")),
        report(table.column("report")),
        codes(table.column("scp_codes")),
        fold(table.column("strat_fold")) {
    if (table.has_column("filename_hr")) high = table.column("filename_hr");
    if (table.has_column("filename_lr") || !high) low = table.column("filename_lr");
  }

  std::size_t id, patient, report, codes, fold;
  std::optional<std::size_t> low, high;
};

fs::path checked_root(const fs::path& root) {
  if (!fs::is_directory(root)) fail("{} is not a folder: name the folder of PTB-XL", root.string());
  for (const char* file : {kTableFile, kStatementsFile})
    if (!is_file(root / file)) fail("{} has no {}: name the folder of PTB-XL that holds it", root.string(), file);
  return root;
}

class PtbxlSource : public RecordSource {
 public:
  PtbxlSource(const fs::path& root, std::optional<double> rate, const SplitChoice& splits, ReportLanguage language)
      : root_(checked_root(root)),
        labeller_(root_ / kStatementsFile),
        table_(root_ / kTableFile),
        columns_(table_),
        split_text_(splits.kind == SplitChoice::Kind::kFiles ? "by ecg_id, from split files"
                                                             : "strat_fold 1-8 train, 9 validation, 10 test"),
        renderer_(language) {
    if (splits.kind == SplitChoice::Kind::kFiles)
      split_files_.emplace(splits.folder, std::initializer_list<std::string_view>{"ecg_id"});
    look_through();
    if (entries_.empty()) fail("{} lists no records", table_.path().string());
    choose_rate(rate);
  }

  const std::vector<std::string>& dropped_duplicates() const { return dropped_duplicates_; }
  const std::map<std::string, std::int64_t>& unknown_codes() const { return unknown_codes_; }
  double source_rate() const { return source_rate_; }
  const ReportTranslation& translation() const { return translation_; }

  fs::path root() const override { return root_; }
  std::size_t size() const override { return entries_.size(); }

  StoreInfo info() const override {
    StoreInfo info;
    info.rate = source_rate_;
    info.leads = standard_leads();
    info.label_sets = labeller_.label_sets();
    info.made_by["data_set"] = "PTB-XL";
    info.made_by["source_rate"] = source_rate_;
    info.made_by["listed"] = table_.size();
    info.made_by["dropped_duplicates"]["count"] = dropped_duplicates_.size();
    info.made_by["dropped_duplicates"]["ecg_ids"] = dropped_duplicates_;
    info.made_by["unknown_codes"] = unknown_codes_;
    info.made_by["splits"] = split_text_;
    if (renderer_.translates())
      info.made_by["translation"] = {{"language", report_language_name(renderer_.language())},
                                     {"phrases", table_of_phrases()},
                                     {"reports", translation_.reports},
                                     {"words", translation_.words},
                                     {"unknown_words", translation_.unknown_words}};
    return info;
  }

  std::string fingerprint() const override {
    return fmt::format(
        "ptbxl {} {} {}{}", bytes_fingerprint(table_.bytes()), text_fingerprint(read_file(root_ / kStatementsFile)),
        split_files_ ? split_files_->fingerprint() : "",
        renderer_.translates() ? fmt::format(" {} {}", report_language_name(renderer_.language()), table_of_phrases())
                               : "");
  }

  std::string name(std::size_t index) const override {
    std::vector<std::string> cells;
    try {
      table_.row(entries_[index], cells);
    } catch (const Error&) {
      cells.clear();
    }
    const std::string file = cells.empty() ? "" : file_name(cells, source_rate_);
    return file.empty() ? fmt::format("{}:{}", kTableFile, table_.line(entries_[index])) : file;
  }

  StoreRecord record(std::size_t index) const override {
    std::vector<std::string> cells;
    table_.row(entries_[index], cells);
    std::vector<ScpCode> codes;
    StoreRecord record = read_row(cells, codes);
    record.report = renderer_.render(record.report).text;
    record.source = file_name(cells, source_rate_);
    if (record.source.empty()) fail("the table names no file at {} Hz", source_rate_);
    if (!stays_inside(record.source)) fail("the file named lies outside the data set's folder");
    return record;
  }

  Recording read(StoreRecord& record) const override { return read_wfdb(root_ / (record.source + ".hea")); }

 private:
  // Of a row, all but the file. Throws Error for a cell that cannot be used.
  StoreRecord read_row(const std::vector<std::string>& cells, std::vector<ScpCode>& codes) const {
    StoreRecord record;
    record.id = whole_number(cells[columns_.id], "ecg_id");
    record.patient = whole_number(cells[columns_.patient], "patient_id");
    record.split = split_files_ ? split_files_->split_of(record.id) : split_of_fold(cells[columns_.fold]);
    record.report = std::string(trimmed(cells[columns_.report]));
    codes = parse_scp_codes(cells[columns_.codes]);
    record.labels = labeller_.labels(codes);
    return record;
  }

  // Goes through the table once: what is a record, what the release dropped, which codes are new, and whether a patient
  // lies in two splits. Rows that cannot be read are met again in record().
  void look_through() {
    PatientSplits patients;
    std::vector<std::string> cells;
    std::vector<ScpCode> codes;
    for (std::size_t row = 0; row < table_.size(); ++row) {
      std::optional<StoreRecord> record;
      try {
        table_.row(row, cells);
        record = read_row(cells, codes);
      } catch (const Error&) {
        entries_.push_back(row);
        continue;
      }
      for (const ScpCode& code : codes)
        if (!labeller_.knows(code.code)) ++unknown_codes_[code.code];
      if (is_dropped_duplicate(*record)) {
        dropped_duplicates_.push_back(record->id);
        continue;
      }
      patients.add(*record, table_.path().string(),
                   split_files_ ? "correct the split files" : "correct the column strat_fold");
      entries_.push_back(row);
      count(renderer_.render(record->report));
    }
  }

  void count(const TranslatedReport& report) {
    translation_.reports += report.german > report.unknown ? 1 : 0;
    translation_.words += static_cast<std::int64_t>(report.german);
    translation_.unknown_words += static_cast<std::int64_t>(report.unknown);
  }

  // The file at a rate; empty if the table names none.
  std::string file_name(const std::vector<std::string>& cells, double rate) const {
    const std::optional<std::size_t>& column = rate == kHighRate ? columns_.high : columns_.low;
    return column ? cells[*column] : "";
  }

  // How many of every `stride`-th entry have their header at a rate.
  std::size_t count_headers(double rate, std::size_t stride) const {
    std::size_t count = 0;
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < entries_.size(); i += stride) {
      try {
        table_.row(entries_[i], cells);
      } catch (const Error&) {
        continue;
      }
      const std::string file = file_name(cells, rate);
      count += !file.empty() && stays_inside(file) && is_file(root_ / (file + ".hea")) ? 1 : 0;
    }
    return count;
  }

  void choose_rate(std::optional<double> wanted) {
    const std::size_t stride = entries_.size() / kProbes + 1;
    const bool may_be_read = wanted == kLowRate || wanted == kHighRate;
    // A rate that is asked for is read if any record has it: then every entry may have to be looked at.
    if (may_be_read && (count_headers(*wanted, stride) > 0 || (stride > 1 && count_headers(*wanted, 1) > 0))) {
      source_rate_ = *wanted;
      return;
    }
    const std::size_t low = count_headers(kLowRate, stride), high = count_headers(kHighRate, stride);
    source_rate_ = high > 0 && high >= low ? kHighRate : kLowRate;
  }

  fs::path root_;
  PtbxlLabeller labeller_;
  CsvTable table_;
  Columns columns_;
  std::string split_text_;
  std::optional<SplitFiles> split_files_;
  std::vector<std::size_t> entries_;  // rows of the table
  std::vector<std::string> dropped_duplicates_;
  std::map<std::string, std::int64_t> unknown_codes_;
  double source_rate_ = 0;
  ReportRenderer renderer_;
  ReportTranslation translation_;
};

}  // namespace

std::string split_of_fold(const std::string& cell) {
  const std::string fold = whole_number(cell, "strat_fold");
  if (fold == "9") return kValidation;
  if (fold == "10") return kTest;
  if (fold.size() == 1 && fold >= "1" && fold <= "8") return kTrain;
  fail("strat_fold is {}; the folds are 1 to 10", fold);
}

PtbxlSummary prepare_ptbxl(const fs::path& source, const fs::path& out, const PrepareOptions& options,
                           const SplitChoice& splits, ReportLanguage language) {
  check_store_rate(options.rate);
  const PtbxlSource ptbxl(source, options.rate, splits, language);
  PtbxlSummary summary{prepare_store(ptbxl, out, options), ptbxl.dropped_duplicates(), ptbxl.unknown_codes(),
                       ptbxl.source_rate(), ptbxl.translation()};
  if (!summary.dropped_duplicates.empty())
    summary.notes.push_back(fmt::format("left out {} duplicates that PTB-XL 1.0.3 dropped: {}",
                                        summary.dropped_duplicates.size(),
                                        fmt::join(summary.dropped_duplicates, ", ")));
  for (const auto& [code, count] : summary.unknown_codes)
    summary.notes.push_back(
        fmt::format("the code {} has no row in {}: {} records", shown(code), kStatementsFile, count));
  if (language != ReportLanguage::kOriginal)
    summary.notes.push_back(
        fmt::format("translated {} reports into English; of their {} foreign words {} were not known and stay",
                    summary.translation.reports, summary.translation.words, summary.translation.unknown_words));
  return summary;
}

}  // namespace deri
