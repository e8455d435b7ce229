#include "deri/ecg/xml.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

// A parsed element takes some 16 times the bytes of "<a/>": without a limit a small file could fill the memory.
constexpr std::ptrdiff_t kMaxTags = 4'000'000;

constexpr std::size_t kDetectBytes = std::size_t{64} << 10;

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

// The beginning of `content` in one byte per character; of UTF-16 only ASCII matters for the root's name.
std::string narrow_beginning(std::string_view content) {
  std::string text(content.substr(0, kDetectBytes));
  const bool wide = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") ||
                    (text.size() > 1 && (text[0] == '\0' || text[1] == '\0'));
  if (wide) text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '\0'; }), text.end());
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) text.erase(0, 2);
  if (text.starts_with(kUtf8Mark)) text.erase(0, kUtf8Mark.size());
  return text;
}

// Drops everything up to and with `end`; all if it does not come.
void skip_past(std::string_view& text, std::string_view end) {
  const std::size_t at = text.find(end);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + end.size());
}

// <!DOCTYPE name [ … ]>: the brackets may hold declarations with '>' of their own, and quotes any character.
void skip_doctype(std::string_view& text) {
  int brackets = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[') {
      ++brackets;
    } else if (c == ']') {
      --brackets;
    } else if (c == '>' && brackets <= 0) {
      text.remove_prefix(i + 1);
      return;
    }
  }
  text = {};
}

// pugixml knows UTF-8, UTF-16, UTF-32 and Latin-1 by itself; Windows' Western code page agrees with the latter in all
// printable characters of Latin-1.
pugi::xml_encoding encoding_of(std::string_view content) {
  const std::string declaration = lower_case(content.substr(0, std::min(content.find('>'), std::size_t{200})));
  const bool western = declaration.starts_with("<?xml") && (declaration.find("windows-1252") != std::string::npos ||
                                                            declaration.find("cp1252") != std::string::npos ||
                                                            declaration.find("iso-8859-15") != std::string::npos);
  return western ? pugi::encoding_latin1 : pugi::encoding_auto;
}

}  // namespace

std::string xml_root(std::string_view content) {
  const std::string beginning = narrow_beginning(content);
  std::string_view text = beginning;
  for (;;) {
    text = trimmed(text);
    if (!text.starts_with('<')) return {};
    if (text.starts_with("<?")) {
      skip_past(text, "?>");
    } else if (text.starts_with("<!--")) {
      skip_past(text, "-->");
    } else if (text.starts_with("<!")) {
      skip_doctype(text);
    } else {
      const std::string_view name = text.substr(1, text.find_first_of(" \t\r\n/>") - 1);
      const bool plausible = !name.empty() && printable(name) == name && name.find('<') == std::string_view::npos;
      return plausible ? std::string(local_name(name)) : std::string();
    }
  }
}

XmlFormat xml_format(std::string_view content, const std::string& source) {
  const std::string root = xml_root(content);
  if (root == "RestingECG") return XmlFormat::kMuse;
  if (root == "AnnotatedECG") return XmlFormat::kAecg;
  if (root == "restingecgdata")
    fail(
        "{}: Philips Sierra XML is not read: the compression of its waveforms is not published, and no library at hand "
        "knows it; export the recording as HL7 aECG, DICOM or SCP-ECG",
        source);
  fail(
      "{}: XML of an unknown kind, with the root element '{}'; GE MUSE (RestingECG) and HL7 aECG (AnnotatedECG) are "
      "read",
      source, shown(root));
}

pugi::xml_node parse_xml(std::string_view content, const char* root, const std::string& source,
                         pugi::xml_document& document) {
  if (content.size() > kMaxXmlBytes)
    fail("{}: {} bytes of XML are more than an ECG has (limit {})", source, content.size(), kMaxXmlBytes);
  if (std::count(content.begin(), content.end(), '<') > kMaxTags)
    fail("{}: more than {} XML tags: this is no ECG", source, kMaxTags);
  const pugi::xml_parse_result result =
      document.load_buffer(content.data(), content.size(), pugi::parse_default, encoding_of(content));
  if (!result)
    fail("{}: not well-formed XML near byte {}: {}; is the file complete?", source, result.offset,
         result.description());
  const pugi::xml_node element = document.document_element();
  if (local_name(element.name()) != root)
    fail("{}: the root element is '{}' where '{}' is expected", source, shown(element.name()), root);
  return element;
}

std::string_view local_name(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node xml_child(pugi::xml_node node, std::string_view name) {
  for (pugi::xml_node child = node.first_child(); child; child = child.next_sibling())
    if (child.type() == pugi::node_element && local_name(child.name()) == name) return child;
  return {};
}

pugi::xml_node xml_path(pugi::xml_node node, std::initializer_list<std::string_view> path) {
  for (const std::string_view name : path) node = xml_child(node, name);
  return node;
}

std::string xml_text(pugi::xml_node node) {
  std::string text;
  for (pugi::xml_node child = node.first_child(); child; child = child.next_sibling())
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) text += child.value();
  return std::string(trimmed(text));
}

std::string xml_text(pugi::xml_node node, std::string_view child) {
  return xml_text(xml_child(node, child));
}

std::string xml_attribute(pugi::xml_node node, std::string_view name) {
  for (const pugi::xml_attribute attribute : node.attributes())
    if (local_name(attribute.name()) == name) return std::string(trimmed(attribute.value()));
  return {};
}

std::optional<double> parse_decimal(std::string_view text) {
  if (text.starts_with('+') && !text.substr(1).starts_with('-')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace deri
