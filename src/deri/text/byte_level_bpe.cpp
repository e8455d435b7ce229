#include "deri/text/byte_level_bpe.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>

#include <utf8proc.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/json.hpp"
#include "deri/base/strings.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{32} << 20;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

// ---- Letters for bytes

constexpr char32_t kFirstSubstitute = 0x100;

constexpr bool is_its_own_letter(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> kLetters = [] {
  std::array<char32_t, 256> letters{};
  char32_t substitute = kFirstSubstitute;
  for (unsigned byte = 0; byte < 256; ++byte) letters[byte] = is_its_own_letter(byte) ? byte : substitute++;
  return letters;
}();

constexpr auto kBytes = [] {
  std::array<int, kFirstSubstitute + 68> bytes{};
  bytes.fill(-1);
  for (int byte = 0; byte < 256; ++byte) bytes[kLetters[static_cast<std::size_t>(byte)]] = byte;
  return bytes;
}();

// The bytes that a token's letters stand for, or none if it holds another character.
std::string bytes_of_letters(std::string_view token) {
  std::string bytes;
  for (const char32_t letter : decode_utf8(token)) {
    if (letter >= kBytes.size() || kBytes[letter] < 0) return {};
    bytes.push_back(static_cast<char>(kBytes[letter]));
  }
  return bytes;
}

// ---- UTF-8

struct Sequence {
  std::size_t length;  // of the character, or of the longest beginning of one; at least 1
  bool is_whole;
};

Sequence leading_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range leaves out what has a shorter spelling, surrogates and what lies beyond U+10FFFF.
  const unsigned least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (text.size() < 2 || byte(1) < least || byte(1) > most) return {1, false};
  for (std::size_t i = 2; i < length; ++i) {
    if (i >= text.size() || (byte(i) & 0xC0) != 0x80) return {i, false};
  }
  return {length, true};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto [length, is_whole] = leading_sequence(text);
    if (!is_whole) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string repaired_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto [length, is_whole] = leading_sequence(bytes);
    if (is_whole) {
      text += bytes.substr(0, length);
    } else {
      append_utf8(kReplacementCharacter, text);
    }
    bytes.remove_prefix(length);
  }
  return text;
}

// ---- Words

enum class Kind { kLetter, kNumber, kSpace, kOther };

struct Character {
  Kind kind;
  std::size_t length;  // bytes
};

Kind kind_of_ascii(unsigned char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Kind::kLetter;
  if (c >= '0' && c <= '9') return Kind::kNumber;
  return c == ' ' || (c >= '\t' && c <= '\r') ? Kind::kSpace : Kind::kOther;
}

Kind kind_of(char32_t c) {
  if (is_white_space(c)) return Kind::kSpace;  // beyond ASCII the same as Unicode's White_Space
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return Kind::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return Kind::kNumber;
    default:
      return Kind::kOther;
  }
}

Character leading_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return {kind_of_ascii(first), 1};
  const auto [length, is_whole] = leading_sequence(text);
  if (!is_whole) return {Kind::kOther, 1};
  return {kind_of(decode_utf8(text.substr(0, length)).front()), length};
}

// The length of the ending ('s, 'll …) that `text` begins with, or 0.
std::size_t ending_length(std::string_view text) {
  if (text.front() != '\'') return 0;
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(ending)) return ending.size();
  }
  return 0;
}

// Where the characters of one kind end that stand from `begin` on.
std::size_t run_end(std::string_view text, std::size_t begin, Kind kind) {
  while (begin < text.size()) {
    const auto next = leading_character(text.substr(begin));
    if (next.kind != kind) break;
    begin += next.length;
  }
  return begin;
}

// White space, but for its last character when a word follows: a blank belongs to that.
std::size_t white_space_length(std::string_view text) {
  std::size_t end = 0, last = 0;
  while (end < text.size()) {
    const auto next = leading_character(text.substr(end));
    if (next.kind != Kind::kSpace) break;
    last = end;
    end += next.length;
  }
  return end == text.size() || last == 0 ? end : last;
}

