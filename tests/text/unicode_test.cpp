#include "deri/text/unicode.hpp"

#include <string>

#include "testing/testing.hpp"

namespace deri {
namespace {

TEST(Unicode, DecodesAndEncodesEveryLength) {
  const std::u32string characters = U"a\u00e4\u20ac\U0001F600\0b";
  EXPECT_EQ(decode_utf8("aä€😀"), U"aä€😀");
  EXPECT_EQ(encode_utf8(U"aä€😀"), "aä€😀");
  EXPECT_EQ(decode_utf8(encode_utf8(characters)), characters);
}

TEST(Unicode, OneReplacementPerInvalidByte) {
  EXPECT_EQ(decode_utf8("a\xff\xfe"
                        "b"),
            U"a\uFFFD\uFFFDb");
  EXPECT_EQ(decode_utf8("\xe2\x82"), U"\uFFFD\uFFFD");
  EXPECT_EQ(decode_utf8("\xed\xa0\x80"), U"\uFFFD\uFFFD\uFFFD");
}

// Python: [c for c in range(0x110000) if chr(c).isspace()] has these 29.
TEST(Unicode, WhiteSpaceIsPythons) {
  std::u32string found;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (is_white_space(c)) found += c;
  }
  EXPECT_EQ(found,
            U"\u0009\u000A\u000B\u000C\u000D\u001C\u001D\u001E\u001F\u0020\u0085\u00A0\u1680\u2000"
            U"\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F"
            U"\u3000");
}

TEST(Unicode, LowerCase) {
  EXPECT_EQ(to_lower(U"AZ[@`az09"), U"az[@`az09");
  EXPECT_EQ(to_lower(U"ÄÖÜẞÅ"), U"äöüßå");
  EXPECT_EQ(to_lower(U"İI"), U"i\u0307i");
  EXPECT_EQ(to_lower(U"ΑΣ"), U"ασ");
  EXPECT_EQ(to_lower(U"\u2126\U00010400Ⅷ"), U"ω\U00010428ⅷ");
}

}  // namespace
}  // namespace deri
