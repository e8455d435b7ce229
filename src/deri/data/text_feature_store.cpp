#include "deri/data/text_feature_store.hpp"

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/ranges.h>
#include <xxhash.h>

#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/data/prepare.hpp"
#include "deri/data/store_format.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using store_format::checksum_text;
using store_format::read_key;

constexpr const char* kFeaturesFile = "features.json";
constexpr const char* kComputeAgain = "move the folder away, and the features are computed again";
constexpr std::size_t kIndexColumns = 3;  // key, high and low, and rows

fs::path array_file(const fs::path& folder, const char* what, std::size_t shard) {
  return folder / fmt::format("{}-{:05}.npy", what, shard);
}

template <typename T>
std::string checksum_of(std::span<const T> values) {
  return checksum_text(XXH3_64bits(values.data(), values.size_bytes()));
}

void check_checksum(const std::string& found, const std::string& expected, const fs::path& file) {
  if (found != expected)
    fail("{} has the checksum {} where {} says {}: it was damaged; {}", file.string(), found, kFeaturesFile, expected,
         kComputeAgain);
}

void check_array_shape(const std::vector<std::int64_t>& found, const std::vector<std::int64_t>& expected,
                       const fs::path& file) {
  if (found != expected)
    fail("{} has the shape [{}] where [{}] is expected: it was damaged; {}", file.string(), fmt::join(found, ", "),
         fmt::join(expected, ", "), kComputeAgain);
}

// features.json, of this version and this tower.
Json load_features(const fs::path& folder, const TextFeatureInfo& info) {
  const fs::path file = folder / kFeaturesFile;
  if (!fs::is_regular_file(file)) fail("{} holds no text features: it has no {}", folder.string(), kFeaturesFile);
  Json tree = load_json(file);
  const std::string name = file.string();
  const auto version = read_key<std::int64_t>(tree, "version", name, kComputeAgain);
  if (version != kTextFeaturesVersion)
    fail("{}: the features have version {}, this program reads version {}; {}", name, version, kTextFeaturesVersion,
         kComputeAgain);
  if (read_key<Json>(tree, "tower", name, kComputeAgain) != info.tower ||
      read_key<std::int64_t>(tree, "width", name, kComputeAgain) != info.width)
    fail("{}: features of another text tower; {}", name, kComputeAgain);
  if (!read_key<Json>(tree, "shards", name, kComputeAgain).is_array())
    fail("{}: 'shards' is not a list; {}", name, kComputeAgain);
  return tree;
}

