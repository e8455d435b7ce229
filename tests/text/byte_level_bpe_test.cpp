#include "deri/text/byte_level_bpe.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"
#include "deri/base/random.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Ids = std::vector<std::int32_t>;
using Words = std::vector<std::string_view>;

constexpr auto kMatched = SpecialsInText::kMatched;
constexpr auto kSkipped = SpecialsInOutput::kSkipped;

// The letters have the ids 0-255; `merges` as lines of merges.txt, their tokens from 256 on.
ByteLevelBpe tokenizer_of(const std::vector<ByteLevelBpe::Merge>& merges,
                          const std::vector<std::string>& specials = {}) {
  auto tokens = byte_alphabet();
  for (const auto& [left, right] : merges) {
    if (std::ranges::find(tokens, left + right) == tokens.end()) tokens.push_back(left + right);
  }
  tokens.insert(tokens.end(), specials.begin(), specials.end());
  return ByteLevelBpe(tokens, merges, "made");
}

std::vector<std::string> pieces(const ByteLevelBpe& tokenizer, std::string_view text) {
  std::vector<std::string> out;
  for (const auto id : tokenizer.encode(text)) out.push_back(tokenizer.tokens().at(id));
  return out;
}

// vocab.json of the letters and more entries, as they are written in the file.
std::string vocab_json(const std::string& more = "") {
  std::string text = "{";
  const auto alphabet = byte_alphabet();
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    text += fmt::format("{}{}: {}", i == 0 ? "" : ", ", Json(alphabet[i]).dump(), i);
  }
  return text + more + "}";
}

ByteLevelBpe parse(const std::string& vocab, const std::string& merges) {
  return ByteLevelBpe::parse(vocab, merges, "v.json", "m.txt");
}

TEST(ByteLevelBpe, BytesHaveVisibleLetters) {
  EXPECT_EQ(byte_letters("Az~! \n\t"), "Az~!ĠĊĉ");
  EXPECT_EQ(byte_letters(std::string("\0\x20\x7F\xA0\xAD\xAE\xFF", 7)), "ĀĠġłŃ®ÿ");
  EXPECT_EQ(byte_letters("é"), "Ã©");
  const auto alphabet = byte_alphabet();
  EXPECT_EQ(std::set<std::string>(alphabet.begin(), alphabet.end()).size(), 256u);
  // GPT-2's ids: ! is 0, ~ 93, ¡ 94, ÿ 187, then the substitutes (a blank is 220).
  EXPECT_EQ(alphabet[0], "!");
  EXPECT_EQ(alphabet[93], "~");
  EXPECT_EQ(alphabet[94], "¡");
  EXPECT_EQ(alphabet[187], "ÿ");
  EXPECT_EQ(alphabet[188], "Ā");
  EXPECT_EQ(alphabet[220], "Ġ");
  EXPECT_EQ(alphabet[255], "Ń");
}

TEST(ByteLevelBpe, CutsWords) {
  EXPECT_THAT(byte_level_words(""), IsEmpty());
  EXPECT_THAT(byte_level_words("Sinus rhythm, 60/min."), ElementsAre("Sinus", " rhythm", ",", " 60", "/", "min", "."));
  EXPECT_THAT(byte_level_words("QT 0,44s Größe x²"), ElementsAre("QT", " 0", ",", "44", "s", " Größe", " x", "²"));
  EXPECT_THAT(byte_level_words("(心電図)٣Ⅷ"), ElementsAre("(", "心電図", ")", "٣Ⅷ"));
}

TEST(ByteLevelBpe, CutsEndings) {
  EXPECT_THAT(
      byte_level_words("don't he's I'm we've you're she'll I'd"),
      ElementsAre("don", "'t", " he", "'s", " I", "'m", " we", "'ve", " you", "'re", " she", "'ll", " I", "'d"));
  // Only in small letters, only at a word's border, and before longer words too.
  EXPECT_THAT(byte_level_words("DON'T 's !'s 'sinus '"),
              ElementsAre("DON", "'", "T", " '", "s", " !'", "s", " '", "sinus", " '"));
  EXPECT_THAT(byte_level_words("'sinus'l'r"), ElementsAre("'s", "inus", "'", "l", "'", "r"));
}

