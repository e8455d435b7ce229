#include "deri/base/json.hpp"

#include <charconv>

#include <yaml-cpp/yaml.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"

namespace deri {
namespace {

constexpr int kMaxDepth = 64;  // of nested YAML; deeper input is refused rather than recursed into

template <typename T>
bool parses_whole(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

Json scalar_from_yaml(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted: a string whatever it looks like
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  const std::string digits = text.starts_with('+') ? text.substr(1) : text;
  std::int64_t integer = 0;
  if (parses_whole(digits, integer)) return integer;
  double real = 0;
  if (parses_whole(digits, real)) return real;
  return text;
}

Json from_yaml(const YAML::Node& node, int depth) {
  if (depth > kMaxDepth) throw YAML::Exception(node.Mark(), "nested too deeply");
  switch (node.Type()) {
    case YAML::NodeType::Map: {
      Json object = Json::object();
      for (const auto& entry : node) {
        const std::string key = entry.first.as<std::string>();
        if (object.contains(key)) throw YAML::Exception(entry.first.Mark(), "the key '" + key + "' appears twice");
        object[key] = from_yaml(entry.second, depth + 1);
      }
      return object;
    }
    case YAML::NodeType::Sequence: {
      Json array = Json::array();
      for (const auto& item : node) array.push_back(from_yaml(item, depth + 1));
      return array;
    }
    case YAML::NodeType::Scalar:
      return scalar_from_yaml(node);
    default:
      return nullptr;
  }
}

void emit_yaml(YAML::Emitter& out, const Json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      emit_yaml(out, item);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::Flow << YAML::BeginSeq;
    for (const Json& item : value) emit_yaml(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    out << YAML::DoubleQuoted << value.get<std::string>();
  } else {
    out << value.dump();
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not valid JSON: {}", name, error.what());
  }
}

Json load_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

void save_json(const std::filesystem::path& path, const Json& value) {
  write_file_atomic(path, value.dump(2) + "\n");
}

Json parse_yaml(const std::string& text, const std::string& name) {
  try {
    return from_yaml(YAML::Load(text), 0);
  } catch (const YAML::Exception& error) {
    fail("{}:{}: not valid YAML: {}", name, error.mark.line + 1, error.msg);
  }
}

Json load_yaml(const std::filesystem::path& path) {
  return parse_yaml(read_file(path), path.string());
}

std::string to_yaml(const Json& value) {
  YAML::Emitter out;
  emit_yaml(out, value);
  return std::string(out.c_str()) + "\n";
}

}  // namespace deri
