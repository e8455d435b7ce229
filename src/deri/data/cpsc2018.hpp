#pragma once
// CPSC2018 (China Physiological Signal Challenge 2018) into a Store, in either of the forms it is given away in.

#include <filesystem>

#include "deri/data/prepare.hpp"
#include "deri/data/splits.hpp"

namespace deri {

// Original form: a table REFERENCE*.csv in `source` (Recording, First_label, Second_label, Third_label: 1 to 9) and the
// MATLAB files it names (A0001.mat), there or in folders below. Challenge form, where there is no such table: every
// WFDB header (*.hea) below `source`, its SNOMED codes in the comment "Dx". The store: leads in standard_leads() order,
// 500 Hz, the middle 10 s; label set "cpsc2018" of nine classes; a record's id is its file name, whatever the order of
// the folder. A record with none of the nine labels is in the store and not in the set. The report is the table's
// column `reports` (or `report`), if it has one. There are no patients: each record is one.
//
// Split. strict: 20 % test, 8 % validation by hash of the file name: the same on every machine and in both forms. A
// folder of split files goes by the column filename. published needs the files, and says so: its rows follow from the
// order in which one machine listed the folder.
//
// Throws Error as prepare_store() does, and when `source` has neither form, or the table lacks a column.
PrepareSummary prepare_cpsc2018(const std::filesystem::path& source, const std::filesystem::path& out,
                                const PrepareOptions& options = {}, const SplitChoice& splits = {});

}  // namespace deri
