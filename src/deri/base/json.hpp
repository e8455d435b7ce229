#pragma once
// JSON and YAML files as one kind of tree, with errors that name the file.

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace deri {

using Json = nlohmann::ordered_json;  // keeps the order of keys: what we write reads as it was meant

// Parse errors become Error with the file and the place.
Json parse_json(std::string_view text, const std::string& name);
Json load_json(const std::filesystem::path& path);
void save_json(const std::filesystem::path& path, const Json& value);

// YAML's mappings, sequences and plain scalars (null, true/false, integers, floats, else strings) as the same tree.
Json load_yaml(const std::filesystem::path& path);
Json parse_yaml(const std::string& text, const std::string& name);
// Block-style YAML that parse_yaml() reads back to the same tree.
std::string to_yaml(const Json& value);

}  // namespace deri
