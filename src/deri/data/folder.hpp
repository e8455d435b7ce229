#pragma once
// Any folder of ECG files with a table that lists them, into a Store.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "deri/data/prepare.hpp"
#include "deri/ecg/read_recording.hpp"

namespace deri {

struct FolderOptions {
  std::filesystem::path table = {};  // empty: the one CSV file directly in the folder that has a column `file`
  // What the table calls a column below, where it has another name for it: {"file", "filename_lr"}.
  std::map<std::string, std::string> columns = {};
  ReadOptions read = {};    // what files do not say of themselves: rate, unit, leads
  double store_rate = 500;  // Hz, where PrepareOptions names none
  std::uint64_t seed = 42;  // of the split of records whose row names none
  double validation = 0.1, test = 0.1;
};

// Reads the table and the files it names, of any format read_recording() knows, and writes the store `out`: leads in
// standard_leads() order (limb leads that a file lacks are computed from I and II), 10 s. Columns of the table, in any
// order; others are ignored:
//   file            the ECG file, relative to the folder; needed
//   id              default: the file's name without suffix, with its folders
//   report          default: the interpretation that the file carries, its lines joined by ". "
//   patient         default: the patient's id that the file carries
//   split           train, validation (or val), test; default, and for empty cells: by hash of the
//                   patient, or of the id where no patient is known
//   labels          labels as records.csv of a store has them: "rhythm:SR super:MI super:STTC";
//                   "super:" for a record of the set with none of its labels
//   label:SET:NAME  1, true or yes: the record has the label NAME of the set SET; 0, false or no: it does
//                   not; empty: as far as this column goes the record is not part of the set
//
// Throws Error as prepare_store() does; when there is no table (saying which columns to make), a column above is
// malformed, or a patient lies in two splits.
PrepareSummary prepare_folder(const std::filesystem::path& source, const std::filesystem::path& out,
                              const PrepareOptions& options = {}, const FolderOptions& folder = {});

}  // namespace deri