TEST(ByteLevelBpe, WhiteSpaceLeavesItsLastCharacterToTheWord) {
  EXPECT_THAT(byte_level_words("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(byte_level_words("a \n b\n\nc"), ElementsAre("a", " \n", " b", "\n", "\n", "c"));
  EXPECT_THAT(byte_level_words("a\tb  "), ElementsAre("a", "\t", "b", "  "));
  EXPECT_THAT(byte_level_words(" "), ElementsAre(" "));
  EXPECT_THAT(byte_level_words("a\u00A0\u3000b"), ElementsAre("a", "\u00A0", "\u3000", "b"));
  // Separators to Python's str.split, but not to \s.
  EXPECT_THAT(byte_level_words("a\x1C\x1F"
                               "b"),
              ElementsAre("a", "\x1C\x1F", "b"));
}

TEST(ByteLevelBpe, BrokenUtf8IsPunctuation) {
  EXPECT_THAT(byte_level_words("a\xFF\xC3!b"), ElementsAre("a", "\xFF\xC3!", "b"));
  EXPECT_THAT(byte_level_words(" \xED\xA0\x80 \xC3"), ElementsAre(" \xED\xA0\x80", " \xC3"));
}

TEST(ByteLevelBpe, MergesTheLowestRankFirst) {
  const auto tokenizer = tokenizer_of({{"b", "c"}, {"a", "b"}, {"a", "bc"}, {"Ġ", "abc"}});
  EXPECT_THAT(pieces(tokenizer, "abc ab abc"), ElementsAre("abc", "Ġ", "ab", "Ġabc"));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre(258));
  // Not across words.
  EXPECT_THAT(pieces(tokenizer, "a b1bc"), ElementsAre("a", "Ġ", "b", "1", "bc"));
}

TEST(ByteLevelBpe, MergesFromLeftToRight) {
  const auto tokenizer = tokenizer_of({{"a", "a"}, {"aa", "a"}});
  EXPECT_THAT(pieces(tokenizer, "aaa"), ElementsAre("aaa"));
  EXPECT_THAT(pieces(tokenizer, "aaaa"), ElementsAre("aa", "aa"));
  EXPECT_THAT(pieces(tokenizer, "aaaaa"), ElementsAre("aa", "aaa"));
}

// ab+c is merged everywhere before abc+ab, of lower rank and only then possible, is looked at.
TEST(ByteLevelBpe, ARoundIsFinishedBeforeTheNext) {
  const auto tokenizer = tokenizer_of({{"a", "b"}, {"b", "c"}, {"a", "bc"}, {"abc", "ab"}, {"ab", "c"}});
  EXPECT_THAT(pieces(tokenizer, "abcabc"), ElementsAre("abc", "abc"));
  EXPECT_THAT(pieces(tokenizer, "abcab"), ElementsAre("abcab"));
}

// What merges mean, said as simply as possible.
Ids merged_one_by_one(const std::vector<ByteLevelBpe::Merge>& merges, const ByteLevelBpe& tokenizer,
                      std::string_view word) {
  std::vector<std::string> parts;
  for (const char byte : word) parts.push_back(byte_letters(std::string_view(&byte, 1)));
  const auto rank_at = [&](std::size_t i) {
    std::size_t rank = 0;
    while (rank < merges.size() && (merges[rank].left != parts[i] || merges[rank].right != parts[i + 1])) ++rank;
    return rank;
  };
  while (true) {
    auto lowest = merges.size();
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) lowest = std::min(lowest, rank_at(i));
    if (lowest == merges.size()) break;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (rank_at(i) != lowest) continue;
      parts[i] += parts[i + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
  }
  Ids ids;
  for (const auto& part : parts) ids.push_back(tokenizer.id(part));
  return ids;
}

// Merges in any order, as no training would give them: pairs come and go while others wait.
TEST(ByteLevelBpe, EqualsMergingOneByOne) {
  Rng rng(11);
  for (int round = 0; round < 40; ++round) {
    std::vector<ByteLevelBpe::Merge> merges;
    std::vector<std::string> parts{"a", "b", "c"};
    while (merges.size() < 20) {
      const ByteLevelBpe::Merge merge{rng.pick(parts), rng.pick(parts)};
      const auto is_same = [&](const auto& other) { return other.left == merge.left && other.right == merge.right; };
      if (merge.left.size() + merge.right.size() > 6 || std::ranges::any_of(merges, is_same)) continue;
      parts.push_back(merge.left + merge.right);
      merges.push_back(merge);
    }
    rng.shuffle(merges);
    const auto tokenizer = tokenizer_of(merges);
    for (int i = 0; i < 50; ++i) {
      std::string word;
      for (auto n = rng.below(24); n > 0; --n) word += static_cast<char>('a' + rng.below(3));
      ASSERT_EQ(tokenizer.encode(word), merged_one_by_one(merges, tokenizer, word)) << word;
    }
  }
}

TEST(ByteLevelBpe, AWordOfAnyLength) {
  const auto tokenizer = tokenizer_of({{"a", "a"}, {"aa", "aa"}});
  const std::string word(1'000'001, 'a');
  const auto ids = tokenizer.encode(word);
  EXPECT_EQ(ids.size(), 250'001u);
  EXPECT_EQ(tokenizer.decode(ids), word);
  EXPECT_EQ(tokenizer.encode(std::string(300'000, ' ')).size(), 300'000u);
}

std::string random_text(Rng& rng) {
  static const std::vector<std::string> kFragments{"sinus", " rhythm", "'s",   "'", " ",     "  ", "\n", "\t", "7",
                                                   "44",    "é",       "心電", "😀", "[PAD]", "<",  "]",  ".",  "Ünder"};
  std::string text;
  for (auto n = rng.below(12); n > 0; --n) {
    if (rng.chance(0.3)) {
      auto c = static_cast<char32_t>(rng.below(rng.chance(0.5) ? 0x250 : 0x110000));
      if (c >= 0xD800 && c < 0xE000) c = U'?';
      append_utf8(c, text);
    } else {
      text += rng.pick(kFragments);
    }
  }
  return text;
}

TEST(ByteLevelBpe, EveryTextComesBack) {
  auto tokenizer =
      tokenizer_of({{"Ġ", "r"}, {"s", "i"}, {"Ã", "©"}, {"n", "u"}, {"nu", "s"}, {"si", "nus"}}, {"[PAD]"});
  Rng rng(5);
  for (int i = 0; i < 2000; ++i) {
    const auto text = random_text(rng);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, kMatched)), text);
    std::string words;
    for (const auto word : byte_level_words(text)) {
      EXPECT_FALSE(word.empty());
      words += word;
    }
    EXPECT_EQ(words, text);
  }
}

TEST(ByteLevelBpe, EveryByteStringComesBackAsBytes) {
  const auto tokenizer = tokenizer_of({{"ÿ", "ÿ"}, {"Ã", "©"}, {"Ġ", "ÿ"}});
  Rng rng(6);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (auto n = rng.below(30); n > 0; --n) bytes += static_cast<char>(rng.chance(0.3) ? 0xFF : rng.below(256));
    const auto ids = tokenizer.encode(bytes, kMatched);
    EXPECT_EQ(tokenizer.decode_bytes(ids), bytes);
    const auto text = tokenizer.decode(ids);
    EXPECT_EQ(encode_utf8(decode_utf8(text)), text);  // valid
  }
}

