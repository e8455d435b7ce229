#pragma once
// BERT's tokenizer: basic tokenization (basic_tokenizer.hpp), then greedy longest-match-first
// WordPiece (Wu et al. 2016, as in BERT). Learning a vocabulary: wordpiece_trainer.hpp.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "deri/text/basic_tokenizer.hpp"

namespace deri {

// The longest word, in code points, that is cut into pieces; longer ones are [UNK] as a whole
// (HuggingFace's limit; Google's first implementation has 200).
inline constexpr std::size_t kMaxWordCharacters = 100;

class WordPiece {
 public:
  // Token i has id i. Throws Error (naming `name`) when [PAD], [UNK], [CLS] or [SEP] is missing, or
  // a token is empty or appears twice.
  WordPiece(std::vector<std::string> tokens, const std::string& name);

  // vocab.txt: one token a line, id = line number from 0; line breaks LF or CRLF. Throws Error if
  // the file cannot be read or is no vocabulary.
  static WordPiece load(const std::filesystem::path& vocab_txt);
  // The same from the file's content; messages begin with `name`.
  static WordPiece parse(std::string_view text, const std::string& name);
  void save(const std::filesystem::path& vocab_txt) const;

  std::size_t size() const { return tokens_.size(); }
  const std::vector<std::string>& tokens() const { return tokens_; }
  std::int32_t pad_id() const { return pad_; }
  std::int32_t unknown_id() const { return unknown_; }
  std::int32_t cls_id() const { return cls_; }
  std::int32_t sep_id() const { return sep_; }
  // The id of a token, or -1.
  std::int32_t id(std::string_view token) const;

  // Ids of the pieces of a text, without [CLS] and [SEP]. A word that cannot be put together from
  // the vocabulary's pieces is one [UNK].
  std::vector<std::int32_t> tokenize(std::string_view text) const;

  // [CLS] … [SEP], the pieces cut so that there are at most `max_tokens` ids; no padding.
  // Throws Error if max_tokens < 2.
  std::vector<std::int32_t> encode(std::string_view text, std::size_t max_tokens) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  // Ids by text, searched with views of a word.
  struct Pieces {
    std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids;
    std::size_t longest = 0;  // bytes

    bool add(std::string_view text, std::int32_t id);
    std::int32_t find(std::string_view text) const;
    // The longest piece that `text` (not empty) begins with: its id and its length, or {-1, 0}.
    std::pair<std::int32_t, std::size_t> longest_prefix(std::string_view text) const;
  };

  std::int32_t required_id(const char* token, const std::string& name) const;
  void append_pieces(std::string_view word, std::vector<std::int32_t>& ids) const;

  std::vector<std::string> tokens_;
  Pieces all_;            // every token as it is written; also what a word may begin with
  Pieces continuations_;  // the tokens "##x", under x
  std::int32_t pad_ = -1, unknown_ = -1, cls_ = -1, sep_ = -1;
};

}  // namespace deri