// Features are some GB: they are worth waiting for.
FileLock wait_for_lock(const fs::path& path) {
  for (bool told = false;; told = true) {
    if (auto lock = FileLock::try_take(path)) return std::move(*lock);
    if (!told) spdlog::info("waiting for another process that makes these text features ({})", path.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
}

// What a killed process was writing.
void remove_temporaries(const fs::path& folder) {
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().find(".tmp-") != std::string::npos) left.push_back(entry.path());
  std::error_code ignored;
  for (const fs::path& path : left) fs::remove(path, ignored);
}

// An array of float16 rows that grows; its checksum is that of its values.
class GrowingRows {
 public:
  GrowingRows(const fs::path& path, std::int64_t width)
      : file_(path), width_(width), state_(XXH3_createState(), &XXH3_freeState) {
    file_.write(npy_header(npy_dtype<Half>(), {0, width}));
    XXH3_64bits_reset(state_.get());
  }

  void add(std::span<const Half> rows) {
    file_.write(std::as_bytes(rows));
    XXH3_64bits_update(state_.get(), rows.data(), rows.size_bytes());
    values_ += rows.size();
  }
  void commit() {
    const std::string header = npy_header(npy_dtype<Half>(), {rows(), width_});
    file_.overwrite(0, std::as_bytes(std::span(header.data(), header.size())));
    file_.commit();
  }
  std::int64_t rows() const { return static_cast<std::int64_t>(values_) / width_; }
  std::uint64_t bytes() const { return values_ * sizeof(Half); }
  std::string checksum() const { return checksum_text(XXH3_64bits_digest(state_.get())); }

 private:
  AtomicFile file_;
  std::int64_t width_;
  std::size_t values_ = 0;
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

}  // namespace

ReportKey report_key(std::span<const std::int32_t> token_ids) {
  const XXH128_hash_t hash = XXH3_128bits(token_ids.data(), token_ids.size_bytes());
  return {hash.high64, hash.low64};
}

std::string TextFeatureInfo::fingerprint() const {
  return text_fingerprint(fmt::format("{} {} {}", kTextFeaturesVersion, width, tower.dump()));
}

TextFeatureStore::TextFeatureStore(const fs::path& path, const TextFeatureInfo& info)
    : path_(path), width_(static_cast<std::size_t>(info.width)) {
  DERI_CHECK(info.width > 0);
  const Json tree = load_features(path, info);
  const std::string name = (path / kFeaturesFile).string();
  for (const Json& entry : tree.at("shards")) open_shard(entry);
  if (read_key<std::int64_t>(tree, "reports", name, kComputeAgain) != static_cast<std::int64_t>(reports()) ||
      read_key<std::int64_t>(tree, "rows", name, kComputeAgain) != rows_)
    fail("{}: the counts are not those of the shards; {}", name, kComputeAgain);
}

void TextFeatureStore::open_shard(const Json& entry) {
  const std::string name = (path_ / kFeaturesFile).string();
  const std::size_t number = shards_.size();
  const fs::path index_file = array_file(path_, "index", number), pooled_file = array_file(path_, "pooled", number),
                 hidden_file = array_file(path_, "hidden", number);
  const NpyArray<std::int64_t> index(index_file);
  const auto reports = read_key<std::int64_t>(entry, "reports", name, kComputeAgain);
  check_array_shape(index.shape(), {reports, static_cast<std::int64_t>(kIndexColumns)}, index_file);
  check_checksum(checksum_of(index.values()), read_key<std::string>(entry, "index", name, kComputeAgain), index_file);
  shards_.push_back({NpyArray<Half>(pooled_file), NpyArray<Half>(hidden_file),
                     read_key<std::string>(entry, "pooled", name, kComputeAgain),
                     read_key<std::string>(entry, "hidden", name, kComputeAgain)});
  const auto width = static_cast<std::int64_t>(width_);
  check_array_shape(shards_.back().pooled.shape(), {reports, width}, pooled_file);
  const auto rows = read_key<std::int64_t>(entry, "rows", name, kComputeAgain);
  check_array_shape(shards_.back().hidden.shape(), {rows, width}, hidden_file);

  std::int64_t row = 0;
  const auto cells = index.values();
  for (std::size_t report = 0; report < static_cast<std::size_t>(reports); ++report) {
    const auto cell = cells.subspan(report * kIndexColumns, kIndexColumns);
    const ReportKey key{static_cast<std::uint64_t>(cell[0]), static_cast<std::uint64_t>(cell[1])};
    if (cell[2] < 0 || cell[2] > rows - row)
      fail("{}: report {} has {} rows; {}", index_file.string(), report, cell[2], kComputeAgain);
    const Place place{number, report, static_cast<std::size_t>(row), static_cast<std::size_t>(cell[2])};
    if (!places_.emplace(key, place).second)
      fail("{}: report {} is there twice; {}", index_file.string(), report, kComputeAgain);
    row += cell[2];
  }
  if (row != rows) fail("{}: the reports have {} rows of {}; {}", index_file.string(), row, rows, kComputeAgain);
  rows_ += rows;
}

std::uint64_t TextFeatureStore::bytes() const {
  return (static_cast<std::uint64_t>(rows_) + reports()) * width_ * sizeof(Half);
}

std::optional<StoredText> TextFeatureStore::find(const ReportKey& key) const {
  const auto found = places_.find(key);
  if (found == places_.end()) return std::nullopt;
  const Place& place = found->second;
  const Shard& shard = shards_[place.shard];
  return StoredText{shard.pooled.values().subspan(place.report * width_, width_),
                    shard.hidden.values().subspan(place.first_row * width_, place.rows * width_)};
}

void TextFeatureStore::verify() const {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    check_checksum(checksum_of(shards_[i].pooled.values()), shards_[i].pooled_checksum, array_file(path_, "pooled", i));
    check_checksum(checksum_of(shards_[i].hidden.values()), shards_[i].hidden_checksum, array_file(path_, "hidden", i));
  }
}

struct TextFeatureWriter::GrowingShard {
  GrowingShard(const fs::path& folder, std::size_t number, std::int64_t width)
      : pooled(array_file(folder, "pooled", number), width), hidden(array_file(folder, "hidden", number), width) {}