// Expected: Python's bytes.decode("utf-8", errors="replace").
TEST(ByteLevelBpe, HalfCharactersBecomeReplacements) {
  const auto tokenizer = tokenizer_of({});
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a\xC3", "a\uFFFD"},
      {"\xF0\x9F\x98", "\uFFFD"},
      {"\xF0\x9F\x98x", "\uFFFDx"},
      {"\xF0\x9F\x98\x80", "😀"},
      {"\xE2\x82\xE2\x82\xAC", "\uFFFD€"},
      {"\x80\xBF", "\uFFFD\uFFFD"},
      {"\xC0\xAF", "\uFFFD\uFFFD"},
      {"\xE0\x80\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xF5\xFF", "\uFFFD\uFFFD"},
      {"\xEF\xBF\xBF", "\uFFFF"},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(bytes)), text) << byte_letters(bytes);
  }
}

TEST(ByteLevelBpe, SpecialTokensAreMatchedOnlyWhenAllowed) {
  const auto tokenizer = tokenizer_of({{"a", "b"}}, {"[PAD]", "<|endoftext|>", "[PAD][PAD]"});
  const auto pad = tokenizer.id("[PAD]"), end = tokenizer.id("<|endoftext|>"), two = tokenizer.id("[PAD][PAD]");
  EXPECT_EQ(pad, 257);
  EXPECT_TRUE(tokenizer.is_special(pad));
  EXPECT_FALSE(tokenizer.is_special(256));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.is_special(260));

  EXPECT_THAT(tokenizer.encode("ab[PAD]"), Not(::testing::Contains(pad)));
  EXPECT_EQ(tokenizer.encode("ab[PAD]").size(), 6u);
  EXPECT_THAT(tokenizer.encode("ab[PAD]", kMatched), ElementsAre(256, pad));
  EXPECT_THAT(tokenizer.encode("[PAD]ab<|endoftext|>ab", kMatched), ElementsAre(pad, 256, end, 256));
  // The first, and of those the longest; blanks beside it are text.
  EXPECT_THAT(tokenizer.encode("[PAD][PAD][PAD]", kMatched), ElementsAre(two, pad));
  EXPECT_THAT(tokenizer.encode("[[PAD]", kMatched), ElementsAre(tokenizer.id("["), pad));
  EXPECT_THAT(tokenizer.encode("[PAD] [PAD", kMatched).size(), 6u);
  EXPECT_THAT(tokenizer.encode(" [PAD] ", kMatched), ElementsAre(220, pad, 220));

  const auto ids = tokenizer.encode("ab[PAD] ab<|endoftext|>", kMatched);
  EXPECT_EQ(tokenizer.decode(ids), "ab[PAD] ab<|endoftext|>");
  EXPECT_EQ(tokenizer.decode(ids, kSkipped), "ab ab");
}

