#include "deri/text/wordpiece.hpp"

#include <algorithm>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"

namespace deri {
namespace {

constexpr std::string_view kContinuation = "##";
constexpr std::uint64_t kMaxVocabularyBytes = std::uint64_t{64} << 20;

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

}  // namespace

bool WordPiece::Pieces::add(std::string_view text, std::int32_t id) {
  longest = std::max(longest, text.size());
  return ids.emplace(text, id).second;
}

std::int32_t WordPiece::Pieces::find(std::string_view text) const {
  const auto found = ids.find(text);
  return found == ids.end() ? -1 : found->second;
}

std::pair<std::int32_t, std::size_t> WordPiece::Pieces::longest_prefix(std::string_view text) const {
  for (auto length = std::min(text.size(), longest); length > 0; --length) {
    if (length < text.size() && !begins_character(text[length])) continue;
    const auto id = find(text.substr(0, length));
    if (id >= 0) return {id, length};
  }
  return {-1, 0};
}

WordPiece::WordPiece(std::vector<std::string> tokens, const std::string& name) : tokens_(std::move(tokens)) {
  if (tokens_.empty()) fail("{}: the vocabulary is empty; it needs one token a line", name);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view token = tokens_[i];
    const auto id = static_cast<std::int32_t>(i);
    if (token.empty()) fail("{}: line {} is empty; a vocabulary has one token a line", name, i + 1);
    if (!all_.add(token, id)) {
      fail("{}: token \"{}\" is on line {} and again on line {}; remove one", name, token, all_.find(token) + 1, i + 1);
    }
    if (token.starts_with(kContinuation)) {
      continuations_.add(token.substr(kContinuation.size()), id);
    }
  }
  pad_ = required_id("[PAD]", name);
  unknown_ = required_id("[UNK]", name);
  cls_ = required_id("[CLS]", name);
  sep_ = required_id("[SEP]", name);
}

std::int32_t WordPiece::required_id(const char* token, const std::string& name) const {
  const auto found = id(token);
  if (found < 0) fail("{}: token {} is missing; is this a BERT vocabulary (vocab.txt)?", name, token);
  return found;
}

WordPiece WordPiece::load(const std::filesystem::path& vocab_txt) {
  return parse(read_file(vocab_txt, kMaxVocabularyBytes), vocab_txt.string());
}

WordPiece WordPiece::parse(std::string_view text, const std::string& name) {
  std::vector<std::string> tokens;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    tokens.emplace_back(line);
    begin = end + 1;
  }
  return WordPiece(std::move(tokens), name);
}

void WordPiece::save(const std::filesystem::path& vocab_txt) const {
  std::string text;
  for (const auto& token : tokens_) (text += token) += '\n';
  write_file_atomic(vocab_txt, text);
}

std::int32_t WordPiece::id(std::string_view token) const {
  return all_.find(token);
}

void WordPiece::append_pieces(std::string_view word, std::vector<std::int32_t>& ids) const {
  const auto characters = std::count_if(word.begin(), word.end(), begins_character);
  if (static_cast<std::size_t>(characters) > kMaxWordCharacters) {
    ids.push_back(unknown_);
    return;
  }
  const auto before = ids.size();
  for (std::size_t at = 0; at < word.size();) {
    const auto& pieces = at == 0 ? all_ : continuations_;
    const auto [id, length] = pieces.longest_prefix(word.substr(at));
    if (id < 0) {
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(id);
    at += length;
  }
}

std::vector<std::int32_t> WordPiece::tokenize(std::string_view text) const {
  std::vector<std::int32_t> ids;
  for (const auto& word : basic_tokenize(text)) append_pieces(word, ids);
  return ids;
}

std::vector<std::int32_t> WordPiece::encode(std::string_view text, std::size_t max_tokens) const {
  if (max_tokens < 2) {
    fail("a text of at most {} tokens has no room for [CLS] and [SEP]; allow at least 2", max_tokens);
  }
  auto ids = tokenize(text);
  ids.resize(std::min(ids.size(), max_tokens - 2));
  ids.insert(ids.begin(), cls_);
  ids.push_back(sep_);
  return ids;
}

}  // namespace deri
