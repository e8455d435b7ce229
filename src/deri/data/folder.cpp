#include "deri/data/folder.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/splits.hpp"
#include "deri/data/store_format.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using store_format::LabelSets;

constexpr const char* kColumnsAdvice =
    "make a CSV file with the column file (the ECG file, relative to the folder) and, as far as you have them, id, "
    "report, patient, split (train, validation, test) and labels (such as \"rhythm:SR super:MI\")";

using ColumnNames = std::map<std::string, std::string>;

// What the table calls a column.
std::string name_in_table(const ColumnNames& names, const std::string& column) {
  const auto found = names.find(column);
  return found == names.end() ? column : found->second;
}

bool has_file_column(const fs::path& path, const ColumnNames& names) {
  try {
    return CsvReader(path).has_column(name_in_table(names, "file"));
  } catch (const Error&) {  // an ECG as CSV, for one
    return false;
  }
}

fs::path find_table(const fs::path& root, const fs::path& named, const ColumnNames& names) {
  if (!fs::is_directory(root)) fail("{} is not a folder: name the folder of the ECG files", root.string());
  if (!named.empty()) return named;
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.path().extension() == ".csv" && is_file(entry.path()) && has_file_column(entry.path(), names))
      tables.push_back(entry.path());
  if (tables.empty()) fail("{} has no table of its records: {}", root.string(), kColumnsAdvice);
  if (tables.size() > 1) {
    std::sort(tables.begin(), tables.end());
    fail("{} has several tables with a column file ({}, {}): name one with --table", root.string(),
         tables[0].filename().string(), tables[1].filename().string());
  }
  return tables.front();
}

// A column "label:SET:NAME".
struct LabelColumn {
  std::size_t column;
  std::string set, label;
};

struct Columns {
  Columns(const CsvTable& table, const ColumnNames& names) {
    check_names(table, names);
    const std::string file_column = name_in_table(names, "file");
    if (!table.has_column(file_column))
      fail("{}: no column '{}'; it has {}; {}", table.path().string(), file_column, fmt::join(table.header(), ", "),
           kColumnsAdvice);
    file = table.column(file_column);
    const auto optional_column = [&](const char* column) {
      const std::string name = name_in_table(names, column);
      return table.has_column(name) ? std::optional(table.column(name)) : std::nullopt;
    };
    id = optional_column("id");
    report = optional_column("report");
    patient = optional_column("patient");
    split = optional_column("split");
    labels = optional_column("labels");
    for (std::size_t i = 0; i < table.header().size(); ++i) add_label_column(table, i);
  }

  static void check_names(const CsvTable& table, const ColumnNames& names) {
    constexpr std::string_view kKnown[] = {"file", "id", "report", "patient", "split", "labels"};
    for (const auto& [column, name] : names) {
      if (std::find(std::begin(kKnown), std::end(kKnown), column) == std::end(kKnown))
        fail("'{}' is no column that is read: there are {}", shown(column), fmt::join(kKnown, ", "));
      table.column(name);
    }
  }

  void add_label_column(const CsvTable& table, std::size_t index) {
    constexpr std::string_view kPrefix = "label:";
    const std::string& name = table.header()[index];
    if (!name.starts_with(kPrefix)) return;
    const std::size_t colon = name.find(':', kPrefix.size());
    if (colon == std::string::npos || colon == kPrefix.size() || colon + 1 == name.size())
      fail("{}: the column '{}' is not of the form label:SET:NAME", table.path().string(), shown(name));
    label_columns.push_back({index, name.substr(kPrefix.size(), colon - kPrefix.size()), name.substr(colon + 1)});
  }

  std::size_t file = 0;
  std::optional<std::size_t> id, report, patient, split, labels;
  std::vector<LabelColumn> label_columns;
};

// Yes, no, or nothing for an empty cell. Throws Error for anything else.
std::optional<bool> flag_of(std::string_view cell) {
  const std::string word = lower_case(trimmed(cell));
  if (word.empty()) return std::nullopt;
  if (word == "1" || word == "1.0" || word == "true" || word == "yes") return true;
  if (word == "0" || word == "0.0" || word == "false" || word == "no") return false;
  fail("'{}' is neither 1 nor 0", shown(cell));
}

std::string split_word(std::string_view cell) {
  const std::string word = lower_case(trimmed(cell));
  if (word.empty() || word == kTrain || word == kValidation || word == kTest) return word;
  if (word == "val") return kValidation;
  fail("split is '{}'; there are {}, {} and {}", shown(cell), kTrain, kValidation, kTest);
}

class FolderSource : public RecordSource {
 public:
  FolderSource(const fs::path& root, const FolderOptions& options)
      : root_(root),
        options_(options),
        table_(find_table(root, options.table, options.columns)),
        columns_(table_, options.columns),
        hash_split_(options.seed, options.validation, options.test) {
    if (!(options.validation >= 0 && options.test >= 0 && options.validation + options.test < 1))
      fail("{} for validation and {} for the test leave nothing for training", options.validation, options.test);
    look_through();
  }

