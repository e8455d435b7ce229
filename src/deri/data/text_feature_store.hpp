#pragma once
// What a frozen text tower makes of reports, computed once per distinct report and kept: a folder with
//   features.json       version, the tower and its fingerprint, width, counts, shards with checksums, how it was made
//   index-00000.npy     int64 [reports, 3]: the two halves of a report's key, and how many rows it has in hidden
//   pooled-00000.npy    float16 [reports, width]
//   hidden-00000.npy    float16 [rows, width]: a report's tokens one after another, reports in the index's order
//   index-00001.npy …   the next shard
// NumPy reads the arrays, and they are memory-mapped here. Rows are of true length: nothing is padded. A report without
// rows has pooled features only. Folders lie as FEATURES/<fingerprint of the tower>, so that features of another tower
// are never met; they are never removed either.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "deri/base/file_lock.hpp"
#include "deri/base/files.hpp"
#include "deri/base/half.hpp"
#include "deri/base/json.hpp"
#include "deri/base/npy.hpp"

namespace deri {

inline constexpr int kTextFeaturesVersion = 1;

// Stands for a report as a tower sees it: XXH3, 128 bit, of its token ids.
struct ReportKey {
  std::uint64_t high = 0, low = 0;
  bool operator==(const ReportKey&) const = default;
};
ReportKey report_key(std::span<const std::int32_t> token_ids);

struct ReportKeyHash {
  std::size_t operator()(const ReportKey& key) const { return static_cast<std::size_t>(key.low); }
};

struct TextFeatureInfo {
  // Everything beside a report's token ids that the features depend on; decides the folder's name.
  Json tower;
  std::int64_t width = 0;
  Json made_by = Json::object();  // for people

  std::string fingerprint() const;
};

// Of one report. The spans live as long as the store.
struct StoredText {
  std::span<const Half> pooled;  // [width]
  std::span<const Half> hidden;  // [rows, width]
};

class TextFeatureStore {
 public:
  // Opens FEATURES/<fingerprint>, here `path`, and checks it: version, tower, shapes, counts, and the indices'
  // checksums (features: see verify). Throws Error if it is damaged or of another tower than `info`'s.
  TextFeatureStore(const std::filesystem::path& path, const TextFeatureInfo& info);

  const std::filesystem::path& path() const { return path_; }
  std::size_t reports() const { return places_.size(); }
  std::int64_t rows() const { return rows_; }
  std::size_t shards() const { return shards_.size(); }
  std::uint64_t bytes() const;  // of all features

  bool has(const ReportKey& key) const { return places_.contains(key); }
  // Nothing if the report is not here.
  std::optional<StoredText> find(const ReportKey& key) const;

  // Reads every feature and compares with the checksums. Throws Error naming the file.
  void verify() const;

 private:
  struct Shard {
    NpyArray<Half> pooled, hidden;
    std::string pooled_checksum, hidden_checksum;
  };
  struct Place {
    std::size_t shard = 0, report = 0, first_row = 0, rows = 0;
  };

  void open_shard(const Json& entry);

  std::filesystem::path path_;
  std::size_t width_;
  std::vector<Shard> shards_;
  std::unordered_map<ReportKey, Place, ReportKeyHash> places_;
  std::int64_t rows_ = 0;
};

struct TextFeatureWriterOptions {
  std::uint64_t shard_bytes = std::uint64_t{1} << 30;  // of features; a shard is closed when it has as many
};

// Adds reports to FEATURES/<fingerprint>. What is not there yet is begun in FEATURES/<fingerprint>.partial and appears
// whole at finish(); if another run left such a folder, the writer goes on behind its last whole shard. To what is
// there, shards are added; those there are never changed, so that others may read meanwhile.
class TextFeatureWriter {
 public:
  // Waits while another process writes these features. Throws Error if the folder cannot be written, is damaged or of
  // another tower.
  TextFeatureWriter(const std::filesystem::path& features, TextFeatureInfo info, TextFeatureWriterOptions options = {});
  ~TextFeatureWriter();
  TextFeatureWriter(const TextFeatureWriter&) = delete;
  TextFeatureWriter& operator=(const TextFeatureWriter&) = delete;

  bool has(const ReportKey& key) const { return added_.contains(key) || (there_ && there_->has(key)); }

  // `pooled` [width], `hidden` [rows, width], any number of rows. Throws Error, naming `report`, for a value that
  // float16 cannot hold. A report is added once.
  void add(const ReportKey& key, std::span<const float> pooled, std::span<const float> hidden,
           const std::string& report);
  // A point at which the shard may be closed, if it is full: a resumed writing goes on at such a point.
  void end_batch();
  // The folder, whole. Nothing may be added afterwards.
  void finish();

 private:
  struct GrowingShard;

  void open_staged();
  void narrow(std::span<const float> values, std::span<Half> halfs, const std::string& report) const;
  void close_shard();
  Json describe() const;

  TextFeatureInfo info_;
  TextFeatureWriterOptions options_;
  std::filesystem::path final_;
  std::optional<FileLock> lock_;
  std::optional<StagedDirectory> staged_;  // unless the folder is there
  std::filesystem::path folder_;           // where is written: the staged one, or the final
  std::optional<TextFeatureStore> there_;  // the shards with which this writer began
  std::vector<Json> shards_;               // as features.json lists them
  std::int64_t reports_ = 0, rows_ = 0;    // in whole shards
  std::unique_ptr<GrowingShard> growing_;
  std::unordered_set<ReportKey, ReportKeyHash> added_;
  std::vector<Half> halfs_;  // of the values being added
};

}  // namespace deri
