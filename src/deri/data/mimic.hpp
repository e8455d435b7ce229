#pragma once
// MIMIC-IV-ECG 1.0 (PhysioNet) into a Store: the data set of the published pre-training.

#include <cstdint>
#include <filesystem>

#include "deri/data/prepare.hpp"
#include "deri/data/splits.hpp"

namespace deri {

struct MimicOptions {
  SplitChoice splits = {};
  std::uint64_t seed = 42;   // of the strict split
  double validation = 0.02;  // share of the strict split
};

// Reads record_list.csv (subject_id, study_id, path), machine_measurements.csv (subject_id, study_id, report_0 …
// report_17) and the WFDB records below files/, and writes the store `out`: leads in mimic_leads() order, 500 Hz, 10 s.
//
// Reports. clean_machine_report() of a study's lines; a report of fewer than kMinReportWords words is left out.
//
// Pairs. One entry per row of machine_measurements.csv, in its order, joined to record_list.csv by study_id; then the
// rows of record_list.csv that have no report. Entries without record, without report, with too short a report, or
// whose two tables name different subjects are rejected, each under a kind of its own.
//
// Split. strict: by hash of subject_id, so no patient lies in two splits. published:
// train_test_split(test_size=0.02, random_state=42) over the rows of machine_measurements.csv whose report is long
// enough: the released code's rows (patients overlap). A folder of split files goes by study_id. There is no test
// split.
//
// The tables are memory-mapped, never held as objects. Throws Error as prepare_store() does, and when a table or a
// column is missing.
PrepareSummary prepare_mimic(const std::filesystem::path& source, const std::filesystem::path& out,
                             const PrepareOptions& options = {}, const MimicOptions& mimic = {});

}  // namespace deri
