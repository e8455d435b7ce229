#include "deri/text/report.hpp"

#include <algorithm>

#include "deri/text/unicode.hpp"

namespace deri {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string_view strip(std::string_view text, std::string_view characters) {
  const auto first = text.find_first_not_of(characters);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(characters) - first + 1);
}

std::vector<std::u32string> words_of(std::u32string_view text) {
  std::vector<std::u32string> words;
  for (auto at = text.begin(); at != text.end();) {
    const auto first = std::find_if_not(at, text.end(), is_white_space);
    at = std::find_if(first, text.end(), is_white_space);
    if (first != at) words.emplace_back(first, at);
  }
  return words;
}

}  // namespace

std::string clean_machine_report(const std::vector<std::string>& lines) {
  std::string joined;
  for (const auto& line : lines) {
    if (line.empty()) continue;
    if (!joined.empty()) joined += ". ";
    joined += line;
  }
  replace_all(joined, "EKG", "ECG");
  replace_all(joined, "ekg", "ecg");
  auto text = to_lower(decode_utf8(strip(strip(joined, " *"), "=-")));
  if (std::all_of(text.begin(), text.end(), is_white_space)) return std::string(kEmptyReport);
  const auto breaks_line = [](char32_t c) { return c == '\n' || c == '\r' || c == '\t'; };
  std::replace_if(text.begin(), text.end(), breaks_line, U' ');
  return encode_utf8(text) + ".";
}

std::string clean_report(std::string_view text) {
  std::string cleaned;
  for (const auto& word : words_of(to_lower(decode_utf8(text)))) {
    if (!cleaned.empty()) cleaned += ' ';
    cleaned += encode_utf8(word);
  }
  if (!cleaned.empty() && cleaned.back() != '.') cleaned += '.';
  return cleaned;
}

std::size_t count_words(std::string_view text) {
  if (text == kEmptyReport) return 0;
  const auto words = words_of(decode_utf8(text));
  const bool lone_stop = !words.empty() && words.back() == U".";
  return words.size() - (lone_stop ? 1 : 0);
}

}  // namespace deri
