#include "deri/eval/comparison.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/eval/result_json.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

fs::path scores_folder(fs::path result_file) {
  return result_file.replace_extension(".scores");
}

std::vector<std::string> keys_of(const fs::path& result_file) {
  const fs::path folder = scores_folder(result_file);
  if (!fs::is_directory(folder))
    fail("{}: its scores should lie in {}, which is not there; evaluate again with --json", result_file.string(),
         folder.string());
  std::vector<std::string> keys;
  for (const auto& entry : fs::directory_iterator(folder)) keys.push_back(entry.path().filename().string());
  std::sort(keys.begin(), keys.end());
  return keys;
}

// What is replaced must be what an earlier evaluation wrote.
void check_replaceable(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (!fs::is_regular_file(entry.path() / "table.json"))
      fail("{} holds {}, which is no score table, so it is not replaced: choose another --json", folder.string(),
           entry.path().filename().string());
}

}  // namespace

void save_result(const fs::path& file, const Json& result, const std::map<std::string, ScoreTable>& scores) {
  const fs::path folder = scores_folder(file);
  if (fs::exists(folder)) check_replaceable(folder);
  StagedDirectory staged(folder, true);
  for (const auto& [key, table] : scores) save_score_table(staged.path() / key, table);
  save_json(file, result);
  staged.commit();
}

fs::path score_table_folder(fs::path result_file, const std::string& key) {
  return scores_folder(std::move(result_file)) / key;
}

std::vector<ResultComparison> compare_results(const fs::path& a, const fs::path& b, const PairedOptions& options) {
  const std::vector<std::string> in_a = keys_of(a);
  const std::vector<std::string> in_b = keys_of(b);
  std::vector<std::string> shared;
  std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::back_inserter(shared));
  if (shared.empty())
    fail("{} and {} evaluated nothing in common: one has {}, the other {}", a.string(), b.string(),
         fmt::join(in_a, ", "), fmt::join(in_b, ", "));
  std::vector<ResultComparison> comparisons;
  for (const std::string& key : shared) {
    const fs::path folder_a = score_table_folder(a, key), folder_b = score_table_folder(b, key);
    const ScoreTable first = load_score_table(folder_a);
    const ScoreTable second = aligned(load_score_table(folder_b), first, folder_b.string(), folder_a.string());
    comparisons.push_back({key, compare_aurocs(first.scored, second.scored, options)});
  }
  return comparisons;
}

Json to_json(const std::vector<ResultComparison>& comparisons, const PairedOptions& options) {
  Json json = Json::object();
  for (const ResultComparison& each : comparisons) json[each.key] = comparison_json(each.comparison, options);
  return json;
}

std::string to_text(const std::vector<ResultComparison>& comparisons) {
  std::string text =
      fmt::format("{:<16}{:>8}{:>9}{:>9}  {:<28}{}\n", "macro AUROC", "records", "A", "B", "A minus B", "p");
  for (const ResultComparison& each : comparisons) {
    const AurocComparison& macro = each.comparison.macro;
    text += fmt::format("{:<16}{:>8}{:>9.3f}{:>9.3f}  {:<28}{:.4f}\n", each.key, each.comparison.records, macro.a,
                        macro.b, difference_text(macro.difference), macro.p_value);
  }
  return text;
}

}  // namespace deri
