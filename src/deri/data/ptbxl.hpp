#pragma once
// PTB-XL (PhysioNet, 1.0.x), or any folder in its layout, into a Store.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace deri {

struct PrepareOptions {
  // Hz of the store; nothing: the rate of the records that are read. Which those are, see prepare_ptbxl.
  std::optional<double> rate = std::nullopt;
  bool replace = false;     // an existing store goes when the new one is whole
  std::size_t threads = 0;  // that read records; 0: one per core. The store does not depend on it
  // Called from the caller's thread as records are read or rejected: how many of how many.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

struct PrepareSummary {
  std::int64_t records = 0;                           // in the store
  std::int64_t rejected = 0;                          // in rejected.csv
  std::int64_t repaired = 0;                          // records of the store in which missing samples were filled in
  std::vector<std::string> dropped_duplicates;        // ecg_ids: the duplicates that release 1.0.3 dropped
  std::map<std::string, std::int64_t> splits;         // records of each split
  std::map<std::string, std::int64_t> unknown_codes;  // codes that scp_statements.csv does not list, and how often
  double source_rate = 0;                             // Hz of the records that were read: 100 or 500
  double rate = 0;                                    // Hz of the store
  std::string first_rejection;                        // file and reason, if any was rejected
};

// Reads ptbxl_database.csv (columns ecg_id, patient_id, report, scp_codes, strat_fold and filename_lr or filename_hr or
// both), scp_statements.csv (see PtbxlLabeller) and the WFDB records the table names, and writes the store `out`: the
// twelve leads in standard_leads() order, 10 s (the middle of what is longer; what is shorter amid zeros), reports as
// they stand.
//
// Rate. Records are read at options.rate if that is 100 or 500 Hz and the folder has at least one record at it;
// otherwise at the rate for which most records of the table have their header, 500 Hz if both are equal. They are
// resampled if options.rate is another. A record that lacks the chosen files is rejected, never replaced by its twin at
// the other rate: a store of one rate holds signals of one bandwidth.
//
// Split. strat_fold 1-8 train, 9 validation, 10 test; no patient may lie in two of them.
//
// Duplicates. The 12 records that release 1.0.3 dropped, known by ecg_id and patient_id together (another archive in
// this layout may use the numbers), are left out and listed in the summary and in store.json.
//
// A record that cannot be used (file missing or cut short, a header that promises what is not there, a lead absent,
// flat or full of holes, a cell of the table that cannot be read) is listed in rejected.csv and counted. Throws Error,
// and leaves nothing behind: when a file or column above is missing, a patient lies in two splits, options.rate is not
// a sensible rate, `out` exists (without replace), the disk is full, or every record was rejected (with the first
// reason).
PrepareSummary prepare_ptbxl(const std::filesystem::path& source, const std::filesystem::path& out,
                             const PrepareOptions& options = {});

}  // namespace deri
