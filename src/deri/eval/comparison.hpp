#pragma once
// Two result files against each other. A result file FILE.json has its scores beside it, in the folder FILE.scores: a
// score table (score_table.hpp) for each thing it evaluated, such as "super" or "super@0.1".

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/eval/paired_test.hpp"
#include "deri/eval/score_table.hpp"

namespace deri {

// Writes a result file and, by key, its scores beside it: both or neither. Older ones are replaced. Throws Error as
// save_score_table and save_json do, and when the folder that would be replaced holds anything but score tables.
void save_result(const std::filesystem::path& file, const Json& result,
                 const std::map<std::string, ScoreTable>& scores);

// Where the scores under a key of a result file lie.
std::filesystem::path score_table_folder(std::filesystem::path result_file, const std::string& key);

struct ResultComparison {
  std::string key;
  PairedComparison comparison;
};

// Every table that both result files have, `a` minus `b`, by key. Throws Error when one has no scores, they share no
// key, or the records of a key differ.
std::vector<ResultComparison> compare_results(const std::filesystem::path& a, const std::filesystem::path& b,
                                              const PairedOptions& options = {});

Json to_json(const std::vector<ResultComparison>& comparisons, const PairedOptions& options);
// A table for the terminal: the macro AUROC of both, the difference with its interval, p.
std::string to_text(const std::vector<ResultComparison>& comparisons);

}  // namespace deri
