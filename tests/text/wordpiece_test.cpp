#include "deri/text/wordpiece.hpp"

#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> with_specials(const std::vector<std::string>& tokens) {
  std::vector<std::string> all{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  all.insert(all.end(), tokens.begin(), tokens.end());
  return all;
}

WordPiece vocabulary(const std::vector<std::string>& tokens) {
  return WordPiece(with_specials(tokens), "test");
}

std::vector<std::string> pieces(const WordPiece& tokenizer, std::string_view text) {
  std::vector<std::string> out;
  for (const auto id : tokenizer.tokenize(text)) out.push_back(tokenizer.tokens().at(id));
  return out;
}

// The example of BERT's own tokenizer test.
TEST(WordPiece, LongestMatchFirst) {
  const auto tokenizer = vocabulary({"want", "##want", "##ed", "wa", "un", "runn", "##ing", ","});
  EXPECT_THAT(pieces(tokenizer, "UNwant\u00E9d,running"), ElementsAre("un", "##want", "##ed", ",", "runn", "##ing"));
  EXPECT_THAT(pieces(tokenizer, "unwanted running"), ElementsAre("un", "##want", "##ed", "runn", "##ing"));
  EXPECT_THAT(pieces(tokenizer, "unwantedX running"), ElementsAre("[UNK]", "runn", "##ing"));
}

TEST(WordPiece, GreedyChoiceIsNeverTakenBack) {
  // "ab" + "##cd" would do, but the longest beginning is "abc".
  const auto tokenizer = vocabulary({"ab", "abc", "##cd", "x"});
  EXPECT_THAT(pieces(tokenizer, "x abcd x"), ElementsAre("x", "[UNK]", "x"));
}

TEST(WordPiece, ContinuationAndBeginningAreDifferentPieces) {
  const auto tokenizer = vocabulary({"a", "##b", "#", "##"});
  EXPECT_THAT(pieces(tokenizer, "a b ab ba"), ElementsAre("a", "[UNK]", "a", "##b", "[UNK]"));
  EXPECT_THAT(pieces(tokenizer, "##b"), ElementsAre("#", "#", "[UNK]"));
}

TEST(WordPiece, EmptyText) {
  const auto tokenizer = vocabulary({"a"});
  EXPECT_THAT(tokenizer.tokenize(""), IsEmpty());
  EXPECT_THAT(tokenizer.tokenize(" \t\n\x01"), IsEmpty());
}

TEST(WordPiece, PiecesAreCutAtCharactersNotBytes) {
  // 😀 and 😁 share their first three bytes; ä vanishes into a.
  const auto tokenizer = vocabulary({"😀", "##😁", "a", "##a"});
  EXPECT_THAT(pieces(tokenizer, "😀😁 aÄ 😁"), ElementsAre("😀", "##😁", "a", "##a", "[UNK]"));
}

TEST(WordPiece, WordsOfMoreThanAHundredCharactersAreUnknown) {
  const auto tokenizer = vocabulary({"a", "##a", "ж", "##ж"});
  EXPECT_EQ(tokenizer.tokenize(std::string(100, 'a')).size(), 100u);
  EXPECT_THAT(pieces(tokenizer, "a " + std::string(101, 'a') + " a"), ElementsAre("a", "[UNK]", "a"));
  std::string cyrillic;
  for (int i = 0; i < 100; ++i) cyrillic += "ж";
  EXPECT_EQ(tokenizer.tokenize(cyrillic).size(), 100u);  // characters, not bytes
  EXPECT_THAT(pieces(tokenizer, cyrillic + "ж"), ElementsAre("[UNK]"));
}

TEST(WordPiece, EncodeKeepsBothMarks) {
  const auto tokenizer = vocabulary({"a", "b", "c"});
  EXPECT_THAT(tokenizer.encode("a b c", 256), ElementsAre(2, 5, 6, 7, 3));
  EXPECT_THAT(tokenizer.encode("a b c", 5), ElementsAre(2, 5, 6, 7, 3));
  EXPECT_THAT(tokenizer.encode("a b c", 4), ElementsAre(2, 5, 6, 3));
  EXPECT_THAT(tokenizer.encode("a b c", 2), ElementsAre(2, 3));
  EXPECT_THAT(tokenizer.encode("", 256), ElementsAre(2, 3));
  EXPECT_DERI_ERROR(tokenizer.encode("a", 1), HasSubstr("at least 2"));
}