std::size_t leading_word_length(std::string_view text) {
  if (const auto ending = ending_length(text)) return ending;
  const std::size_t begin = text.front() == ' ' && text.size() > 1 ? 1 : 0;
  const auto kind = leading_character(text.substr(begin)).kind;
  return kind == Kind::kSpace ? white_space_length(text) : run_end(text, begin, kind);
}

// ---- Files

// Plain JSON with sorted keys: looking a key up in deri::Json takes as long as there are keys, and here are 50,000.
using Tree = nlohmann::json;

Tree parse_tree(std::string_view text, const std::string& name) {
  try {
    return Tree::parse(text);
  } catch (const nlohmann::json::exception& error) {
    fail("{}: not valid JSON: {}", name, error.what());
  }
}

const Tree& member(const Tree& object, const char* key) {
  static const Tree kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::uint64_t checked_id(const Tree& value, std::string_view token, const std::string& name) {
  if (!value.is_number_unsigned()) {
    fail("{}: token \"{}\" has no id; it needs a whole number from 0 on", name, shown(token));
  }
  return value.get<std::uint64_t>();
}

std::vector<std::string> tokens_by_id(const Tree& vocabulary, const std::string& name) {
  if (!vocabulary.is_object()) fail("{}: is no vocabulary; it must be an object {{token: id}}", name);
  std::vector<std::string> tokens(vocabulary.size());
  std::vector<bool> taken(tokens.size());
  for (const auto& [token, value] : vocabulary.items()) {
    const auto id = checked_id(value, token, name);
    if (id >= tokens.size()) {
      fail("{}: token \"{}\" has id {}, but {} tokens must have the ids 0 to {}", name, shown(token), id, tokens.size(),
           tokens.size() - 1);
    }
    if (taken[id]) {
      fail("{}: tokens \"{}\" and \"{}\" both have id {}", name, shown(tokens[id]), shown(token), id);
    }
    tokens[id] = token;
    taken[id] = true;
  }
  return tokens;
}

// The two parts of "left right", or two empty ones.
ByteLevelBpe::Merge parts_of_merge(std::string_view text) {
  const auto blank = text.find(' ');
  if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) return {};
  return {std::string(text.substr(0, blank)), std::string(text.substr(blank + 1))};
}

bool has_version_line(std::string_view merges_txt) {
  return merges_txt.starts_with("#version");
}

std::vector<ByteLevelBpe::Merge> merges_of_text(std::string_view text, const std::string& name) {
  std::vector<ByteLevelBpe::Merge> merges;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    if (++number == 1 && has_version_line(line)) continue;
    auto merge = parts_of_merge(line);
    if (merge.left.empty() || merge.right.empty()) {
      fail("{}: line {}: \"{}\" is no merge; a line has two tokens with one blank between them", name, number,
           shown(line));
    }
    merges.push_back(std::move(merge));
  }
  return merges;
}

// tokenizer.json has written merges in two ways: "left right" and, lately, ["left", "right"].
ByteLevelBpe::Merge merge_of_tree(const Tree& value) {
  if (value.is_string()) return parts_of_merge(value.get_ref<const std::string&>());
  if (!value.is_array() || value.size() != 2 || !value[0].is_string() || !value[1].is_string()) return {};
  return {value[0].get<std::string>(), value[1].get<std::string>()};
}

std::vector<ByteLevelBpe::Merge> merges_of_tree(const Tree& list, const std::string& name) {
  if (!list.is_array()) fail("{}: model.merges is missing; it must be a list", name);
  std::vector<ByteLevelBpe::Merge> merges;
  merges.reserve(list.size());
  for (const auto& value : list) {
    auto merge = merge_of_tree(value);
    if (merge.left.empty() || merge.right.empty()) {
      fail("{}: merge {} does not have two parts; is the file whole?", name, merges.size() + 1);
    }
    merges.push_back(std::move(merge));
  }
  return merges;
}

