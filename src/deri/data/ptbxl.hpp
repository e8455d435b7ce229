#pragma once
// PTB-XL (PhysioNet, 1.0.x), or any folder in its layout, into a Store.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "deri/data/prepare.hpp"
#include "deri/data/splits.hpp"
#include "deri/text/report_language.hpp"

namespace deri {

// Of the reports that the table lists (rejected records' too); zeros with ReportLanguage::kOriginal.
struct ReportTranslation {
  std::int64_t reports = 0;        // that had a word to translate
  std::int64_t words = 0;          // that are not English, in the original
  std::int64_t unknown_words = 0;  // of these, not translated
};

struct PtbxlSummary : PrepareSummary {
  std::vector<std::string> dropped_duplicates;        // ecg_ids: the duplicates that release 1.0.3 dropped
  std::map<std::string, std::int64_t> unknown_codes;  // codes that scp_statements.csv does not list, and how often
  double source_rate = 0;                             // Hz of the records that were read: 100 or 500
  ReportTranslation translation;
};

// The split of a cell of the column strat_fold: 1-8 train, 9 validation, 10 test ("9.0" is read as 9). Throws Error for
// anything else.
std::string split_of_fold(const std::string& cell);

// Reads ptbxl_database.csv (columns ecg_id, patient_id, report, scp_codes, strat_fold and filename_lr or filename_hr or
// both), scp_statements.csv (see PtbxlLabeller) and the WFDB records the table names, and writes the store `out`: the
// twelve leads in standard_leads() order, 10 s (the middle of what is longer; what is shorter amid zeros), reports as
// they stand, in English, or both (a third are English, the others German, some Swedish).
//
// Rate. Records are read at options.rate if that is 100 or 500 Hz and the folder has at least one record at it;
// otherwise at the rate for which most records have their header (of a large table, of some hundred of its rows), 500
// Hz if both are equal. They are resampled if options.rate is another. A record that lacks the chosen files is
// rejected, never replaced by its twin at the other rate: a store of one rate holds signals of one bandwidth.
//
// Split. strict and published are one rule: strat_fold 1-8 train, 9 validation, 10 test. All of the published
// benchmark's rows follow it. A folder of split files goes by ecg_id; what they do not list is rejected. No patient may
// lie in two splits.
//
// Duplicates. The 12 records that release 1.0.3 dropped, known by ecg_id and patient_id together (another archive in
// this layout may use the numbers), are left out and listed in the summary and in store.json.
//
// A record that cannot be used (file missing or cut short, a header that promises what is not there, a lead absent,
// flat or full of holes, a cell of the table that cannot be read) is listed in rejected.csv and counted. Throws Error
// as prepare_store() does, and when a file or column above is missing, or a patient lies in two splits.
PtbxlSummary prepare_ptbxl(const std::filesystem::path& source, const std::filesystem::path& out,
                           const PrepareOptions& options = {}, const SplitChoice& splits = {},
                           ReportLanguage language = ReportLanguage::kOriginal);

}  // namespace deri
