#pragma once
// A check that markup is well formed, small enough to be read.

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace deri::testing {

// What is wrong with text between tags or inside an attribute, or "".
inline std::string entity_error(std::string_view text) {
  for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const std::string_view entity = text.substr(at, text.find(';', at) - at + 1);
    if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;" && entity != "&#39;") {
      return "bad entity: " + std::string(text.substr(at, 12));
    }
  }
  return "";
}

// What is wrong with the inside of a tag, its name read already, or "".
inline std::string attribute_error(std::string_view rest) {
  std::vector<std::string_view> names;
  while (true) {
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front())) != 0) rest.remove_prefix(1);
    if (rest.empty()) return "";
    const std::size_t quote = rest.find("=\"");
    const std::size_t end = quote == std::string_view::npos ? quote : rest.find('"', quote + 2);
    if (end == std::string_view::npos) return "bad attribute: " + std::string(rest.substr(0, 40));
    const std::string_view name = rest.substr(0, quote);
    for (const std::string_view other : names)
      if (other == name) return "attribute twice: " + std::string(name);
    names.push_back(name);
    if (const std::string error = entity_error(rest.substr(quote + 2, end - quote - 2)); !error.empty()) {
      return error;
    }
    rest.remove_prefix(end + 1);
  }
}

// "" if every tag is closed in its order, attributes are quoted and unique, and nothing is left unescaped; else what is
// wrong. A DOCTYPE at the start is passed over, and what stands in <style> is not looked at.
inline std::string markup_error(std::string_view text) {
  std::vector<std::string> open;
  std::size_t at = text.starts_with("<!DOCTYPE html>") ? 15 : 0;
  while (at < text.size()) {
    const std::size_t tag = text.find('<', at);
    const std::string_view between = text.substr(at, tag - at);
    const bool style = !open.empty() && open.back() == "style";
    if (!style && between.find('>') != std::string_view::npos)
      return "stray > in: " + std::string(between.substr(0, 40));
    if (const std::string error = entity_error(between); !style && !error.empty()) return error;
    if (tag == std::string_view::npos) break;
    const std::size_t end = text.find('>', tag);
    if (end == std::string_view::npos) return "tag without end";
    std::string_view inside = text.substr(tag + 1, end - tag - 1);
    at = end + 1;
    const bool closing = inside.starts_with('/'), empty = inside.ends_with('/');
    if (closing) inside.remove_prefix(1);
    if (empty) inside.remove_suffix(1);
    const std::size_t name_end = std::min(inside.find_first_of(" \n"), inside.size());
    const std::string name(inside.substr(0, name_end));
    if (name.empty() || std::isalpha(static_cast<unsigned char>(name.front())) == 0)
      return "bad tag: " + std::string(inside.substr(0, 40));
    if (closing) {
      if (open.empty() || open.back() != name) return "unexpected </" + name + ">";
      open.pop_back();
      continue;
    }
    if (const std::string error = attribute_error(inside.substr(name_end)); !error.empty()) return error;
    if (!empty) open.push_back(name);
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

inline std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

}  // namespace deri::testing