bool is_off(const Tree& value) {
  return value.is_null() || value == false || (value.is_string() && value.get_ref<const std::string&>().empty());
}

void refuse_unless(bool condition, const std::string& name, std::string_view setting) {
  if (!condition) {
    fail("{}: {} is not as GPT-2 has it; only byte-level BPE tokenizers without extras can be used", name, setting);
  }
}

void check_is_gpt2_like(const Tree& root, const std::string& name) {
  const auto& model = member(root, "model");
  const auto& type = member(model, "type");
  refuse_unless(model.is_object() && (type.is_null() || type == "BPE"), name, "model.type");
  for (const auto* key :
       {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"}) {
    refuse_unless(is_off(member(model, key)), name, key);
  }
  refuse_unless(is_off(member(root, "normalizer")), name, "normalizer");
  const auto& words = member(root, "pre_tokenizer");
  refuse_unless(member(words, "type") == "ByteLevel", name, "pre_tokenizer.type");
  refuse_unless(is_off(member(words, "add_prefix_space")), name, "pre_tokenizer.add_prefix_space");
  refuse_unless(member(words, "use_regex") != false, name, "pre_tokenizer.use_regex");
}

// ---- Special tokens

constexpr std::string_view kOpeners = "[<";

bool is_bracketed(std::string_view token) {
  if (token.size() < 3) return false;
  return (token.front() == '[' && token.back() == ']') || (token.front() == '<' && token.back() == '>');
}

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

std::string byte_letters(std::string_view bytes) {
  std::string letters;
  for (const char byte : bytes) append_utf8(kLetters[static_cast<unsigned char>(byte)], letters);
  return letters;
}

std::vector<std::string> byte_alphabet() {
  auto letters = kLetters;
  std::sort(letters.begin(), letters.end());
  std::vector<std::string> alphabet;
  for (const char32_t letter : letters) alphabet.push_back(encode_utf8(std::u32string_view(&letter, 1)));
  return alphabet;
}

std::vector<std::string_view> byte_level_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto length = leading_word_length(text);
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

// Joins the pieces of one word after another: round by round, the pair of lowest rank, everywhere and from left to
// right, until no pair has a rank. The pieces are a linked list and the pairs wait in a queue, so a word of n bytes
// takes O(n log n): texts may hold a word of any length.
class ByteLevelBpe::WordMerger {
 public:
  explicit WordMerger(const ByteLevelBpe& owner) : owner_(owner) {}

  void append_ids(std::string_view word, std::vector<std::int32_t>& ids) {
    spell(word);
    while (!queue_.empty()) merge_lowest_rank();
    for (std::size_t at = 0; at != kNone; at = pieces_[at].next) ids.push_back(pieces_[at].id);
  }

 private:
  struct Piece {
    std::int32_t id;  // -1: joined to the piece before it
    std::size_t previous, next;
  };
  // A pair that began at piece `at` when it was queued; it may be gone since.
  struct Candidate {
    std::int32_t rank;
    std::size_t at;
    std::int32_t left, right, merged;
    bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
  };

  void spell(std::string_view word) {
    pieces_.clear();
    for (std::size_t i = 0; i < word.size(); ++i) {
      const auto byte = static_cast<unsigned char>(word[i]);
      pieces_.push_back({owner_.byte_ids_[byte], i == 0 ? kNone : i - 1, i + 1 < word.size() ? i + 1 : kNone});
    }
    for (std::size_t i = 0; i + 1 < pieces_.size(); ++i) propose(i);
  }

  void propose(std::size_t at) {
    if (at == kNone || pieces_[at].next == kNone) return;
    const auto left = pieces_[at].id, right = pieces_[pieces_[at].next].id;
    if (const auto* rule = owner_.rule(left, right)) queue_.push({rule->rank, at, left, right, rule->merged});
  }

  bool still_there(const Candidate& pair) const {
    const auto& left = pieces_[pair.at];
    return left.id == pair.left && left.next != kNone && pieces_[left.next].id == pair.right;
  }

  // New pairs are proposed after the round: one of them may have a lower rank and must not take a piece from it.
  void merge_lowest_rank() {
    const auto rank = queue_.top().rank;
    merged_.clear();
    for (; !queue_.empty() && queue_.top().rank == rank; queue_.pop()) {
      const auto& pair = queue_.top();
      if (!still_there(pair)) continue;
      join(pair.at, pair.merged);
      merged_.push_back(pair.at);
    }
    for (const auto at : merged_) {
      propose(pieces_[at].previous);
      propose(at);
    }
  }

  void join(std::size_t at, std::int32_t id) {
    auto& left = pieces_[at];
    auto& right = pieces_[left.next];
    right.id = -1;
    left.id = id;
    left.next = right.next;
    if (left.next != kNone) pieces_[left.next].previous = at;
  }

  const ByteLevelBpe& owner_;
  std::vector<Piece> pieces_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
  std::vector<std::size_t> merged_;
};

ByteLevelBpe::ByteLevelBpe(std::vector<std::string> tokens, const std::vector<Merge>& merges, const std::string& name)
    : ByteLevelBpe(std::move(tokens), merges, name, {name, "merge", 1}) {}

ByteLevelBpe::ByteLevelBpe(std::vector<std::string> tokens, const std::vector<Merge>& merges, const std::string& name,
                           const MergesPlace& place)
    : tokens_(std::move(tokens)) {
  number_tokens(name);
  find_letters(name);
  add_rules(merges, place);
  tell_specials(name);
}

void ByteLevelBpe::number_tokens(const std::string& name) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].empty()) fail("{}: the token of id {} is empty", name, i);
    const auto [at, is_new] = ids_.emplace(tokens_[i], static_cast<std::int32_t>(i));
    if (!is_new) fail("{}: token \"{}\" has the ids {} and {}", name, shown(tokens_[i]), at->second, i);
  }
}

