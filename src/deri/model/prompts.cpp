#include "deri/model/prompts.hpp"

#include <algorithm>

#include "deri/base/error.hpp"

namespace deri {

Prompts Prompts::load(const std::filesystem::path& path) {
  return from_json(load_json(path), path.string());
}

Prompts Prompts::from_json(const Json& tree, const std::string& name) {
  if (!tree.is_object()) fail("{}: prompts are a JSON object of label: text", name);
  Prompts prompts;
  prompts.name_ = name;
  for (const auto& [label, value] : tree.items()) {
    const Json list = value.is_array() ? value : Json::array({value});
    const bool texts_only = std::all_of(list.begin(), list.end(), [](const Json& item) { return item.is_string(); });
    if (!texts_only || list.empty()) fail("{}: the prompt of '{}' must be a text or a list of texts", name, label);
    prompts.texts_[label] = list.get<std::vector<std::string>>();
  }
  return prompts;
}

Json Prompts::to_json() const {
  Json tree = Json::object();
  for (const auto& [label, texts] : texts_) {
    if (texts.size() == 1)
      tree[label] = texts.front();
    else
      tree[label] = texts;
  }
  return tree;
}

const std::vector<std::string>& Prompts::texts(const std::string& label) const {
  const auto found = texts_.find(label);
  if (found == texts_.end()) fail("{}: no prompt for the label '{}'; add one or choose other labels", name_, label);
  return found->second;
}

std::vector<std::string> Prompts::labels() const {
  std::vector<std::string> labels;
  for (const auto& entry : texts_) labels.push_back(entry.first);
  return labels;
}

}  // namespace deri