  GrowingRows pooled, hidden;
  std::vector<std::int64_t> index;
};

TextFeatureWriter::TextFeatureWriter(const fs::path& features, TextFeatureInfo info, TextFeatureWriterOptions options)
    : info_(std::move(info)), options_(options), final_(features / info_.fingerprint()) {
  DERI_CHECK(info_.width > 0);
  make_directories(features);
  lock_.emplace(wait_for_lock(final_.string() + ".lock"));
  if (fs::exists(final_)) {
    folder_ = final_;
    there_.emplace(final_, info_);
  } else {
    open_staged();
  }
  remove_temporaries(folder_);
  if (!there_) return;
  const Json tree = load_features(folder_, info_);
  for (const Json& entry : tree.at("shards")) shards_.push_back(entry);
  reports_ = static_cast<std::int64_t>(there_->reports());
  rows_ = there_->rows();
}

TextFeatureWriter::~TextFeatureWriter() = default;

void TextFeatureWriter::open_staged() {
  staged_.emplace(final_, false, StagedDirectory::Leftover::kKeep);
  folder_ = staged_->path();
  if (fs::exists(folder_ / kFeaturesFile))
    there_.emplace(folder_, info_);
  else
    staged_->keep(false);
}

void TextFeatureWriter::narrow(std::span<const float> values, std::span<Half> halfs, const std::string& report) const {
  to_half(values, halfs);
  if (all_finite(halfs)) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!all_finite(halfs.subspan(i, 1)))
      fail(
          "{}: a text feature of {} is {}, which float16 cannot hold (at most {}): train without kept features, "
          "text_features=off",
          final_.string(), report, values[i], kLargestHalf);
}

void TextFeatureWriter::add(const ReportKey& key, std::span<const float> pooled, std::span<const float> hidden,
                            const std::string& report) {
  const auto width = static_cast<std::size_t>(info_.width);
  DERI_CHECK(pooled.size() == width && hidden.size() % width == 0 && !has(key));
  halfs_.resize(pooled.size() + hidden.size());
  const auto halfs = std::span(halfs_);
  narrow(pooled, halfs.first(width), report);
  narrow(hidden, halfs.subspan(width), report);
  if (!growing_) growing_ = std::make_unique<GrowingShard>(folder_, shards_.size(), info_.width);
  growing_->pooled.add(halfs.first(width));
  growing_->hidden.add(halfs.subspan(width));
  for (const std::uint64_t cell : {key.high, key.low, std::uint64_t{hidden.size() / width}})
    growing_->index.push_back(static_cast<std::int64_t>(cell));
  added_.insert(key);
}

void TextFeatureWriter::end_batch() {
  if (growing_ && growing_->pooled.bytes() + growing_->hidden.bytes() >= options_.shard_bytes) close_shard();
}

// First the arrays, then the word that they are there: a kill in between costs this shard, nothing else.
void TextFeatureWriter::close_shard() {
  const std::vector<std::int64_t>& index = growing_->index;
  growing_->hidden.commit();
  growing_->pooled.commit();
  write_npy<std::int64_t>(array_file(folder_, "index", shards_.size()),
                          {growing_->pooled.rows(), static_cast<std::int64_t>(kIndexColumns)}, index);
  reports_ += growing_->pooled.rows();
  rows_ += growing_->hidden.rows();
  shards_.push_back({{"reports", growing_->pooled.rows()},
                     {"rows", growing_->hidden.rows()},
                     {"index", checksum_of(std::span(index))},
                     {"pooled", growing_->pooled.checksum()},
                     {"hidden", growing_->hidden.checksum()}});
  save_json(folder_ / kFeaturesFile, describe());
  if (staged_) staged_->keep(true);
  growing_.reset();
}

Json TextFeatureWriter::describe() const {
  return {{"version", kTextFeaturesVersion},
          {"written_by", "deri " DERI_VERSION},
          {"fingerprint", info_.fingerprint()},
          {"tower", info_.tower},
          {"width", info_.width},
          {"type", "float16"},
          {"reports", reports_},
          {"rows", rows_},
          {"shards", shards_},
          {"made_by", info_.made_by}};
}

void TextFeatureWriter::finish() {
  if (growing_) close_shard();
  DERI_CHECK(!shards_.empty());
  if (staged_) staged_->commit();
  lock_.reset();
}

}  // namespace deri
