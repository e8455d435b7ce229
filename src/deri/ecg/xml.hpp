#pragma once
// XML as ECG devices write it (on pugixml): which format a file is, and access by local name, so that namespace
// prefixes do not matter. Entities other than the five standard ones and character references stay unexpanded, a
// document type is skipped, and nothing is read from outside: neither entity bombs nor external entities do anything.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <pugixml.hpp>

namespace deri {

// A resting ECG has well under 5 MB; an hour-long one with all its text fits.
inline constexpr std::uint64_t kMaxXmlBytes = std::uint64_t{64} << 20;

// The local name of the document's first element ("AnnotatedECG" of <hl7:AnnotatedECG …>), found without parsing the
// rest: the beginning of a file is enough. "" for what is not XML.
std::string xml_root(std::string_view content);

enum class XmlFormat { kMuse, kAecg };

// Which reader a file belongs to, by its root element. Throws Error, beginning with `source`, for Philips Sierra XML,
// which is not read, and any other root.
XmlFormat xml_format(std::string_view content, const std::string& source);

// Parses into `document` and returns the root element, whose local name must be `root`. Throws Error for a larger
// content than kMaxXmlBytes, XML that is not well-formed, or another root.
pugi::xml_node parse_xml(std::string_view content, const char* root, const std::string& source,
                         pugi::xml_document& document);

// A name without its namespace prefix.
std::string_view local_name(std::string_view name);

// The first child element of that local name; null if there is none.
pugi::xml_node xml_child(pugi::xml_node node, std::string_view name);
// The child of the child …, each the first of its name.
pugi::xml_node xml_path(pugi::xml_node node, std::initializer_list<std::string_view> path);

// Calls visit(element) for every child element of that local name.
template <typename Visit>
void for_each_child(pugi::xml_node node, std::string_view name, Visit visit) {
  for (pugi::xml_node child = node.first_child(); child; child = child.next_sibling())
    if (child.type() == pugi::node_element && local_name(child.name()) == name) visit(child);
}

// All text directly in the element, CDATA included, without blanks at the ends.
std::string xml_text(pugi::xml_node node);
// The text of a child; "" if there is none.
std::string xml_text(pugi::xml_node node, std::string_view child);

// The attribute of that local name; "" if there is none.
std::string xml_attribute(pugi::xml_node node, std::string_view name);

// Calls visit(element) for every element below `node` in the order of the document; where it returns false, the
// element's own children are left out. Without recursion, however deep the file is nested.
template <typename Visit>
void for_each_descendant(pugi::xml_node node, Visit visit) {
  pugi::xml_node at = node.first_child();
  while (at) {
    const bool enter = at.type() == pugi::node_element && visit(at);
    if (enter && at.first_child()) {
      at = at.first_child();
      continue;
    }
    while (at != node && !at.next_sibling()) at = at.parent();
    if (at == node) return;
    at = at.next_sibling();
  }
}

// The whole text as a finite decimal number (no locale; a leading '+' is allowed), or nothing.
std::optional<double> parse_decimal(std::string_view text);

}  // namespace deri