TEST(ByteLevelBpe, AddsSpecialTokens) {
  auto tokenizer = tokenizer_of({{"a", "b"}}, {"<|endoftext|>"});
  EXPECT_EQ(tokenizer.add_special("[BOS]"), 258);
  EXPECT_EQ(tokenizer.add_special("[PAD]"), 259);
  EXPECT_EQ(tokenizer.add_special("[BOS]"), 258);
  EXPECT_EQ(tokenizer.add_special("<|endoftext|>"), 257);
  EXPECT_EQ(tokenizer.size(), 260u);
  EXPECT_THAT(tokenizer.encode("[BOS]ab", kMatched), ElementsAre(258, 256));
  EXPECT_EQ(tokenizer.decode(Ids{258, 256, 259}, kSkipped), "ab");

  EXPECT_DERI_ERROR(tokenizer.add_special("ab"), HasSubstr("token \"ab\" is an ordinary one"));
  EXPECT_DERI_ERROR(tokenizer.add_special("PAD"), HasSubstr("write it in [ ] or < >"));
  EXPECT_DERI_ERROR(tokenizer.add_special(""), HasSubstr("cannot be a special token"));
  EXPECT_DERI_ERROR(tokenizer.add_special("[\xFF]"), HasSubstr("cannot be a special token"));
  EXPECT_DERI_ERROR(tokenizer.add_special("[PAD>"), HasSubstr("cannot be a special token"));
  EXPECT_EQ(tokenizer.size(), 260u);
}

TEST(ByteLevelBpe, RefusesIdsThatAreNone) {
  const auto tokenizer = tokenizer_of({});
  EXPECT_DERI_ERROR(tokenizer.decode(Ids{1, 256}), HasSubstr("token id 256 is not in the vocabulary, which has 256"));
  EXPECT_DERI_ERROR(tokenizer.decode(Ids{-1}), HasSubstr("token id -1"));
  EXPECT_EQ(tokenizer.decode(Ids{}), "");
}

