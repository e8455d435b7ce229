#include "deri/base/config.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/ranges.h>

namespace deri {
namespace {

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void apply_override(Json& tree, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) fail("--set {}: expected key=value", assignment);
  Json* node = &tree;
  std::string path = assignment.substr(0, equals);
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.')) {
    node = &(*node)[path.substr(0, dot)];
    if (!node->is_object() && !node->is_null()) fail("--set {}: '{}' has no keys", assignment, path.substr(0, dot));
    path = path.substr(dot + 1);
  }
  (*node)[path] = parse_yaml(assignment.substr(equals + 1), "--set " + assignment);
}

namespace config_detail {

void refuse_unknown_keys(const Json& tree, const std::vector<std::string>& keys, const std::string& prefix,
                         const std::string& source) {
  for (const auto& item : tree.items()) {
    if (std::find(keys.begin(), keys.end(), item.key()) != keys.end()) continue;
    const std::string nearest = nearest_word(item.key(), keys);
    if (nearest.empty())
      fail("{}: unknown key '{}{}'; known here: {}", source, prefix, item.key(), fmt::join(keys, ", "));
    fail("{}: unknown key '{}{}'; did you mean '{}{}'?", source, prefix, item.key(), prefix, nearest);
  }
}

void fail_type(const Json& found, const char* expected, const std::string& key, const std::string& source) {
  if (key.empty()) fail("{}: {} is expected", source, expected);
  fail("{}: the key '{}' must be {}, not {}", source, key, expected, found.dump());
}

}  // namespace config_detail

void resolve_file(std::string& file, const std::filesystem::path& configuration) {
  if (file.empty()) return;
  file = std::filesystem::weakly_canonical(std::filesystem::absolute(configuration).parent_path() / file).string();
}

}  // namespace deri
