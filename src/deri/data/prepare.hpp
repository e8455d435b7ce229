#pragma once
// What every data set's way into a Store shares. A data set says what records it has (RecordSource); prepare_store()
// reads them in parallel, mends, resamples and cuts their signals, and writes the store in the data set's order:
// streaming, so that memory does not grow with the data set; resumable; the same bytes on every run.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

struct PrepareOptions {
  // Hz of the store; nothing: the data set's own rate.
  std::optional<double> rate = std::nullopt;
  bool keep_flat_leads = false;  // a record of which a lead was off is kept as it is, not rejected
  bool replace = false;          // an existing store goes when the new one is whole
  bool restart = false;          // an unfinished preparation of the same store is thrown away, not gone on with
  std::size_t threads = 0;       // that read records; 0: one per core. The store does not depend on it
  double journal_seconds = 2;    // at most so much work is lost to a kill
  // Called from the caller's thread, at the start and as records are read or rejected: how many of how many.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

struct PrepareSummary {
  std::int64_t records = 0;                        // in the store
  std::int64_t rejected = 0;                       // in rejected.csv
  std::int64_t repaired = 0;                       // records of the store in which missing samples were filled in
  std::int64_t resumed = 0;                        // records and rejections that an earlier run had done
  std::map<std::string, std::int64_t> splits;      // records of each split; those without any are left out
  std::map<std::string, std::int64_t> rejections;  // how many for each kind of reason (see Rejection)
  double rate = 0;                                 // Hz of the store
  std::string first_rejection;                     // file and reason, if any was rejected
  std::vector<std::string> notes;                  // what else a user should know, a line each
};

// Why a record of a data set is not read: an Error with a word for its kind, by which the summary counts.
class Rejection : public Error {
 public:
  Rejection(std::string kind, const std::string& reason) : Error(reason), kind_(std::move(kind)) {}
  const std::string& kind() const { return kind_; }

 private:
  std::string kind_;
};

// A data set: records in a fixed order, described one at a time and on demand, so that a large one is never held as
// objects. The const functions are called from several threads at once.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  virtual std::filesystem::path root() const = 0;
  // Leads, label sets and made_by; rate is the data set's own, samples are not set.
  virtual StoreInfo info() const = 0;
  // Changes when the tables, files or options change from which the records follow: what an unfinished preparation must
  // have in common with the one that goes on.
  virtual std::string fingerprint() const = 0;
  // How many records the data set lists.
  virtual std::size_t size() const = 0;
  // What rejected.csv calls an entry: its file or its place in a table.
  virtual std::string name(std::size_t index) const = 0;
  // The record without its signal; `source` names the file, relative to root(). Throws Error if it cannot be used.
  virtual StoreRecord record(std::size_t index) const = 0;
  // Reads the record's file and, where labels or patient stand there, completes the record. Throws Error.
  virtual Recording read(StoreRecord& record) const = 0;
};

// Of every record: the leads of info(), missing samples mended (repair()), resampled to the store's rate, 10 s of it
// (the middle of what is longer; what is shorter amid zeros), whole microvolts. What cannot be used (record() or read()
// throws Error, repair() rejects, a sample beyond +-32.767 mV, an id that was there before) is listed in rejected.csv
// and counted, and the work goes on.
//
// The store grows in `<out>.partial`. Interrupted, by an exception, a kill or a full disk, it stays there, and the same
// call goes on where the journal ends; other options or another source are refused until options.restart.
//
// Throws Error when `out` exists (without replace), options.rate is no sensible rate, the disk is full, or every record
// was rejected (with the first reason; then nothing stays).
PrepareSummary prepare_store(const RecordSource& source, const std::filesystem::path& out,
                             const PrepareOptions& options = {});

// For data sets' sources.

// Every store holds so much of a record.
inline constexpr double kStoreSeconds = 10;

// Throws Error unless `rate` (if any) lies between 10 and 10,000 Hz and gives whole samples in 10 s.
void check_store_rate(const std::optional<double>& rate);

// False for a name that leads out of the folder it is relative to: an absolute one, or one with "..".
bool stays_inside(const std::filesystem::path& name);

// False too for a name that the system refuses.
bool is_file(const std::filesystem::path& path);

// A text that changes with the bytes: for fingerprints.
std::string bytes_fingerprint(std::span<const std::byte> bytes);
std::string text_fingerprint(std::string_view text);
std::string names_fingerprint(const std::vector<std::string>& names);

// "15709.0", as pandas writes whole numbers of a column with gaps, is "15709". Throws Error, naming the column, for
// what is not a whole number.
std::string whole_number(std::string_view cell, std::string_view column);

// The files below `folder` whose names end in `suffix`, relative to it, in byte order. Folders that are symbolic links
// are not entered. Throws Error if the folder cannot be read.
std::vector<std::string> list_files(const std::filesystem::path& folder, std::string_view suffix);

// All of a patient's records must lie in one split.
class PatientSplits {
 public:
  // Throws Error, beginning with `place` and ending with `advice`, if the patient was seen in another split.
  void add(const StoreRecord& record, std::string_view place, std::string_view advice);

 private:
  struct Seen {
    std::string split, id;
  };
  std::map<std::string, Seen> patients_;
};

}  // namespace deri