TEST(ByteLevelBpe, ParsesBothFiles) {
  const auto vocab = vocab_json(R"(, "\u0120ab": 257, "ab": 256, "[PAD]": 258)");
  for (const std::string merges : {"#version: 0.2\na b\nĠ ab\n", "a b\nĠ ab", "#version: 0.2\r\na b\r\nĠ ab\r\n"}) {
    const auto tokenizer = parse(vocab, merges);
    EXPECT_THAT(tokenizer.encode("ab ab"), ElementsAre(256, 257));
    EXPECT_TRUE(tokenizer.is_special(258));
  }
  // A line of # is a merge unless it tells the version.
  EXPECT_THAT(parse(vocab_json(R"(, "##": 256)"), "# #\n").encode("##"), ElementsAre(256));
}

TEST(ByteLevelBpe, RefusesBrokenVocabularies) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "not valid JSON"},
      {"[1, 2]", "must be an object"},
      {"7", "must be an object"},
      {"{}", "token \"Ā\" for the byte 0x00 is missing"},
      {"{\"a\": 0}", "for the byte 0x00 is missing"},
      {"{\"a\": \"0\"}", "token \"a\" has no id"},
      {"{\"a\": 0.0}", "token \"a\" has no id"},
      {"{\"a\": -1}", "token \"a\" has no id"},
      {"{\"a\": null}", "token \"a\" has no id"},
      {"{\"a\": {\"b\": 1}}", "token \"a\" has no id"},
      {"{\"a\": 99999999999999999999999}", "token \"a\" has no id"},
      {"{\"a\": 1e999}", "not valid JSON"},
      {"{\"a\": 18446744073709551615}", "token \"a\" has id 18446744073709551615, but 1 tokens"},
      {"{\"a\": 1, \"b\": 2}", "token \"b\" has id 2, but 2 tokens must have the ids 0 to 1"},
      {"{\"a\": 0, \"b\": 0}", "tokens \"a\" and \"b\" both have id 0"},
      {"{\"\xFF\": 0}", "not valid JSON"},
      {std::string(100'000, '['), "not valid JSON"},
      {std::string(100'000, '[') + std::string(100'000, ']'), "must be an object"},
      {vocab_json(", \"\": 256"), "the token of id 256 is empty"},
      {vocab_json(", \"abc\": 256"), "token \"abc\" (id 256) is made by no merge"},
      {vocab_json(", \"Ġ[x]\": 256"), "is made by no merge"},
      {vocab_json(", \"日\": 256"), "is made by no merge"},
  };
  for (const auto& [vocab, message] : cases) {
    EXPECT_DERI_ERROR(parse(vocab, ""), AllOf(::testing::StartsWith("v.json: "), HasSubstr(message)));
  }
}

TEST(ByteLevelBpe, RefusesBrokenMerges) {
  const auto vocab = vocab_json(R"(, "ab": 256, "日b": 257, "日": 258)");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"#version: 0.2\na b\nab\n", "m.txt: line 3: \"ab\" is no merge"},
      {"a b\n\n", "m.txt: line 2: \"\" is no merge"},
      {"a b c\n", "m.txt: line 1: \"a b c\" is no merge"},
      {"a  b\n", "is no merge"},
      {" b\n", "is no merge"},
      {"a \n", "is no merge"},
      {"a\tb\n", "is no merge"},
      {"#version: 0.2\na b\na b\n", "m.txt: line 3: \"a b\" appears for the second time"},
      {"a b\n#version: 0.2\n", "m.txt: line 2: token \"#version:\" is not in the vocabulary"},
      {"#version: 0.2\nzz b\n", "m.txt: line 2: token \"zz\" is not in the vocabulary"},
      {"a b\nab c\n", "m.txt: line 2: token \"abc\" is not in the vocabulary"},
      {"\xFF b\n", "m.txt: line 1: token \"\xFF\" is not in the vocabulary"},
      {"a b\n日 b\n", "v.json: token \"日b\" (id 257) holds a character that stands for no byte"},
  };
  for (const auto& [merges, message] : cases) EXPECT_DERI_ERROR(parse(vocab, merges), HasSubstr(message));
}

TEST(ByteLevelBpe, SavesWhatItLoads) {
  auto tokenizer = tokenizer_of({{"a", "b"}, {"Ġ", "ab"}, {"\"", "\\"}}, {"<|endoftext|>"});
  tokenizer.add_special("[ \"\n\\é]");
  const TemporaryDirectory folder;
  tokenizer.save(folder.path());
  const auto loaded = ByteLevelBpe::load(folder.path());
  EXPECT_EQ(loaded.tokens(), tokenizer.tokens());
  EXPECT_TRUE(loaded.is_special(loaded.id("[ \"\n\\é]")));
  const auto* text = "ab ab\"\\<|endoftext|>";
  EXPECT_EQ(loaded.encode(text, kMatched), tokenizer.encode(text, kMatched));
  EXPECT_EQ(read_file(folder.path() / "merges.txt"), "#version: 0.2\na b\nĠ ab\n\" \\\n");
}

TEST(ByteLevelBpe, LoadsAddedTokens) {
  const TemporaryDirectory folder;
  tokenizer_of({{"a", "b"}}, {"<|endoftext|>"}).save(folder.path());
  const auto added = folder.path() / "added_tokens.json";
  write_file_atomic(added, R"({"[PAD]": 259, "[BOS]": 258, "<|endoftext|>": 257})");
  const auto tokenizer = ByteLevelBpe::load(folder.path());
  EXPECT_EQ(tokenizer.size(), 260u);
  EXPECT_EQ(tokenizer.id("[BOS]"), 258);
  EXPECT_EQ(tokenizer.id("[PAD]"), 259);

  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"[PAD]": 300})", "added token \"[PAD]\" has id 300, but the vocabulary goes on with 258"},
      {R"({"<|endoftext|>": 258})", "has id 258, but the vocabulary has it as 257"},
      {R"({"ab": 256})", "is an ordinary one"},
      {R"({"PAD": 258})", "cannot be a special token"},
      {R"({"[PAD]": -1})", "has no id"},
      {R"([1])", "must be an object"},
  };
  for (const auto& [text, message] : cases) {
    write_file_atomic(added, text);
    EXPECT_DERI_ERROR(ByteLevelBpe::load(folder.path()), AllOf(HasSubstr("added_tokens.json: "), HasSubstr(message)));
  }
}

