#include "deri/base/base64.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string decoded(std::string_view text) {
  const std::vector<std::uint8_t> bytes = decode_base64(text, "x");
  return {bytes.begin(), bytes.end()};
}

// The test vectors of RFC 4648, section 10.
TEST(Base64, DecodesTheVectorsOfTheRfc) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("Zg=="), "f");
  EXPECT_EQ(decoded("Zm8="), "fo");
  EXPECT_EQ(decoded("Zm9v"), "foo");
  EXPECT_EQ(decoded("Zm9vYg=="), "foob");
  EXPECT_EQ(decoded("Zm9vYmE="), "fooba");
  EXPECT_EQ(decoded("Zm9vYmFy"), "foobar");
}

TEST(Base64, DecodesEveryDigitAndSkipsBlanks) {
  EXPECT_EQ(decoded(" \r\n\t "), "");
  EXPECT_EQ(decoded(" Zm9v\r\n\tYm E =\n"), "fooba");
  EXPECT_EQ(decoded("+/9A"), std::string("\xFB\xFF\x40"));
  EXPECT_EQ(decoded("AP8A"), std::string("\x00\xFF\x00", 3));
}

TEST(Base64, RefusesWhatIsNotBase64) {
  const std::vector<std::pair<std::string, const char*>> cases{
      {"Zm9?", "0x3f at character 3"},
      {"Zm\xC3\xBC", "0xc3"},
      {std::string("Zm\0v", 4), "0x00"},
      {"-_-_", "0x2d"},
      {"Z", "cut short"},
      {"Zm", "cut short"},
      {"Zm9", "cut short"},
      {"Zg=", "cut short"},
      {"=", "padding"},
      {"Z===", "padding"},
      {"====", "padding"},
      {"Zg===", "padding"},
      {"Zm9v=", "padding"},
      {"Zg==Zg==", "goes on"},
      {"Z=g=", "padding"},
      {"Zm=v", "goes on"},
      {"Zh==", "no byte"},
      {"Zm9=", "no byte"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text);
    EXPECT_DERI_ERROR(decode_base64(text, "a.xml"), AllOf(StartsWith("a.xml: "), HasSubstr(message)));
  }
}

}  // namespace
}  // namespace deri
