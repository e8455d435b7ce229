#pragma once
// A model's scores of every record, kept beside the figures made from them, so that another model can be compared
// record by record later. A folder of
//   scores.npy  float64 [records, labels]
//   truth.npy   int16 [records, labels], 0 or 1
//   ids.csv     column "id": one row per record, in the same order
//   table.json  {"format": "deri score table", "version": 1, "records", "labels", "probabilities", "made_by"}

#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/eval/metrics.hpp"

namespace deri {

struct ScoreTable {
  std::vector<std::string> ids;   // one per record, all different
  ScoredLabels scored;            // labels, scores, truth
  Json made_by = Json::object();  // whatever the maker wants to remember: model, data set, split
};

// The folder appears whole or not at all. Throws Error if it exists and `replace` is false or it holds something else
// than a score table, for repeated ids or labels, NaN scores, and "probabilities" outside [0, 1].
void save_score_table(const std::filesystem::path& folder, const ScoreTable& table, bool replace = false);

// Throws Error, naming the file, if it is missing, damaged, or does not fit the others.
ScoreTable load_score_table(const std::filesystem::path& folder);

// The records and labels of `table` in the order of `like`, for a paired comparison. Throws Error, with an example, if
// the two do not have the same ids and labels, or differ in the truth; the names are for messages.
ScoreTable aligned(const ScoreTable& table, const ScoreTable& like, const std::string& table_name,
                   const std::string& like_name);

}  // namespace deri
