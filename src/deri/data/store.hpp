#pragma once
// The prepared data set on disk: a folder with
//   signals.npy   int16 [N, leads, samples], microvolts; NumPy reads it, and it is memory-mapped here
//   records.csv   id, patient, split, report, labels, source: one row per record, in the same order
//   store.json    version, rate, leads, counts, label sets, checksum, how it was made
//   rejected.csv  file, reason: what was left out
// Scaling is applied on reading and named in the model, so amplitude is never lost.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "deri/base/files.hpp"
#include "deri/base/json.hpp"
#include "deri/base/npy.hpp"

namespace deri {

inline constexpr int kStoreVersion = 1;

// Splits are named in words, in files and in options.
inline constexpr const char* kTrain = "train";
inline constexpr const char* kValidation = "validation";
inline constexpr const char* kTest = "test";

struct StoreRecord {
  std::string id;
  std::string patient;
  std::string split;   // train, validation, test
  std::string report;  // as the archive has it
  // label set -> positive labels, e.g. {"super": ["MI", "STTC"], "rhythm": ["SR"]}. A record without a key is not part
  // of that label set; a set's negatives are its other labels. In records.csv one cell: "rhythm:SR super:MI
  // super:STTC"; a record of a set that has none of its labels: "super:".
  std::map<std::string, std::vector<std::string>> labels;
  std::string source;  // the file it came from, relative to the data set's root
};

struct StoreInfo {
  double rate = 0;                                             // Hz
  std::vector<std::string> leads;                              // the order of signals.npy
  std::int64_t samples = 0;                                    // per lead
  std::map<std::string, std::vector<std::string>> label_sets;  // every label of each set, in a fixed order
  Json made_by;                                                // how the store was made: data set, options, notes
};

// Writes a store, one record at a time; the folder appears whole when finish() returns, or not at all.
class StoreWriter {
 public:
  // Throws Error if `path` exists and `replace` is false or `path` is not a store, and for a shape, lead or label set
  // that no store can have.
  StoreWriter(const std::filesystem::path& path, StoreInfo info, bool replace = false);

  // `signal` is [leads, samples] in microvolts. Throws Error on an id that was added before, on another split than the
  // three, and on a label that its set does not have.
  void add(const StoreRecord& record, std::span<const std::int16_t> signal);
  void reject(const std::string& file, const std::string& reason);
  // Throws Error if no record was added. Nothing may be added afterwards.
  void finish();

  std::int64_t records() const { return records_; }
  std::int64_t rejected() const { return rejected_; }

 private:
  std::string name_;  // for messages: the store's path
  StoreInfo info_;
  StagedDirectory folder_;
  AtomicFile signals_, records_csv_, rejected_csv_;
  std::unordered_set<std::string> ids_;
  std::map<std::string, std::int64_t> split_counts_;
  std::int64_t records_ = 0, rejected_ = 0;
  std::uint64_t checksum_;
};

class Store {
 public:
  // Opens and checks a store: version, shapes, counts and labels agree (not the checksum: see verify). Throws Error.
  explicit Store(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const StoreInfo& info() const { return info_; }
  std::size_t size() const { return records_.size(); }
  const StoreRecord& record(std::size_t index) const { return records_.at(index); }
  // [leads, samples], microvolts.
  std::span<const std::int16_t> signal(std::size_t index) const;
  // Indices of a split, ascending. Throws Error, naming the splits there are, for one without records.
  std::vector<std::size_t> split(const std::string& name) const;
  // The labels of a set. Throws Error naming the sets there are.
  const std::vector<std::string>& label_set(const std::string& name) const;
  // Of signals.npy as it was written, from store.json: which data a run was trained on.
  std::uint64_t checksum() const { return checksum_; }
  // Reads every signal and compares with the checksum of store.json. Throws Error.
  void verify() const;

 private:
  std::filesystem::path path_;
  StoreInfo info_;
  std::vector<StoreRecord> records_;
  std::unique_ptr<NpyArray<std::int16_t>> signals_;
  std::uint64_t checksum_ = 0;
};

// Of some records, those that belong to a label set, with their label vectors: row-major [records, labels], 1 where
// positive.
struct LabelMatrix {
  std::vector<std::size_t> indices;
  std::vector<std::string> labels;
  std::vector<std::uint8_t> values;
};
// Throws Error, naming the sets there are, for a set the store does not have.
LabelMatrix label_matrix(const Store& store, const std::vector<std::size_t>& indices, const std::string& label_set);

}  // namespace deri
