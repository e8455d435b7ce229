#include "deri/data/csn.hpp"

#include <optional>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/snomed.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSet = "csn";
constexpr double kRate = 500;  // Hz
constexpr std::uint64_t kSplitSeed = 2021;
constexpr double kValidationShare = 0.08, kTestShare = 0.2;  // as published

class CsnSource : public RecordSource {
 public:
  CsnSource(const fs::path& root, const CsnOptions& options) : root_(root), labels_(options.labels) {
    if (!fs::is_directory(root)) fail("{} is not a folder: name the folder of Chapman-Shaoxing-Ningbo", root.string());
    if (options.splits.kind == SplitChoice::Kind::kPublished)
      fail(
          "the published split of Chapman-Shaoxing-Ningbo cannot be made again from the archive: give the folder of "
          "its "
          "files (chapman_train.csv, …) as --splits, or choose strict");
    if (options.splits.kind == SplitChoice::Kind::kFiles)
      split_files_.emplace(options.splits.folder, std::initializer_list<std::string_view>{"ecg_path"});
    headers_ = list_files(root, ".hea");
    if (headers_.empty()) fail("{} holds no WFDB headers (*.hea)", root.string());
  }

  fs::path root() const override { return root_; }
  std::size_t size() const override { return headers_.size(); }
  std::string name(std::size_t index) const override { return headers_[index]; }

  StoreInfo info() const override {
    StoreInfo info;
    info.rate = kRate;
    info.leads = standard_leads();
    info.label_sets[kSet] = csn_labels();
    info.made_by["data_set"] = "Chapman-Shaoxing-Ningbo";
    info.made_by["labels"] = labels_ == CsnLabels::kExact ? "exact" : "published";
    info.made_by["splits"] = split_files_ ? "by file name, from split files"
                                          : fmt::format("strict: by hash of the file name, seed {}", kSplitSeed);
    return info;
  }

  std::string fingerprint() const override {
    return fmt::format("csn {} {}", names_fingerprint(headers_), split_files_ ? split_files_->fingerprint() : "");
  }

  StoreRecord record(std::size_t index) const override {
    StoreRecord record;
    record.id = fs::path(headers_[index]).stem().string();
    record.split = split_files_ ? split_files_->split_of(record.id)
                                : HashSplit(kSplitSeed, kValidationShare, kTestShare).split_of(record.id);
    record.source = headers_[index];
    return record;
  }

  Recording read(StoreRecord& record) const override {
    Recording recording = read_wfdb(root_ / record.source);
    std::vector<std::string> labels = labels_of(required_diagnosis_codes(recording.comments));
    if (!labels.empty()) record.labels[kSet] = std::move(labels);
    return recording;
  }

 private:
  std::vector<std::string> labels_of(const std::vector<std::string>& codes) const {
    if (labels_ == CsnLabels::kExact) return csn_exact_labels(codes);
    const auto diagnosis = csn_published_diagnosis(codes);
    return diagnosis ? csn_published_labels(*diagnosis) : std::vector<std::string>();
  }

  fs::path root_;
  CsnLabels labels_;
  std::optional<SplitFiles> split_files_;
  std::vector<std::string> headers_;
};

}  // namespace

CsnLabels parse_csn_labels(const std::string& text) {
  if (text == "exact") return CsnLabels::kExact;
  if (text == "published") return CsnLabels::kPublished;
  fail("'{}' is no way to label: choose exact or published", shown(text));
}

PrepareSummary prepare_csn(const fs::path& source, const fs::path& out, const PrepareOptions& options,
                           const CsnOptions& csn) {
  check_store_rate(options.rate);
  return prepare_store(CsnSource(source, csn), out, options);
}

}  // namespace deri
