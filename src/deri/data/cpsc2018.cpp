#include "deri/data/cpsc2018.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/snomed.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSet = "cpsc2018";
constexpr double kRate = 500;  // Hz
constexpr std::uint64_t kSplitSeed = 2018;
constexpr double kValidationShare = 0.08, kTestShare = 0.2;  // as published

std::vector<std::string> class_names() {
  std::vector<std::string> names;
  for (const SnomedLabel& label : kCpscLabels) names.emplace_back(label.label);
  std::sort(names.begin(), names.end());
  return names;
}

// What both forms share.
class CpscSource : public RecordSource {
 public:
  CpscSource(const fs::path& root, const SplitChoice& splits) : root_(root) {
    if (splits.kind == SplitChoice::Kind::kPublished)
      fail(
          "the published split of CPSC2018 follows the order in which one machine listed its folder: give the folder "
          "of "
          "its files (icbeb_train.csv, …) as --splits, or choose strict");
    if (splits.kind == SplitChoice::Kind::kFiles)
      split_files_.emplace(splits.folder, std::initializer_list<std::string_view>{"filename"});
  }

  fs::path root() const override { return root_; }

  StoreInfo info() const override {
    StoreInfo info;
    info.rate = kRate;
    info.leads = standard_leads();
    info.label_sets[kSet] = class_names();
    info.made_by["data_set"] = "CPSC2018";
    info.made_by["splits"] = split_files_ ? "by file name, from split files"
                                          : fmt::format("strict: by hash of the file name, seed {}", kSplitSeed);
    return info;
  }

 protected:
  std::string split_of(const std::string& id) const {
    return split_files_ ? split_files_->split_of(id) : HashSplit(kSplitSeed, kValidationShare, kTestShare).split_of(id);
  }
  std::string split_fingerprint() const { return split_files_ ? split_files_->fingerprint() : ""; }

  static void set_labels(StoreRecord& record, const std::set<std::string>& labels) {
    if (!labels.empty()) record.labels[kSet].assign(labels.begin(), labels.end());
  }

  fs::path root_;

 private:
  std::optional<SplitFiles> split_files_;
};

class ChallengeForm : public CpscSource {
 public:
  ChallengeForm(const fs::path& root, std::vector<std::string> headers, const SplitChoice& splits)
      : CpscSource(root, splits), headers_(std::move(headers)) {}

  std::size_t size() const override { return headers_.size(); }
  std::string name(std::size_t index) const override { return headers_[index]; }

  std::string fingerprint() const override {
    return fmt::format("cpsc2018 challenge {} {}", names_fingerprint(headers_), split_fingerprint());
  }

  StoreRecord record(std::size_t index) const override {
    StoreRecord record;
    record.id = fs::path(headers_[index]).stem().string();
    record.split = split_of(record.id);
    record.source = headers_[index];
    return record;
  }

  Recording read(StoreRecord& record) const override {
    Recording recording = read_wfdb(root_ / record.source);
    const std::vector<std::string> codes = required_diagnosis_codes(recording.comments);
    std::set<std::string> labels;
    for (const SnomedLabel& label : kCpscLabels)
      if (std::find(codes.begin(), codes.end(), label.code) != codes.end()) labels.emplace(label.label);
    set_labels(record, labels);
    return recording;
  }

 private:
  std::vector<std::string> headers_;
};

class OriginalForm : public CpscSource {
 public:
  OriginalForm(const fs::path& root, const fs::path& table, const SplitChoice& splits)
      : CpscSource(root, splits), table_(table), recording_(table_.column("Recording")) {
    for (const char* name : {"First_label", "Second_label", "Third_label"}) labels_.push_back(table_.column(name));
    for (const char* name : {"reports", "report"})
      if (!report_ && table_.has_column(name)) report_ = table_.column(name);
    for (const std::string& file : list_files(root, ".mat")) files_.try_emplace(fs::path(file).stem().string(), file);
  }

  std::size_t size() const override { return table_.size(); }

  std::string name(std::size_t index) const override {
    try {
      std::string cell;
      table_.cell(index, recording_, cell);
      if (const auto file = files_.find(cell); file != files_.end()) return file->second;
    } catch (const Error&) {  // a row cut short
    }
    return fmt::format("{}:{}", table_.path().filename().string(), table_.line(index));
  }

  std::string fingerprint() const override {
    std::string names;
    for (std::size_t i = 0; i < size(); ++i) names += name(i) + '\n';
    return fmt::format("cpsc2018 original {} {} {}", bytes_fingerprint(table_.bytes()), text_fingerprint(names),
                       split_fingerprint());
  }

  StoreRecord record(std::size_t index) const override {
    std::vector<std::string> cells;
    table_.row(index, cells);
    StoreRecord record;
    record.id = cells[recording_];
    const auto file = files_.find(record.id);
    if (file == files_.end()) throw Rejection("no record", fmt::format("there is no file {}.mat", shown(record.id)));
    record.source = file->second;
    record.split = split_of(record.id);
    if (report_) record.report = std::string(trimmed(cells[*report_]));
    std::set<std::string> labels;
    for (const std::size_t column : labels_)
      if (const std::string label = class_of(cells[column]); !label.empty()) labels.insert(label);
    set_labels(record, labels);
    return record;
  }

  Recording read(StoreRecord& record) const override { return read_recording(root_ / record.source); }

 private:
  // "5" and "5.0" are CRBBB; an empty cell and "nan" name no class. Throws Error for anything else.
  static std::string class_of(const std::string& cell) {
    if (trimmed(cell).empty() || equal_ignoring_case(trimmed(cell), "nan")) return {};
    const std::string number = whole_number(trimmed(cell), "a label");
    if (number.size() != 1 || number == "0") fail("a label is {}; the classes are 1 to 9", shown(number));
    return std::string(kCpscLabels[static_cast<std::size_t>(number[0] - '1')].label);
  }

  CsvTable table_;
  std::size_t recording_;
  std::vector<std::size_t> labels_;
  std::optional<std::size_t> report_;
  std::unordered_map<std::string, std::string> files_;  // by record
};

// REFERENCE*.csv, or an empty path.
fs::path reference_table(const fs::path& root) {
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("REFERENCE") && name.ends_with(".csv") && is_file(entry.path()))
      tables.push_back(entry.path());
  }
  return tables.empty() ? fs::path() : *std::min_element(tables.begin(), tables.end());
}

std::unique_ptr<RecordSource> open_source(const fs::path& root, const SplitChoice& splits) {
  if (!fs::is_directory(root)) fail("{} is not a folder: name the folder of CPSC2018", root.string());
  if (const fs::path table = reference_table(root); !table.empty())
    return std::make_unique<OriginalForm>(root, table, splits);
  std::vector<std::string> headers = list_files(root, ".hea");
  if (headers.empty())
    fail("{} has neither a table REFERENCE*.csv beside the .mat files nor WFDB headers (*.hea)", root.string());
  return std::make_unique<ChallengeForm>(root, std::move(headers), splits);
}

}  // namespace

PrepareSummary prepare_cpsc2018(const fs::path& source, const fs::path& out, const PrepareOptions& options,
                                const SplitChoice& splits) {
  check_store_rate(options.rate);
  return prepare_store(*open_source(source, splits), out, options);
}

}  // namespace deri
