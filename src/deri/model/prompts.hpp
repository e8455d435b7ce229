#pragma once
// Class prompts for zero-shot classification: label → texts. A JSON object; a value is one text (as in
// CKEPE_prompt.json) or a list of texts, whose embeddings are averaged.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "deri/base/json.hpp"

namespace deri {

class Prompts {
 public:
  // Throws Error, naming the file and the label, if a value is neither a text nor a list of texts, or is empty.
  static Prompts load(const std::filesystem::path& path);
  static Prompts from_json(const Json& tree, const std::string& name);
  Json to_json() const;

  // Texts of a label. Throws Error, naming the prompts' file and the label, if there are none.
  const std::vector<std::string>& texts(const std::string& label) const;
  bool empty() const { return texts_.empty(); }
  // Every label, in alphabetical order.
  std::vector<std::string> labels() const;

 private:
  std::string name_;
  std::map<std::string, std::vector<std::string>> texts_;
};

}  // namespace deri