void ByteLevelBpe::find_letters(const std::string& name) {
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const auto letter = encode_utf8(std::u32string_view(&kLetters[byte], 1));
    byte_ids_[byte] = id(letter);
    if (byte_ids_[byte] < 0) {
      fail("{}: token \"{}\" for the byte 0x{:02X} is missing; is this a vocabulary of byte-level BPE?", name, letter,
           byte);
    }
  }
}

void ByteLevelBpe::add_rules(const std::vector<Merge>& merges, const MergesPlace& place) {
  rules_.reserve(merges.size());
  merges_.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto known_id = [&](const std::string& token) {
      const auto found = id(token);
      if (found < 0) {
        fail("{}: {} {}: token \"{}\" is not in the vocabulary; do the files belong together?", place.name, place.unit,
             i + place.first, shown(token));
      }
      return found;
    };
    const auto left = known_id(merges[i].left), right = known_id(merges[i].right);
    const auto merged = known_id(merges[i].left + merges[i].right);
    if (!rules_.emplace(pair_key(left, right), Rule{static_cast<std::int32_t>(i), merged}).second) {
      fail("{}: {} {}: \"{} {}\" appears for the second time; remove it", place.name, place.unit, i + place.first,
           shown(merges[i].left), shown(merges[i].right));
    }
    merges_.push_back({left, right});
  }
}

void ByteLevelBpe::tell_specials(const std::string& name) {
  std::vector<bool> is_made(tokens_.size());
  for (const auto id : byte_ids_) is_made[id] = true;
  for (const auto& [pair, rule] : rules_) is_made[rule.merged] = true;
  bytes_.resize(tokens_.size());
  special_.resize(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (!is_made[i]) {
      if (!is_bracketed(tokens_[i]) || !is_utf8(tokens_[i])) {
        fail(
            "{}: token \"{}\" (id {}) is made by no merge and does not stand in [ ] or < > as special tokens do; are "
            "the merges complete?",
            name, shown(tokens_[i]), i);
      }
      note_special(static_cast<std::int32_t>(i));
      continue;
    }
    bytes_[i] = bytes_of_letters(tokens_[i]);
    if (bytes_[i].empty()) {
      fail("{}: token \"{}\" (id {}) holds a character that stands for no byte", name, shown(tokens_[i]), i);
    }
  }
}

