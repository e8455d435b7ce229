#pragma once
// Reports without their ECGs: what a text tower is pre-trained on.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deri/text/report_language.hpp"

namespace deri {

// Cleaned reports (clean_report()), each text once, in the order of the table.
struct ReportCorpus {
  std::vector<std::string> training;
  std::vector<std::string> validation;  // none of them is a training text
  std::int64_t rows = 0;                // of the table
  std::int64_t held_out = 0;            // test records: passed over unread
  std::int64_t unusable = 0;            // empty reports, and rows of no known split
  std::string checksum;                 // of the texts
};

// Reads a CSV with the columns `report` and either `split` (train, validation, test: a store's records.csv) or
// `strat_fold` (PTB-XL: 1-8, 9, 10); or a store. The test records' reports are never read. Throws Error if the columns
// are not there, or no training report is left.
ReportCorpus read_report_corpus(const std::filesystem::path& source, ReportLanguage language);

}  // namespace deri
