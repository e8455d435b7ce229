#include "deri/text/basic_tokenizer.hpp"

#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(BasicTokenizer, LowersAndSplitsAtSpaceAndPunctuation) {
  EXPECT_THAT(basic_tokenize("Sinus rhythm. QRS(T) contour-abnormality"),
              ElementsAre("sinus", "rhythm", ".", "qrs", "(", "t", ")", "contour", "-", "abnormality"));
  EXPECT_THAT(basic_tokenize("I'm 10% of $5^2~"), ElementsAre("i", "'", "m", "10", "%", "of", "$", "5", "^", "2", "~"));
}

TEST(BasicTokenizer, EmptyTexts) {
  EXPECT_THAT(basic_tokenize(""), IsEmpty());
  EXPECT_THAT(basic_tokenize(" \t\r\n\v\f\x1c\u00A0\u2028\u3000"), IsEmpty());
}

TEST(BasicTokenizer, StripsAccents) {
  EXPECT_THAT(basic_tokenize("qt-verlÄngerung Überdrehter Führer"),
              ElementsAre("qt", "-", "verlangerung", "uberdrehter", "fuhrer"));
  // Composed and decomposed alike; ß and ø have no decomposition.
  EXPECT_THAT(basic_tokenize("Cafe\u0301 café Maß Ørsted"), ElementsAre("cafe", "cafe", "maß", "ørsted"));
  // й decomposes; a word of marks alone vanishes.
  EXPECT_THAT(basic_tokenize("Й \u0301\u0302 x"), ElementsAre("и", "x"));
  EXPECT_THAT(basic_tokenize("한글"), ElementsAre("\u1112\u1161\u11ab\u1100\u1173\u11af"));
}

TEST(BasicTokenizer, LowersEveryCharacterAlone) {
  EXPECT_THAT(basic_tokenize("İstanbul"), ElementsAre("istanbul"));
  EXPECT_THAT(basic_tokenize("ΟΔΟΣ \u212A \u2126 ẞ"), ElementsAre("οδοσ", "k", "ω", "ß"));
  EXPECT_THAT(basic_tokenize("НЕЩО Ǆ"), ElementsAre("нещо", "ǆ"));
}

TEST(BasicTokenizer, IdeographsAreWords) {
  EXPECT_THAT(basic_tokenize("ah博推zz"), ElementsAre("ah", "博", "推", "zz"));
  EXPECT_THAT(basic_tokenize("\u3400\U00020000\U0002CEA1"), ElementsAre("\u3400", "\U00020000", "\U0002CEA1"));
  EXPECT_THAT(basic_tokenize("\uF900"), ElementsAre("豈"));  // a compatibility ideograph
  // Kana and the extensions after Unicode 8 are letters to BERT.
  EXPECT_THAT(basic_tokenize("ありx\U0002CEB0y"), ElementsAre("ありx\U0002CEB0y"));
}

TEST(BasicTokenizer, DropsControlsAndKeepsTabsAsSpace) {
  EXPECT_THAT(basic_tokenize("a\tb\nc\rd"), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(basic_tokenize(std::string("a\0b\x01\x7f", 5) + "c\u200B\u200D\uFEFF\uFFFDd"), ElementsAre("abcd"));
  // A vertical tab is a control character to BERT: dropped, no space.
  EXPECT_THAT(basic_tokenize("a\vb\fc\u0085d"), ElementsAre("abcd"));
  EXPECT_THAT(basic_tokenize("a\uE000b"), ElementsAre("ab"));  // private use
}

TEST(BasicTokenizer, UnicodePunctuationAndSymbols) {
  EXPECT_THAT(basic_tokenize("«a»—b…～"), ElementsAre("«", "a", "»", "—", "b", "…", "～"));
  // Symbols outside ASCII are not punctuation. 🌫 is followed by a mark that goes.
  EXPECT_THAT(basic_tokenize("5×3 😀😀 🌫\uFE0F"), ElementsAre("5×3", "😀😀", "🌫"));
  // U+037E is canonically a semicolon, so punctuation only once it is decomposed.
  EXPECT_THAT(basic_tokenize("a\u037Eb"), ElementsAre("a", ";", "b"));
}

TEST(BasicTokenizer, SpecialTokensAreNoException) {
  EXPECT_THAT(basic_tokenize("x[SEP]"), ElementsAre("x", "[", "sep", "]"));
}

TEST(BasicTokenizer, InvalidBytesAreDropped) {
  EXPECT_THAT(basic_tokenize("a\xff"
                             "b\xc3 c\xe2\x82"),
              ElementsAre("ab", "c"));
  EXPECT_THAT(basic_tokenize("\xed\xa0\x80"), IsEmpty());          // a surrogate
  EXPECT_THAT(basic_tokenize("\xc0\x80\xf8x"), ElementsAre("x"));  // overlong, five bytes
  EXPECT_THAT(basic_tokenize("\xf4\x90\x80\x80"), IsEmpty());      // beyond U+10FFFF
}

// Marks in descending order make a naive canonical ordering quadratic.
TEST(BasicTokenizer, LongRunsOfMarksTakeLinearTime) {
  std::string hostile = "a";
  for (int i = 0; i < 200'000; ++i) hostile += i < 100'000 ? "\u0345" : "\u0316";
  EXPECT_THAT(basic_tokenize(hostile), ElementsAre("a"));
}

TEST(BasicTokenizer, AnyBytesGiveCleanWords) {
  Rng rng(20);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto n = rng.below(60); n > 0; --n) {
      if (rng.chance(0.5)) {
        text += static_cast<char>(rng.below(256));
      } else {
        append_utf8(static_cast<char32_t>(rng.below(rng.chance(0.5) ? 0x3000 : 0xD800)), text);
      }
    }
    for (const auto& word : basic_tokenize(text)) {
      ASSERT_FALSE(word.empty());
      const auto characters = decode_utf8(word);
      ASSERT_EQ(encode_utf8(characters), word) << "not UTF-8";
      for (const char32_t c : characters) {
        ASSERT_FALSE(is_white_space(c) || c == kReplacementCharacter || c < 0x20);
      }
    }
  }
}

}  // namespace
}  // namespace deri