void ByteLevelBpe::note_special(std::int32_t id) {
  bytes_[id] = tokens_[id];
  special_[id] = true;
  special_lengths_.insert(tokens_[id].size());
}

std::int32_t ByteLevelBpe::add_special(std::string_view token) {
  const auto known = id(token);
  if (known >= 0 && special_[known]) return known;
  if (known >= 0) {
    fail("token \"{}\" is an ordinary one of the vocabulary (id {}); call the special one otherwise", shown(token),
         known);
  }
  if (!is_bracketed(token) || !is_utf8(token)) {
    fail("\"{}\" cannot be a special token; write it in [ ] or < >, like [PAD]", shown(token));
  }
  const auto added = static_cast<std::int32_t>(tokens_.size());
  tokens_.emplace_back(token);
  bytes_.emplace_back();
  special_.push_back(false);
  ids_.emplace(token, added);
  note_special(added);
  return added;
}

// A token of a file's list, which says its id.
void ByteLevelBpe::add_listed_special(const std::string& token, std::uint64_t id, const std::string& name) {
  const auto before = size();
  try {
    const auto found = add_special(token);
    if (static_cast<std::uint64_t>(found) == id) return;
  } catch (const Error& error) {
    fail("{}: {}", name, error.what());
  }
  fail("{}: added token \"{}\" has id {}, but the vocabulary {} {}", name, shown(token), id,
       before < size() ? "goes on with" : "has it as", before < size() ? before : this->id(token));
}

ByteLevelBpe ByteLevelBpe::parse(std::string_view vocab_json, std::string_view merges_txt,
                                 const std::string& vocab_name, const std::string& merges_name) {
  const auto merges = merges_of_text(merges_txt, merges_name);
  const std::size_t first_line = has_version_line(merges_txt) ? 2 : 1;
  return ByteLevelBpe(tokens_by_id(parse_tree(vocab_json, vocab_name), vocab_name), merges, vocab_name,
                      {merges_name, "line", first_line});
}

ByteLevelBpe ByteLevelBpe::parse_tokenizer_json(std::string_view text, const std::string& name) {
  const auto root = parse_tree(text, name);
  check_is_gpt2_like(root, name);
  const auto& model = member(root, "model");
  ByteLevelBpe tokenizer(tokens_by_id(member(model, "vocab"), name), merges_of_tree(member(model, "merges"), name),
                         name);
  for (const auto& added : member(root, "added_tokens")) {
    const auto& content = member(added, "content");
    if (!content.is_string()) fail("{}: an added token has no content; it needs a string", name);
    const auto& token = content.get_ref<const std::string&>();
    for (const auto* key : {"lstrip", "rstrip", "single_word"}) {
      refuse_unless(is_off(member(added, key)), name, fmt::format("added token \"{}\" {}", shown(token), key));
    }
    refuse_unless(member(added, "special") != false, name, fmt::format("added token \"{}\" special", shown(token)));
    tokenizer.add_listed_special(token, checked_id(member(added, "id"), token, name), name);
  }
  return tokenizer;
}

void ByteLevelBpe::add_listed_specials(std::string_view json, const std::string& name) {
  const auto tree = parse_tree(json, name);
  if (!tree.is_object()) fail("{}: is no list of tokens; it must be an object {{token: id}}", name);
  std::vector<std::pair<std::uint64_t, std::string>> listed;
  for (const auto& [token, value] : tree.items()) listed.emplace_back(checked_id(value, token, name), token);
  std::sort(listed.begin(), listed.end());
  for (const auto& [id, token] : listed) add_listed_special(token, id, name);
}

