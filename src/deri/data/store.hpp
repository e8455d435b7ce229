#pragma once
// The prepared data set on disk: a folder with
//   signals.npy   int16 [N, leads, samples], microvolts; NumPy reads it, and it is memory-mapped here
//   records.csv   id, patient, split, report, labels, source: one row per record, in the same order
//   store.json    version, rate, leads, counts, label sets, checksum, how it was made
//   rejected.csv  file, reason: what was left out
// Scaling is applied on reading and named in the model, so amplitude is never lost. The folders that the released
// Python code prepares can be opened as stores too: see python_store.hpp.

#include <chrono>
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

namespace deri {

inline constexpr int kStoreVersion = 2;

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

struct StoreWriterOptions {
  bool replace = false;  // an existing store goes when the new one is whole
  // What is being written, in words of the caller: not empty makes the writing resumable. Until finish() the store
  // grows in `<path>.partial`, which survives the writer; a writer with the same fingerprint goes on there.
  std::string fingerprint = {};
  bool restart = false;        // begin anew whatever is there
  double journal_seconds = 2;  // at most so much work is lost to a kill
};

// Writes a store, one record at a time; the folder appears whole when finish() returns, or not at all.
class StoreWriter {
 public:
  // Throws Error if `path` exists and `replace` is false or `path` is not a store, for a shape, lead or label set that
  // no store can have, when another process is writing this store, and when `<path>.partial` has another fingerprint
  // or was damaged.
  StoreWriter(const std::filesystem::path& path, StoreInfo info, StoreWriterOptions options);
  StoreWriter(const std::filesystem::path& path, StoreInfo info, bool replace = false);
  // Without finish(): writes down the last checkpoint of a resumable store, and removes any other.
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  // `signal` is [leads, samples] in microvolts, `hash` its signal_hash(), which the caller may compute elsewhere.
  // Throws Error on an id that was added before, on another split than the three, and on a label that its set does not
  // have.
  void add(const StoreRecord& record, std::span<const std::int16_t> signal, std::uint64_t hash);
  void add(const StoreRecord& record, std::span<const std::int16_t> signal);
  // Whether a record of that id was added.
  bool has(const std::string& id) const { return ids_.contains(id); }
  void reject(const std::string& file, const std::string& reason);

  // A point from which a resumable writing can go on, written down every journal_seconds; `note` is the caller's own
  // state. What is added after the last checkpoint is lost to a kill, and to the end of the writer.
  void checkpoint(const Json& note);
  // The note of the checkpoint from which this writer goes on; null if it begins anew.
  const Json& resumed() const { return resumed_; }
  // Nothing that could be resumed shall stay.
  void discard();

  // Throws Error if no record was added. Nothing may be added afterwards. `facts` join info.made_by.
  void finish(const Json& facts = Json::object());

  std::int64_t records() const { return at_.records; }
  std::int64_t rejected() const { return at_.rejected; }
  const std::map<std::string, std::int64_t>& splits() const { return split_counts_; }

 private:
  // Where the writing stands.
  struct State {
    std::int64_t records = 0, rejected = 0;
    std::uint64_t checksum = 0;
    std::uint64_t signals_bytes = 0, records_bytes = 0, rejected_bytes = 0;
    Json note;
  };

  bool resumable() const { return !options_.fingerprint.empty(); }
  std::size_t row_bytes() const;
  std::filesystem::path journal() const;
  void start();
  bool resume();
  void restore(const Json& tree);
  void verify_staged() const;
  void write_journal();
  Json describe(const Json& facts) const;

  std::string name_;  // for messages: the store's path
  StoreInfo info_;
  StoreWriterOptions options_;
  StagedDirectory folder_;
  AppendFile signals_, records_csv_, rejected_csv_;
  std::unordered_set<std::string> ids_;
  std::map<std::string, std::int64_t> split_counts_;
  State at_, checkpoint_;
  Json resumed_;
  bool journaled_ = false, checkpoint_pending_ = false, finished_ = false;
  std::chrono::steady_clock::time_point last_journal_;
};

// XXH3, 64 bit, of a record's samples: see StoreWriter::add.
std::uint64_t signal_hash(std::span<const std::int16_t> signal);

// Rows of samples as a store gives them out: of signals.npy, or of another file's values.
class SignalRows {
 public:
  virtual ~SignalRows() = default;
  virtual std::span<const std::int16_t> row(std::size_t index) const = 0;
};

class Store {
 public:
  // Opens and checks a store: version, shapes, counts and labels agree (not the checksum: see verify). Takes the folder
  // of a store, or one that the released Python code prepared. Throws Error.
  explicit Store(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const StoreInfo& info() const { return info_; }
  std::size_t size() const { return records_.size(); }
  const StoreRecord& record(std::size_t index) const { return records_.at(index); }
  // [leads, samples], microvolts. Of a Python folder that holds floating-point numbers the samples are converted, and
  // valid until the thread asks for another record.
  std::span<const std::int16_t> signal(std::size_t index) const;
  // Indices of a split, ascending. Throws Error, naming the splits there are, for one without records.
  std::vector<std::size_t> split(const std::string& name) const;
  // The labels of a set. Throws Error naming the sets there are.
  const std::vector<std::string>& label_set(const std::string& name) const;
  // Of the signals as they were written, from store.json: which data a run was trained on.
  std::uint64_t checksum() const { return checksum_; }
  // Reads every signal and compares with the checksum of store.json. Throws Error. A Python folder has none: of it
  // nothing is compared.
  void verify() const;

 private:
  void open_store();

  std::filesystem::path path_;
  StoreInfo info_;
  std::vector<StoreRecord> records_;
  std::unique_ptr<SignalRows> signals_;
  std::uint64_t checksum_ = 0;
  bool verifiable_ = true;
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
