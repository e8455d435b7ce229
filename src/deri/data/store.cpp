#include "deri/data/store.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using LabelSets = std::map<std::string, std::vector<std::string>>;

constexpr const char* kSignalsFile = "signals.npy";
constexpr const char* kRecordsFile = "records.csv";
constexpr const char* kRejectedFile = "rejected.csv";
constexpr const char* kInfoFile = "store.json";
constexpr std::uint64_t kChecksumStart = 0xCBF29CE484222325ULL;  // FNV-1a, 64 bit

std::uint64_t checksum_bytes(std::uint64_t hash, std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001B3ULL;
  return hash;
}

std::string checksum_text(std::uint64_t hash) {
  return fmt::format("fnv1a64:{:016x}", hash);
}

bool is_split(std::string_view name) {
  return name == kTrain || name == kValidation || name == kTest;
}

bool contains(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

std::string joined_keys(const LabelSets& sets) {
  std::vector<std::string> names;
  for (const auto& [name, labels] : sets) names.push_back(name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

bool has_twins(std::vector<std::string> items) {
  std::sort(items.begin(), items.end());
  return std::adjacent_find(items.begin(), items.end()) != items.end();
}

// A name that fits between the blanks and the colon of a label cell: printable ASCII.
void check_name(const std::string& name, std::string_view forbidden, const std::string& store) {
  const bool bad = name.empty() || std::any_of(name.begin(), name.end(), [&](unsigned char c) {
                     return c <= ' ' || c > '~' || forbidden.find(static_cast<char>(c)) != std::string_view::npos;
                   });
  if (bad) fail("{}: '{}' cannot name a label set or a label", store, name);
}

void check_info(const StoreInfo& info, const std::string& store) {
  if (!std::isfinite(info.rate) || info.rate <= 0) fail("{}: the rate is {} Hz", store, info.rate);
  if (info.leads.empty() || has_twins(info.leads))
    fail("{}: the leads must be named, each once; found [{}]", store, fmt::join(info.leads, ", "));
  if (info.samples <= 0) fail("{}: {} samples per lead", store, info.samples);
  for (const auto& [set, labels] : info.label_sets) {
    check_name(set, ":", store);
    for (const std::string& label : labels) check_name(label, "", store);
    if (has_twins(labels)) fail("{}: the label set '{}' names a label twice", store, set);
  }
}

void check_record(const StoreRecord& record, const StoreInfo& info, const std::string& store) {
  if (record.id.empty()) fail("{}: a record has no id", store);
  if (!is_split(record.split))
    fail("{}: record {} is in the split '{}'; there are {}, {} and {}", store, record.id, record.split, kTrain,
         kValidation, kTest);
  for (const auto& [set, positives] : record.labels) {
    const auto known = info.label_sets.find(set);
    if (known == info.label_sets.end())
      fail("{}: record {} has labels of the set '{}'; the store's sets: {}", store, record.id, set,
           joined_keys(info.label_sets));
    for (const std::string& label : positives)
      if (!contains(known->second, label))
        fail("{}: record {} has the label '{}', which the set '{}' does not have", store, record.id, label, set);
    if (has_twins(positives)) fail("{}: record {} has a label of '{}' twice", store, record.id, set);
  }
}

std::string labels_to_cell(const LabelSets& labels) {
  std::vector<std::string> items;
  for (const auto& [set, positives] : labels) {
    if (positives.empty()) items.push_back(set + ":");
    for (const std::string& label : positives) items.push_back(set + ":" + label);
  }
  return fmt::format("{}", fmt::join(items, " "));
}

LabelSets labels_from_cell(std::string_view cell, const std::string& place) {
  LabelSets labels;
  while (!cell.empty()) {
    const std::string_view item = cell.substr(0, cell.find(' '));
    cell.remove_prefix(std::min(cell.size(), item.size() + 1));
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos) fail("{}: cannot read the labels at '{}'", place, item);
    std::vector<std::string>& positives = labels[std::string(item.substr(0, colon))];
    if (colon + 1 < item.size()) positives.emplace_back(item.substr(colon + 1));
  }
  return labels;
}

// A value of store.json, of the type asked for.
template <typename T>
T read_key(const Json& tree, const char* key, const std::string& name) {
  try {
    const Json& value = tree.at(key);
    if (std::is_integral_v<T> && !value.is_number_integer()) fail("{}: '{}' is not a whole number", name, key);
    return value.get<T>();
  } catch (const Json::exception&) {
    fail("{}: '{}' is missing or of another type; prepare the store again", name, key);
  }
}

// --replace is for stores: another folder, the data set itself for one, is never taken for one.
bool checked_replace(const fs::path& path, bool replace) {
  if (replace && fs::exists(path) && !fs::exists(path / kInfoFile))
    fail("{} exists and is not a store (it has no {}), so it is not replaced: choose another folder", path.string(),
         kInfoFile);
  return replace;
}

struct InfoFile {
  StoreInfo info;
  std::int64_t records = 0;
  std::uint64_t checksum = 0;
};

std::uint64_t parse_checksum(std::string_view text, const std::string& name) {
  constexpr std::string_view kPrefix = "fnv1a64:";
  std::uint64_t value = 0;
  const bool known = text.starts_with(kPrefix) && text.size() == kPrefix.size() + 16;
  const auto result = known ? std::from_chars(text.data() + kPrefix.size(), text.data() + text.size(), value, 16)
                            : std::from_chars_result{text.data(), std::errc::invalid_argument};
  if (result.ec != std::errc() || result.ptr != text.data() + text.size())
    fail("{}: the checksum '{}' cannot be read; prepare the store again", name, text);
  return value;
}

InfoFile read_info(const fs::path& store) {
  const fs::path path = store / kInfoFile;
  const std::string name = path.string();
  if (!fs::is_regular_file(path))
    fail("{} is not a store: it has no {}; make one with `deri prepare`", store.string(), kInfoFile);
  const Json tree = load_json(path);
  const auto version = read_key<std::int64_t>(tree, "version", name);
  if (version != kStoreVersion)
    fail("{}: the store has version {}, this program reads version {}: prepare it again with `deri prepare`",
         store.string(), version, kStoreVersion);
  InfoFile file;
  file.info.rate = read_key<double>(tree, "rate", name);
  file.info.leads = read_key<std::vector<std::string>>(tree, "leads", name);
  file.info.samples = read_key<std::int64_t>(tree, "samples", name);
  file.info.label_sets = read_key<LabelSets>(tree, "label_sets", name);
  file.info.made_by = read_key<Json>(tree, "made_by", name);
  file.records = read_key<std::int64_t>(tree, "records", name);
  file.checksum = parse_checksum(read_key<std::string>(tree, "checksum", name), name);
  check_info(file.info, name);
  return file;
}

std::vector<StoreRecord> read_records(const fs::path& path, const StoreInfo& info) {
  CsvReader table(path, {"id", "patient", "split", "report", "labels", "source"});
  const std::size_t id = table.column("id"), patient = table.column("patient"), split = table.column("split"),
                    report = table.column("report"), labels = table.column("labels"), source = table.column("source");
  std::vector<StoreRecord> records;
  std::unordered_set<std::string> ids;
  std::vector<std::string> cells;
  while (table.next(cells)) {
    const std::string place = fmt::format("{}:{}", path.string(), table.line());
    StoreRecord record{
        cells[id], cells[patient], cells[split], cells[report], labels_from_cell(cells[labels], place), cells[source]};
    check_record(record, info, place);
    if (!ids.insert(record.id).second) fail("{}: the id {} appears twice", place, record.id);
    records.push_back(std::move(record));
  }
  return records;
}

void check_shape(const std::vector<std::int64_t>& shape, const InfoFile& file, const std::string& name) {
  const std::vector<std::int64_t> expected = {file.records, static_cast<std::int64_t>(file.info.leads.size()),
                                              file.info.samples};
  if (shape != expected)
    fail("{} has the shape [{}] where {} says [{}]; prepare the store again", name, fmt::join(shape, ", "), kInfoFile,
         fmt::join(expected, ", "));
}

}  // namespace

StoreWriter::StoreWriter(const fs::path& path, StoreInfo info, bool replace)
    : name_(path.string()),
      info_((check_info(info, name_), std::move(info))),
      folder_(path, checked_replace(path, replace)),
      signals_(folder_.path() / kSignalsFile),
      records_csv_(folder_.path() / kRecordsFile),
      rejected_csv_(folder_.path() / kRejectedFile),
      split_counts_{{kTrain, 0}, {kValidation, 0}, {kTest, 0}},
      checksum_(kChecksumStart) {
  signals_.write(npy_header("<i2", {0, static_cast<std::int64_t>(info_.leads.size()), info_.samples}));
  records_csv_.write(csv_row({"id", "patient", "split", "report", "labels", "source"}));
  rejected_csv_.write(csv_row({"file", "reason"}));
}

void StoreWriter::add(const StoreRecord& record, std::span<const std::int16_t> signal) {
  DERI_CHECK(signal.size() == info_.leads.size() * static_cast<std::size_t>(info_.samples));
  check_record(record, info_, name_);
  if (!ids_.insert(record.id).second) fail("{}: the id {} was added before", name_, record.id);
  const auto bytes = std::as_bytes(signal);
  signals_.write(bytes);
  records_csv_.write(
      csv_row({record.id, record.patient, record.split, record.report, labels_to_cell(record.labels), record.source}));
  checksum_ = checksum_bytes(checksum_, bytes);
  ++split_counts_[record.split];
  ++records_;
}

void StoreWriter::reject(const std::string& file, const std::string& reason) {
  rejected_csv_.write(csv_row({file, reason}));
  ++rejected_;
}

void StoreWriter::finish() {
  if (records_ == 0) fail("{}: no record was added, so there is no store ({} rejected)", name_, rejected_);
  const std::string header =
      npy_header("<i2", {records_, static_cast<std::int64_t>(info_.leads.size()), info_.samples});
  signals_.overwrite(0, std::as_bytes(std::span(header.data(), header.size())));
  signals_.commit();
  records_csv_.commit();
  rejected_csv_.commit();
  Json tree;
  tree["version"] = kStoreVersion;
  tree["written_by"] = "deri " DERI_VERSION;
  tree["rate"] = info_.rate;
  tree["leads"] = info_.leads;
  tree["samples"] = info_.samples;
  tree["unit"] = "uV";
  tree["records"] = records_;
  tree["rejected"] = rejected_;
  tree["splits"] = split_counts_;
  tree["label_sets"] = info_.label_sets;
  tree["checksum"] = checksum_text(checksum_);
  tree["made_by"] = info_.made_by;
  save_json(folder_.path() / kInfoFile, tree);
  folder_.commit();
}

Store::Store(const fs::path& path) : path_(path) {
  InfoFile file = read_info(path);
  records_ = read_records(path / kRecordsFile, file.info);
  if (static_cast<std::int64_t>(records_.size()) != file.records)
    fail("{} lists {} records where {} says {}; prepare the store again", (path / kRecordsFile).string(),
         records_.size(), kInfoFile, file.records);
  signals_ = std::make_unique<NpyArray<std::int16_t>>(path / kSignalsFile);
  check_shape(signals_->shape(), file, (path / kSignalsFile).string());
  info_ = std::move(file.info);
  checksum_ = file.checksum;
}

std::span<const std::int16_t> Store::signal(std::size_t index) const {
  DERI_CHECK(index < records_.size());
  const std::size_t items = info_.leads.size() * static_cast<std::size_t>(info_.samples);
  return signals_->values().subspan(index * items, items);
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
  const std::uint64_t found = checksum_bytes(kChecksumStart, std::as_bytes(signals_->values()));
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