ByteLevelBpe ByteLevelBpe::load(const std::filesystem::path& folder) {
  const auto vocab = folder / "vocab.json", merges = folder / "merges.txt";
  const auto added = folder / "added_tokens.json", whole = folder / "tokenizer.json";
  const auto content = [](const std::filesystem::path& path) { return read_file(path, kMaxFileBytes); };
  std::error_code ignored;
  if (!exists(vocab, ignored) && exists(whole, ignored)) return parse_tokenizer_json(content(whole), whole.string());
  const auto vocab_text = content(vocab);
  auto tokenizer = parse(vocab_text, content(merges), vocab.string(), merges.string());
  if (exists(added, ignored)) tokenizer.add_listed_specials(content(added), added.string());
  return tokenizer;
}

void ByteLevelBpe::save(const std::filesystem::path& folder) const {
  std::string vocab = "{", merges = "#version: 0.2\n";
  for (std::size_t i = 0; i < size(); ++i) {
    vocab += fmt::format("{}{}: {}", i == 0 ? "" : ", ", Tree(tokens_[i]).dump(), i);
  }
  for (const auto& [left, right] : merges_) merges += fmt::format("{} {}\n", tokens_[left], tokens_[right]);
  write_file_atomic(folder / "vocab.json", vocab + "}\n");
  write_file_atomic(folder / "merges.txt", merges);
}

std::int32_t ByteLevelBpe::id(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

bool ByteLevelBpe::is_special(std::int32_t id) const {
  return id >= 0 && static_cast<std::size_t>(id) < size() && special_[id];
}

const ByteLevelBpe::Rule* ByteLevelBpe::rule(std::int32_t left, std::int32_t right) const {
  const auto found = rules_.find(pair_key(left, right));
  return found == rules_.end() ? nullptr : &found->second;
}

std::int32_t ByteLevelBpe::leading_special(std::string_view text) const {
  for (const auto length : special_lengths_) {
    if (length > text.size()) continue;
    const auto found = id(text.substr(0, length));
    if (is_special(found)) return found;
  }
  return -1;
}

std::vector<std::int32_t> ByteLevelBpe::encode(std::string_view text, SpecialsInText specials) const {
  std::vector<std::int32_t> ids;
  WordMerger merger(*this);
  const auto append_words = [&](std::string_view part) {
    for (const auto word : byte_level_words(part)) merger.append_ids(word, ids);
  };
  if (specials == SpecialsInText::kOrdinary) {
    append_words(text);
    return ids;
  }
  std::size_t ordinary = 0;  // where the text begins that is not encoded yet
  for (auto at = text.find_first_of(kOpeners); at != std::string_view::npos;) {
    const auto special = leading_special(text.substr(at));
    if (special < 0) {
      at = text.find_first_of(kOpeners, at + 1);
      continue;
    }
    append_words(text.substr(ordinary, at - ordinary));
    ids.push_back(special);
    ordinary = at + tokens_[special].size();
    at = text.find_first_of(kOpeners, ordinary);
  }
  append_words(text.substr(ordinary));
  return ids;
}

std::string ByteLevelBpe::decode_bytes(std::span<const std::int32_t> ids, SpecialsInOutput specials) const {
  std::string bytes;
  for (const auto id : ids) {
    if (id < 0 || static_cast<std::size_t>(id) >= size()) {
      fail("token id {} is not in the vocabulary, which has {}; do model and tokenizer belong together?", id, size());
    }
    if (specials == SpecialsInOutput::kKept || !special_[id]) bytes += bytes_[id];
  }
  return bytes;
}

std::string ByteLevelBpe::decode(std::span<const std::int32_t> ids, SpecialsInOutput specials) const {
  return repaired_utf8(decode_bytes(ids, specials));
}

}  // namespace deri
