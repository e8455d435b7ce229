#include "deri/data/store.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/npy.hpp"
#include "deri/data/python_store.hpp"
#include "deri/data/store_format.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using namespace store_format;

constexpr const char* kPrepareAgain = "prepare the store again";

struct InfoFile {
  StoreInfo info;
  std::int64_t records = 0;
  std::uint64_t checksum = 0;
};

InfoFile read_info(const fs::path& store) {
  const fs::path path = store / kInfoFile;
  const std::string name = path.string();
  if (!fs::is_regular_file(path))
    fail("{} is not a store: it has no {}; make one with `deri prepare`", store.string(), kInfoFile);
  const Json tree = load_json(path);
  const auto version = read_key<std::int64_t>(tree, "version", name, kPrepareAgain);
  if (version != kStoreVersion)
    fail("{}: the store has version {}, this program reads version {}: prepare it again with `deri prepare`",
         store.string(), version, kStoreVersion);
  InfoFile file;
  file.info.rate = read_key<double>(tree, "rate", name, kPrepareAgain);
  file.info.leads = read_key<std::vector<std::string>>(tree, "leads", name, kPrepareAgain);
  file.info.samples = read_key<std::int64_t>(tree, "samples", name, kPrepareAgain);
  file.info.label_sets = read_key<LabelSets>(tree, "label_sets", name, kPrepareAgain);
  file.info.made_by = read_key<Json>(tree, "made_by", name, kPrepareAgain);
  file.records = read_key<std::int64_t>(tree, "records", name, kPrepareAgain);
  file.checksum = parse_checksum(read_key<std::string>(tree, "checksum", name, kPrepareAgain), name);
  check_info(file.info, name);
  return file;
}

void check_shape(const std::vector<std::int64_t>& shape, const InfoFile& file, const std::string& name) {
  const std::vector<std::int64_t> expected = {file.records, static_cast<std::int64_t>(file.info.leads.size()),
                                              file.info.samples};
  if (shape != expected)
    fail("{} has the shape [{}] where {} says [{}]; prepare the store again", name, fmt::join(shape, ", "), kInfoFile,
         fmt::join(expected, ", "));
}

// signals.npy.
class NpyRows : public SignalRows {
 public:
  explicit NpyRows(const fs::path& path) : array_(path) {}

  const std::vector<std::int64_t>& shape() const { return array_.shape(); }
  std::span<const std::int16_t> row(std::size_t index) const override {
    const auto items = static_cast<std::size_t>(shape()[1] * shape()[2]);
    return array_.values().subspan(index * items, items);
  }

 private:
  NpyArray<std::int16_t> array_;
};

}  // namespace

Store::Store(const fs::path& path) : path_(path) {
  if (fs::exists(path / kInfoFile) || !is_python_store(path)) {
    open_store();
    return;
  }
  PythonStore python = open_python_store(path);
  info_ = std::move(python.info);
  records_ = std::move(python.records);
  signals_ = std::move(python.signals);
  checksum_ = python.fingerprint;
  verifiable_ = false;
}

void Store::open_store() {
  InfoFile file = read_info(path_);
  for_each_record(path_ / kRecordsFile, file.info,
                  [this](StoreRecord&& record) { records_.push_back(std::move(record)); });
  if (static_cast<std::int64_t>(records_.size()) != file.records)
    fail("{} lists {} records where {} says {}; prepare the store again", (path_ / kRecordsFile).string(),
         records_.size(), kInfoFile, file.records);
  auto signals = std::make_unique<NpyRows>(path_ / kSignalsFile);
  check_shape(signals->shape(), file, (path_ / kSignalsFile).string());
  signals_ = std::move(signals);
  info_ = std::move(file.info);
  checksum_ = file.checksum;
}

std::span<const std::int16_t> Store::signal(std::size_t index) const {
  DERI_CHECK(index < records_.size());
  return signals_->row(index);
}

std::vector<std::size_t> Store::split(const std::string& name) const {
  std::vector<std::size_t> indices;
  std::set<std::string> present;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (records_[i].split == name) indices.push_back(i);
    present.insert(records_[i].split);
  }
  if (indices.empty())
    fail("{}: no records in the split '{}'; it has {}", path_.string(), name, fmt::join(present, ", "));
  return indices;
}

const std::vector<std::string>& Store::label_set(const std::string& name) const {
  const auto found = info_.label_sets.find(name);
  if (found == info_.label_sets.end())
    fail("{}: no label set '{}'; it has {}", path_.string(), name, joined_keys(info_.label_sets));
  return found->second;
}

void Store::verify() const {
  if (!verifiable_) return;
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < size(); ++i) found = chain_checksum(found, signal_hash(signal(i)));
  if (found != checksum_)
    fail("{}: the samples have the checksum {}, {} says {}: the file was changed; prepare the store again",
         (path_ / kSignalsFile).string(), checksum_text(found), kInfoFile, checksum_text(checksum_));
}

LabelMatrix label_matrix(const Store& store, const std::vector<std::size_t>& indices, const std::string& label_set) {
  LabelMatrix matrix;
  matrix.labels = store.label_set(label_set);
  for (const std::size_t index : indices) {
    const auto& labels = store.record(index).labels;
    const auto found = labels.find(label_set);
    if (found == labels.end()) continue;
    matrix.indices.push_back(index);
    for (const std::string& label : matrix.labels) matrix.values.push_back(contains(found->second, label) ? 1 : 0);
  }
  return matrix;
}

}  // namespace deri
