#pragma once
// GPT-2's tokenizer: byte-pair encoding (Sennrich et al. 2016) over bytes (Radford et al. 2019). Any text can be
// written, none is ever unknown, and decoding gives its bytes back. Learning a vocabulary: byte_level_bpe_trainer.hpp.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace deri {

// Bytes in the notation of vocabulary files, where each byte is one visible character: the printable ones of Latin-1
// stand for themselves, the other 68 are U+0100 and what follows it (a blank is "Ġ").
std::string byte_letters(std::string_view bytes);

// The 256 letters in the order in which GPT-2 numbers them, which is that of their code points.
std::vector<std::string> byte_alphabet();

// GPT-2's words, whose pieces are never joined across their borders: the matches of
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// in order. Together they are `text`, which they point into. A byte that belongs to no valid UTF-8 sequence counts as
// a character of the fourth kind.
std::vector<std::string_view> byte_level_words(std::string_view text);

// Whether encode() takes "[PAD]" in a text for the special token or for five ordinary characters. Text that people
// wrote is ordinary: nobody should end a sequence by writing <|endoftext|>.
enum class SpecialsInText { kOrdinary, kMatched };

enum class SpecialsInOutput { kKept, kSkipped };

class ByteLevelBpe {
 public:
  struct Merge {  // in the letters of vocabulary files
    std::string left, right;
  };

  // Token i has id i; of two merges that could be made, the earlier one is. A token that is no letter and that no merge
  // makes is special; it must stand in [ ] or < >, as [PAD] and <|endoftext|> do, so that a list of merges that was cut
  // off is noticed. Throws Error (naming `name`) when one of the 256 letters is missing, a token is empty or repeated,
  // or a merge is repeated or names a token that is not there.
  ByteLevelBpe(std::vector<std::string> tokens, const std::vector<Merge>& merges, const std::string& name);

  // A HuggingFace folder: vocab.json, merges.txt and, where there is one, added_tokens.json; without vocab.json,
  // tokenizer.json. Throws Error naming the file, and the line or token, when they cannot be read or do not fit.
  static ByteLevelBpe load(const std::filesystem::path& folder);
  // The same from the files' contents. vocab.json is an object {token: id} with the ids 0 to n-1; merges.txt has two
  // tokens a line, parted by one blank, the first line may be "#version: …"; line breaks LF or CRLF.
  static ByteLevelBpe parse(std::string_view vocab_json, std::string_view merges_txt, const std::string& vocab_name,
                            const std::string& merges_name);
  // Refuses settings that would make it another tokenizer than GPT-2's (add_prefix_space, byte_fallback, …).
  static ByteLevelBpe parse_tokenizer_json(std::string_view text, const std::string& name);
  // Writes vocab.json (special tokens too) and merges.txt into a folder that exists. load() gives the same tokenizer.
  void save(const std::filesystem::path& folder) const;

  // The id of a special token, which is appended if it is not there yet. Throws Error if it is an ordinary token of the
  // vocabulary, does not stand in [ ] or < >, or is not valid UTF-8.
  std::int32_t add_special(std::string_view token);

  std::size_t size() const { return tokens_.size(); }
  // As in vocab.json: ordinary tokens in letters, special ones as they are.
  const std::vector<std::string>& tokens() const { return tokens_; }
  // The id of a token so written, or -1.
  std::int32_t id(std::string_view token) const;
  // False for what is no id.
  bool is_special(std::int32_t id) const;

  // Nothing is added before or after the text.
  std::vector<std::int32_t> encode(std::string_view text, SpecialsInText specials = SpecialsInText::kOrdinary) const;

  // The bytes the ids stand for: those of any encoded text come back as they were. Throws Error for what is no id.
  std::string decode_bytes(std::span<const std::int32_t> ids,
                           SpecialsInOutput specials = SpecialsInOutput::kKept) const;
  // The same as valid UTF-8: what can be no character (a token may be half of one) becomes U+FFFD, one for each longest
  // beginning of a character, as Unicode recommends and Python does.
  std::string decode(std::span<const std::int32_t> ids, SpecialsInOutput specials = SpecialsInOutput::kKept) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Rule {  // what becomes of a pair
    std::int32_t rank, merged;
  };
  // Where merges were read, for messages: "NAME: line 7" or "NAME: merge 7".
  struct MergesPlace {
    std::string name;
    const char* unit;
    std::size_t first;
  };
  class WordMerger;

  ByteLevelBpe(std::vector<std::string> tokens, const std::vector<Merge>& merges, const std::string& name,
               const MergesPlace& place);
  void number_tokens(const std::string& name);
  void find_letters(const std::string& name);
  void add_rules(const std::vector<Merge>& merges, const MergesPlace& place);
  void tell_specials(const std::string& name);
  void note_special(std::int32_t id);
  void add_listed_special(const std::string& token, std::uint64_t id, const std::string& name);
  void add_listed_specials(std::string_view json, const std::string& name);
  const Rule* rule(std::int32_t left, std::int32_t right) const;
  // The special token that `text` begins with, or -1.
  std::int32_t leading_special(std::string_view text) const;

  std::vector<std::string> tokens_;
  std::vector<std::string> bytes_;  // what each token decodes to
  std::vector<bool> special_;
  std::set<std::size_t, std::greater<>> special_lengths_;  // bytes, longest first: the longest that fits is taken
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
  std::array<std::int32_t, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Rule> rules_;  // by pair_key()
  std::vector<std::array<std::int32_t, 2>> merges_;
};

}  // namespace deri