TEST(ByteLevelBpe, NamesTheFileThatIsMissing) {
  const TemporaryDirectory folder;
  EXPECT_DERI_ERROR(ByteLevelBpe::load(folder.path()), HasSubstr("vocab.json"));
  write_file_atomic(folder.path() / "vocab.json", vocab_json());
  EXPECT_DERI_ERROR(ByteLevelBpe::load(folder.path()), HasSubstr("merges.txt"));
  EXPECT_DERI_ERROR(tokenizer_of({}).save(folder.path() / "none"), HasSubstr("none/vocab.json"));
}

Json tokenizer_json() {
  return {
      {"normalizer", nullptr},
      {"added_tokens", Json::array({{{"id", 257}, {"content", "<|endoftext|>"}, {"special", true}, {"lstrip", false}},
                                    {{"id", 258}, {"content", "[PAD]"}, {"special", true}}})},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"continuing_subword_prefix", ""},
        {"vocab", parse_json(vocab_json(R"(, "ab": 256, "<|endoftext|>": 257)"), "made")},
        {"merges", Json::array({"a b"})}}},
  };
}

TEST(ByteLevelBpe, ParsesTokenizerJson) {
  auto json = tokenizer_json();
  for (const Json& merges : {Json::array({"a b"}), Json::array({Json::array({"a", "b"})})}) {
    json["model"]["merges"] = merges;
    const auto tokenizer = ByteLevelBpe::parse_tokenizer_json(json.dump(), "t.json");
    EXPECT_EQ(tokenizer.size(), 259u);
    EXPECT_THAT(tokenizer.encode("ab[PAD]<|endoftext|>", kMatched), ElementsAre(256, 258, 257));
  }
  const TemporaryDirectory folder;
  write_file_atomic(folder.path() / "tokenizer.json", json.dump());
  EXPECT_EQ(ByteLevelBpe::load(folder.path()).size(), 259u);
}