TEST(WordPiece, SpecialIdsComeFromTheVocabulary) {
  const WordPiece tokenizer({"x", "[SEP]", "[CLS]", "[UNK]", "[PAD]"}, "test");
  EXPECT_EQ(tokenizer.pad_id(), 4);
  EXPECT_EQ(tokenizer.unknown_id(), 3);
  EXPECT_EQ(tokenizer.cls_id(), 2);
  EXPECT_EQ(tokenizer.sep_id(), 1);
  EXPECT_EQ(tokenizer.id("x"), 0);
  EXPECT_EQ(tokenizer.id("[MASK]"), -1);
  EXPECT_THAT(tokenizer.encode("x y", 9), ElementsAre(2, 0, 3, 1));
}

TEST(WordPiece, SurvivesCopying) {
  auto original = std::make_unique<WordPiece>(with_specials({"a", "##b"}), "test");
  const WordPiece copy = *original;
  original.reset();
  EXPECT_THAT(copy.tokenize("ab"), ElementsAre(5, 6));
}

TEST(WordPiece, VocabularyErrors) {
  EXPECT_DERI_ERROR(WordPiece({}, "v.txt"), AllOf(HasSubstr("v.txt"), HasSubstr("empty")));
  for (const std::string missing : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    auto tokens = with_specials({"a"});
    std::erase(tokens, missing);
    EXPECT_DERI_ERROR(WordPiece(tokens, "v.txt"), AllOf(HasSubstr("v.txt"), HasSubstr(missing)));
  }
  EXPECT_DERI_ERROR(WordPiece(with_specials({"a", "b", "a"}), "v.txt"),
                    AllOf(HasSubstr("\"a\""), HasSubstr("line 6"), HasSubstr("line 8")));
  EXPECT_DERI_ERROR(WordPiece(with_specials({"a", "", "b"}), "v.txt"), HasSubstr("line 7"));
}

TEST(WordPiece, SaveAndLoad) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "vocab.txt";
  const auto tokenizer = vocabulary({"sinus", "##ä", "😀"});
  tokenizer.save(path);
  EXPECT_EQ(read_file(path), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsinus\n##ä\n😀\n");
  EXPECT_EQ(WordPiece::load(path).tokens(), tokenizer.tokens());
}

TEST(WordPiece, LoadsWindowsLineEndsAndAnUnfinishedLastLine) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "vocab.txt";
  write_file_atomic(path, "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nqrs");
  EXPECT_THAT(WordPiece::load(path).tokens(), ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "qrs"));
}

TEST(WordPiece, LoadErrorsNameTheFile) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "vocab.txt";
  EXPECT_DERI_ERROR(WordPiece::load(path), HasSubstr("vocab.txt"));
  write_file_atomic(path, "");
  EXPECT_DERI_ERROR(WordPiece::load(path), AllOf(HasSubstr("vocab.txt"), HasSubstr("empty")));
  write_file_atomic(path, "[PAD]\n[UNK]\n\n[CLS]\n[SEP]\n");
  EXPECT_DERI_ERROR(WordPiece::load(path), AllOf(HasSubstr("vocab.txt"), HasSubstr("line 3")));
  EXPECT_DERI_ERROR(WordPiece::load(directory.path()), HasSubstr("folder"));
}

TEST(WordPiece, AnyBytesGiveValidIds) {
  const auto tokenizer = vocabulary({"a", "##a", "ab", "##\xff", "\xc3", "é", ".", "##😀"});
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto n = rng.below(300); n > 0; --n) {
      text += rng.chance(0.5) ? static_cast<char>(rng.below(256)) : "ab. \xf0\x9f\x98\x80"[rng.below(8)];
    }
    for (const auto id : tokenizer.tokenize(text)) {
      ASSERT_GE(id, 0);
      ASSERT_LT(static_cast<std::size_t>(id), tokenizer.size());
    }
    ASSERT_LE(tokenizer.encode(text, 16).size(), 16u);
  }
}

}  // namespace
}  // namespace deri
