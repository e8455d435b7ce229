#pragma once
// Generated reports as a CSV file: `deri report write` makes it, `deri report score` reads it, and so can be what
// another program wrote. Columns:
//   record           names the record within its split
//   split            "test"; empty without splits
//   truth            the record's own report; empty if it has none
//   generated        the text written for it
//   tokens           generated, without the mark at the end
//   log_probability  natural logarithm, mean over these tokens
//   finished         "true", or "false" for a text that was cut at the greatest length
// In a file that is read, `record` and `generated` suffice; other columns are passed over.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace deri {

struct WrittenReport {
  std::string record, split, truth, text;
  std::size_t tokens = 0;
  double log_probability = 0;
  bool finished = true;
};

// In the order of the file; a column that is not there, or an empty cell, is what a WrittenReport begins with. Throws
// Error, with the line, if the file cannot be read, lacks a required column or has no row, for a record that is empty
// or is there twice in one split, and for a cell that is no number or not true or false.
std::vector<WrittenReport> read_written_reports(const std::filesystem::path& path);

// The file appears whole or not at all; it reads back as the same reports, numbers to the bit (a probability that is
// not finite as 0). Throws Error if it cannot be written, and for what could not be read back: no reports, a record
// that is empty or given twice in one split.
void save_written_reports(const std::filesystem::path& path, const std::vector<WrittenReport>& reports);

}  // namespace deri