  fs::path root() const override { return root_; }
  std::size_t size() const override { return table_.size(); }

  StoreInfo info() const override {
    StoreInfo info;
    info.rate = options_.store_rate;
    info.leads = standard_leads();
    info.label_sets = label_sets_;
    info.made_by["data_set"] = "folder";
    info.made_by["table"] = table_.path().filename().string();
    info.made_by["splits"] =
        fmt::format("as the table says; otherwise {} validation and {} test by hash of the patient or id, seed {}",
                    options_.validation, options_.test, options_.seed);
    return info;
  }

  std::string fingerprint() const override {
    return fmt::format("folder {} {} {} {} {}", bytes_fingerprint(table_.bytes()), Json(options_.columns).dump(),
                       options_.read.rate ? fmt::format("{}", *options_.read.rate) : "", options_.read.unit,
                       fmt::join(options_.read.leads, ","));
  }

  std::string name(std::size_t index) const override {
    try {
      std::string cell;
      table_.cell(index, columns_.file, cell);
      if (!cell.empty()) return cell;
    } catch (const Error&) {  // a row cut short
    }
    return fmt::format("{}:{}", table_.path().filename().string(), table_.line(index));
  }

  StoreRecord record(std::size_t index) const override {
    std::vector<std::string> cells;
    table_.row(index, cells);
    return read_row(cells);
  }

  // Fills what the table left open from the file.
  Recording read(StoreRecord& record) const override {
    Recording recording = read_recording(root_ / record.source, options_.read);
    if (!columns_.report) record.report = fmt::format("{}", fmt::join(recording.statements, ". "));
    if (record.patient.empty()) record.patient = recording.patient.id;
    if (record.split.empty()) record.split = hash_split_.split_of(record.patient.empty() ? record.id : record.patient);
    derive_limb_leads(recording.leads);
    return recording;
  }

 private:
  // Of a row, all the table says. `split` stays empty where it says none. Throws Error for a cell that cannot be used.
  StoreRecord read_row(const std::vector<std::string>& cells) const {
    const auto cell = [&](const std::optional<std::size_t>& column) {
      return column ? std::string(trimmed(cells[*column])) : std::string();
    };
    StoreRecord record;
    record.source = cells[columns_.file];
    if (record.source.empty()) fail("the row names no file");
    if (!stays_inside(record.source)) fail("the file named lies outside the folder");
    record.id = cell(columns_.id);
    if (record.id.empty()) record.id = fs::path(record.source).replace_extension().string();
    record.report = cell(columns_.report);
    record.patient = cell(columns_.patient);
    record.split = split_word(cell(columns_.split));
    record.labels = labels_of(cells);
    return record;
  }

  LabelSets labels_of(const std::vector<std::string>& cells) const {
    LabelSets labels;
    if (columns_.labels) labels = store_format::labels_from_cell(trimmed(cells[*columns_.labels]), "labels");
    for (const LabelColumn& column : columns_.label_columns) {
      const std::optional<bool> flag = flag_of(cells[column.column]);
      if (!flag) continue;
      std::vector<std::string>& positives = labels[column.set];
      if (*flag && !store_format::contains(positives, column.label)) positives.push_back(column.label);
    }
    for (auto& [set, positives] : labels) std::sort(positives.begin(), positives.end());
    return labels;
  }

  // Goes through the table once: which labels there are, and whether a patient lies in two splits. Rows that cannot be
  // read are met again in record().
  void look_through() {
    std::map<std::string, std::set<std::string>> sets;
    for (const LabelColumn& column : columns_.label_columns) sets[column.set].insert(column.label);
    PatientSplits patients;
    std::vector<std::string> cells;
    for (std::size_t row = 0; row < table_.size(); ++row) {
      StoreRecord record;
      try {
        table_.row(row, cells);
        record = read_row(cells);
      } catch (const Error&) {
        continue;
      }
      for (const auto& [set, positives] : record.labels) sets[set].insert(positives.begin(), positives.end());
      if (record.patient.empty()) continue;
      if (record.split.empty()) record.split = hash_split_.split_of(record.patient);
      patients.add(record, table_.path().string(), "correct the column split");
    }
    for (const auto& [set, labels] : sets) label_sets_[set].assign(labels.begin(), labels.end());
  }

  fs::path root_;
  FolderOptions options_;
  CsvTable table_;
  Columns columns_;
  HashSplit hash_split_;
  LabelSets label_sets_;
};

}  // namespace

PrepareSummary prepare_folder(const fs::path& source, const fs::path& out, const PrepareOptions& options,
                              const FolderOptions& folder) {
  check_store_rate(options.rate);
  return prepare_store(FolderSource(source, folder), out, options);
}

}  // namespace deri
