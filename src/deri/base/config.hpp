#pragma once
// Configuration structs read from, and written to, a Json tree. A struct lists its keys once:
//
//   struct OptimiserConfig {
//     double learning_rate = 1e-3;
//     template <typename Visitor> void visit(Visitor& field) { field("learning_rate", learning_rate); }
//   };
//
// Reading refuses unknown keys by name and suggests the nearest known one; keys left out keep their default. Supported
// members: bool, integers, floating point, std::string, std::vector of these, std::map<std::string, double>, and
// structs with visit().

#include <filesystem>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/base/json.hpp"

namespace deri {

// The candidate with the smallest edit distance to `word`, or "" if none is near (more than a third of the letters, at
// least 2).
std::string nearest_word(const std::string& word, const std::vector<std::string>& candidates);

// Applies "a.b=value" (the value read as YAML) to a tree: the --set option. Throws Error if there is no '='.
void apply_override(Json& tree, const std::string& assignment);

// For checks of values: throws Error(message) unless the condition holds.
inline void require(bool condition, const char* message) {
  if (!condition) throw Error(message);
}

namespace config_detail {

template <typename T>
concept Struct = requires(T& value, int& visitor) {
  value.visit(visitor);
};

struct KeyCollector {
  std::vector<std::string> keys;
  template <typename T>
  void operator()(const char* key, T&) {
    keys.emplace_back(key);
  }
};

// Throws Error for a key of `tree` that is not in `keys`.
void refuse_unknown_keys(const Json& tree, const std::vector<std::string>& keys, const std::string& prefix,
                         const std::string& source);
[[noreturn]] void fail_type(const Json& found, const char* expected, const std::string& key, const std::string& source);

template <typename T>
void read_value(const Json& json, T& value, const std::string& key, const std::string& source);

struct Reader {
  const Json& tree;
  std::string prefix;
  const std::string& source;

  template <typename T>
  void operator()(const char* key, T& value) {
    const auto found = tree.find(key);
    if (found != tree.end()) read_value(*found, value, prefix + key, source);
  }
};

struct Writer {
  Json tree = Json::object();
  template <typename T>
  void operator()(const char* key, T& value);
};

template <typename T>
void read_struct(const Json& json, T& value, const std::string& prefix, const std::string& source) {
  if (!json.is_object()) fail_type(json, "a mapping", prefix, source);
  KeyCollector known;
  value.visit(known);
  refuse_unknown_keys(json, known.keys, prefix, source);
  Reader reader{json, prefix, source};
  value.visit(reader);
}

template <typename T>
void read_value(const Json& json, T& value, const std::string& key, const std::string& source) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) fail_type(json, "true or false", key, source);
    value = json.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (!json.is_number_integer()) fail_type(json, "a whole number", key, source);
    value = json.get<T>();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number()) fail_type(json, "a number", key, source);
    value = json.get<T>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) fail_type(json, "a text", key, source);
    value = json.get<std::string>();
  } else if constexpr (Struct<T>) {
    read_struct(json, value, key + ".", source);
  } else if constexpr (std::is_same_v<T, std::map<std::string, double>>) {
    if (!json.is_object()) fail_type(json, "a mapping of numbers", key, source);
    value.clear();
    for (const auto& [name, item] : json.items()) read_value(item, value[name], key + "." + name, source);
  } else {
    if (!json.is_array()) fail_type(json, "a list", key, source);
    value.assign(json.size(), {});
    for (std::size_t i = 0; i < json.size(); ++i) read_value(json[i], value[i], key, source);
  }
}

template <typename T>
void Writer::operator()(const char* key, T& value) {
  if constexpr (Struct<T>) {
    Writer inner;
    value.visit(inner);
    tree[key] = std::move(inner.tree);
  } else {
    tree[key] = value;
  }
}

}  // namespace config_detail

// `source` (a file's name) begins the messages. Throws Error.
template <config_detail::Struct T>
T read_config(const Json& tree, const std::string& source) {
  T value{};
  config_detail::read_struct(tree, value, "", source);
  return value;
}

// A YAML file with --set overrides, which may be empty.
template <config_detail::Struct T>
T load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  Json tree = load_yaml(path);
  if (tree.is_null()) tree = Json::object();
  for (const std::string& assignment : overrides) apply_override(tree, assignment);
  return read_config<T>(tree, path.string());
}

// Of a file that a configuration names: a relative path is taken from the folder of the configuration's file.
void resolve_file(std::string& file, const std::filesystem::path& configuration);

template <config_detail::Struct T>
Json write_config(T value) {
  config_detail::Writer writer;
  value.visit(writer);
  return writer.tree;
}

}  // namespace deri
