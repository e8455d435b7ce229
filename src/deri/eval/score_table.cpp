#include "deri/eval/score_table.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/npy.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "deri score table";
constexpr int kVersion = 1;

void check_distinct(const std::vector<std::string>& names, const char* what, const std::string& source) {
  std::unordered_set<std::string> seen;
  for (const std::string& name : names)
    if (!seen.insert(name).second) fail("{}: the {} '{}' appears twice", source, what, shown(name));
}

void check_scores(const ScoredLabels& scored, const std::string& source) {
  for (const double score : scored.scores) {
    if (std::isnan(score)) fail("{}: a score is not a number (NaN): score the records again", source);
    if (scored.probabilities && !(score >= 0 && score <= 1))
      fail("{}: a score of {} is said to be a probability, and is outside 0 to 1", source, score);
  }
}

Json description(const fs::path& path) {
  const Json tree = load_json(path);
  if (!tree.is_object() || tree.value("format", Json()) != Json(kFormat))
    fail("{}: not a score table: give a folder written beside an evaluation's results", path.string());
  if (tree.value("version", Json()) != Json(kVersion))
    fail("{}: version {} of score tables, and this program reads version {}", path.string(),
         shown(tree.value("version", Json()).dump()), kVersion);
  return tree;
}

std::vector<std::string> labels_of(const Json& tree, const fs::path& path) {
  const auto found = tree.find("labels");
  if (found == tree.end() || !found->is_array()) fail("{}: no list of labels", path.string());
  std::vector<std::string> labels;
  for (const Json& label : *found) {
    if (!label.is_string()) fail("{}: a label is not a text", path.string());
    labels.push_back(label.get<std::string>());
  }
  check_distinct(labels, "label", path.string());
  return labels;
}

std::vector<std::string> read_ids(const fs::path& path) {
  CsvReader reader(path, {"id"});
  const std::size_t column = reader.column("id");
  std::vector<std::string> ids, cells;
  while (reader.next(cells)) ids.push_back(cells[column]);
  check_distinct(ids, "id", path.string());
  return ids;
}

template <typename T>
std::span<const T> matrix(const NpyArray<T>& array, const fs::path& path, std::size_t records, std::size_t labels) {
  const std::vector<std::int64_t> expected = {static_cast<std::int64_t>(records), static_cast<std::int64_t>(labels)};
  if (array.shape() != expected)
    fail("{}: the shape is not [{}, {}], the numbers of ids and labels beside it", path.string(), records, labels);
  return array.values();
}

// Where each of `names` lies in `all`.
std::vector<std::size_t> places(const std::vector<std::string>& names, const std::vector<std::string>& all,
                                const char* what, const std::string& names_of, const std::string& all_of) {
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < all.size(); ++i) index.emplace(all[i], i);
  std::vector<std::size_t> result;
  for (const std::string& name : names) {
    const auto found = index.find(name);
    if (found == index.end())
      fail("{}: the {} '{}' of {} is missing: compare scores of the same records and labels", all_of, what, shown(name),
           names_of);
    result.push_back(found->second);
  }
  if (all.size() != names.size())
    fail("{}: {} {}s, and {} has {}: compare scores of the same records and labels", all_of, all.size(), what, names_of,
         names.size());
  return result;
}

}  // namespace

void save_score_table(const fs::path& folder, const ScoreTable& table, bool replace) {
  const ScoredLabels& scored = table.scored;
  DERI_CHECK(scored.scores.size() == table.ids.size() * scored.labels.size());
  DERI_CHECK(scored.targets.size() == scored.scores.size());
  check_distinct(table.ids, "id", folder.string());
  check_distinct(scored.labels, "label", folder.string());
  check_scores(scored, folder.string());
  if (replace && fs::exists(folder)) description(folder / "table.json");  // throws if it is something else

  StagedDirectory staged(folder, replace);
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(table.ids.size()),
                                           static_cast<std::int64_t>(scored.labels.size())};
  const std::vector<std::int16_t> truth(scored.targets.begin(), scored.targets.end());
  write_npy<double>(staged.path() / "scores.npy", shape, scored.scores);
  write_npy<std::int16_t>(staged.path() / "truth.npy", shape, truth);
  std::string ids = csv_row({"id"});
  for (const std::string& id : table.ids) ids += csv_row({id});
  write_file_atomic(staged.path() / "ids.csv", ids);
  save_json(staged.path() / "table.json", {{"format", kFormat},
                                           {"version", kVersion},
                                           {"records", table.ids.size()},
                                           {"labels", scored.labels},
                                           {"probabilities", scored.probabilities},
                                           {"made_by", table.made_by}});
  staged.commit();
}

ScoreTable load_score_table(const fs::path& folder) {
  const fs::path json = folder / "table.json", scores = folder / "scores.npy", truth = folder / "truth.npy";
  const Json tree = description(json);
  ScoreTable table;
  table.scored.labels = labels_of(tree, json);
  table.scored.probabilities = tree.value("probabilities", Json()) == Json(true);
  table.made_by = tree.value("made_by", Json::object());
  table.ids = read_ids(folder / "ids.csv");

  const NpyArray<double> score_file(scores);
  const auto score_values = matrix(score_file, scores, table.ids.size(), table.scored.labels.size());
  table.scored.scores.assign(score_values.begin(), score_values.end());
  check_scores(table.scored, scores.string());
  const NpyArray<std::int16_t> truth_file(truth);
  for (const std::int16_t value : matrix(truth_file, truth, table.ids.size(), table.scored.labels.size())) {
    if (value != 0 && value != 1) fail("{}: a truth of {} is neither 0 nor 1", truth.string(), value);
    table.scored.targets.push_back(static_cast<std::uint8_t>(value));
  }
  return table;
}

ScoreTable aligned(const ScoreTable& table, const ScoreTable& like, const std::string& table_name,
                   const std::string& like_name) {
  const std::vector<std::size_t> rows = places(like.ids, table.ids, "record", like_name, table_name);
  const std::vector<std::size_t> columns =
      places(like.scored.labels, table.scored.labels, "label", like_name, table_name);
  ScoreTable result{like.ids, {like.scored.labels, {}, {}, table.scored.probabilities}, table.made_by};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const std::size_t from = rows[i] * columns.size() + columns[k];
      if (table.scored.targets[from] != like.scored.targets[i * columns.size() + k])
        fail("{}: the record '{}' has another truth for '{}' than in {}: evaluate both on one data set", table_name,
             shown(like.ids[i]), shown(like.scored.labels[k]), like_name);
      result.scored.scores.push_back(table.scored.scores[from]);
      result.scored.targets.push_back(table.scored.targets[from]);
    }
  }
  return result;
}

}  // namespace deri