TEST(ByteLevelBpe, RefusesOtherTokenizers) {
  const std::vector<std::tuple<std::string, Json, std::string>> cases{
      {"/model/type", "WordPiece", "model.type is not as GPT-2 has it"},
      {"/model", 3, "model.type"},
      {"/model/byte_fallback", true, "byte_fallback"},
      {"/model/dropout", 0.1, "dropout"},
      {"/model/end_of_word_suffix", "</w>", "end_of_word_suffix"},
      {"/normalizer", {{"type", "NFC"}}, "normalizer"},
      {"/pre_tokenizer", nullptr, "pre_tokenizer.type"},
      {"/pre_tokenizer/add_prefix_space", true, "pre_tokenizer.add_prefix_space"},
      {"/pre_tokenizer/use_regex", false, "pre_tokenizer.use_regex"},
      {"/added_tokens/0/lstrip", true, "added token \"<|endoftext|>\" lstrip"},
      {"/added_tokens/0/special", false, "added token \"<|endoftext|>\" special"},
      {"/added_tokens/0/id", 3, "has id 3, but the vocabulary has it as 257"},
      {"/added_tokens/1/id", 259, "has id 259, but the vocabulary goes on with 258"},
      {"/added_tokens/1/id", "x", "token \"[PAD]\" has no id"},
      {"/added_tokens/1/content", 5, "an added token has no content"},
      {"/added_tokens", 5, "an added token has no content"},
      {"/model/vocab", nullptr, "must be an object"},
      {"/model/merges", nullptr, "model.merges is missing"},
      {"/model/merges/0", "ab", "merge 1 does not have two parts"},
      {"/model/merges/0", Json::array({"a"}), "merge 1 does not have two parts"},
      {"/model/merges/0", Json::array({"a", 1}), "merge 1 does not have two parts"},
      {"/model/merges/0", "a c", "merge 1: token \"ac\" is not in the vocabulary"},
  };
  for (const auto& [place, value, message] : cases) {
    auto json = tokenizer_json();
    json[Json::json_pointer(place)] = value;
    EXPECT_DERI_ERROR(ByteLevelBpe::parse_tokenizer_json(json.dump(), "t.json"),
                      AllOf(::testing::StartsWith("t.json: "), HasSubstr(message)));
  }
  EXPECT_DERI_ERROR(ByteLevelBpe::parse_tokenizer_json("[]", "t.json"), HasSubstr("model.type"));
  EXPECT_DERI_ERROR(ByteLevelBpe::parse_tokenizer_json("{", "t.json"), HasSubstr("not valid JSON"));
}

std::string damaged(std::string text, Rng& rng) {
  for (auto n = rng.below(3); n > 0 && !text.empty(); --n) {
    const auto at = rng.below(text.size());
    if (rng.chance(0.5)) {
      text[at] = static_cast<char>(rng.below(256));
    } else {
      text.erase(at, rng.below(4));
    }
  }
  return text;
}

// Cut and overwritten files: an Error or a tokenizer, never anything else.
TEST(ByteLevelBpe, SurvivesDamagedFiles) {
  const auto vocab = vocab_json(R"(, "ab": 256, "Ġab": 257, "[PAD]": 258)");
  const std::string merges = "#version: 0.2\na b\nĠ ab\n", whole = tokenizer_json().dump();
  Rng rng(9);
  int usable = 0;
  const auto try_out = [&](const auto& make) {
    try {
      const ByteLevelBpe tokenizer = make();
      EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab [PAD] ab", kMatched)), "ab [PAD] ab");
      ++usable;
    } catch (const Error&) {
    }
  };
  for (int i = 0; i < 1000; ++i) {
    try_out([&] { return parse(damaged(vocab, rng), damaged(merges, rng)); });
    try_out([&] { return ByteLevelBpe::parse_tokenizer_json(damaged(whole, rng), "t.json"); });
  }
  EXPECT_GT(usable, 100);
  EXPECT_LT(usable, 1900);
}

}  // namespace
}  // namespace deri
