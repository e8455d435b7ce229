#include "deri/ecg/xml.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The text of an ASCII string as UTF-16.
std::string utf16(std::string_view text, bool big) {
  std::string wide = big ? "\xFE\xFF" : "\xFF\xFE";
  for (const char c : text) {
    if (big) wide += '\0';
    wide += c;
    if (!big) wide += '\0';
  }
  return wide;
}

TEST(Xml, FindsTheRootWithoutParsing) {
  EXPECT_EQ(xml_root("<RestingECG>"), "RestingECG");
  EXPECT_EQ(xml_root("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- <a> -->\n<hl7:AnnotatedECG xmlns:hl7='x'>"),
            "AnnotatedECG");
  EXPECT_EQ(xml_root("<!DOCTYPE RestingECG SYSTEM \"rest>ecg.dtd\"><RestingECG/>"), "RestingECG");
  EXPECT_EQ(xml_root("<!DOCTYPE a [ <!ENTITY b \"]>\"> <!ELEMENT c (#PCDATA)> ]>\r\n<a\n>"), "a");
  EXPECT_EQ(xml_root(utf16("<?xml version=\"1.0\"?><RestingECG>", false)), "RestingECG");
  EXPECT_EQ(xml_root(utf16("<RestingECG>", true)), "RestingECG");
}

TEST(Xml, OtherContentHasNoRoot) {
  for (const char* text :
       {"", " ", "<", "<>", "text", "< a>", "<?xml", "<!-- <a>", "<!DOCTYPE a [", "I,II\n1,2\n", "<<a>"})
    EXPECT_EQ(xml_root(text), "") << text;
  EXPECT_EQ(xml_root(std::string(1000, '\0')), "");
  EXPECT_EQ(xml_root("\xFF\xFE"), "");
}

TEST(Xml, TellsTheFormatsApart) {
  EXPECT_EQ(xml_format("<RestingECG/>", "x"), XmlFormat::kMuse);
  EXPECT_EQ(xml_format("<AnnotatedECG/>", "x"), XmlFormat::kAecg);
  EXPECT_DERI_ERROR(xml_format("<restingecgdata xmlns='http://www3.medical.philips.com'>", "x.xml"),
                    AllOf(HasSubstr("x.xml: Philips"), HasSubstr("not published")));
  EXPECT_DERI_ERROR(xml_format("<html>", "x.xml"), AllOf(HasSubstr("'html'"), HasSubstr("RestingECG")));
  EXPECT_DERI_ERROR(xml_format("no XML", "x.xml"), HasSubstr("unknown kind"));
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const char* text :
       {"", "<a>", "<a></b>", "<a b=></a>", "<a", "text", "<a><![CDATA[</a>", "<!DOCTYPE a [<!ENTITY"}) {
    SCOPED_TRACE(text);
    pugi::xml_document document;
    EXPECT_DERI_ERROR(parse_xml(text, "a", "x.xml", document), AllOf(HasSubstr("x.xml"), HasSubstr("XML")));
  }
  pugi::xml_document document;
  EXPECT_DERI_ERROR(parse_xml("<b/>", "a", "x.xml", document), HasSubstr("'b' where 'a'"));
}

TEST(Xml, ReadsLatin1AndUtf16) {
  for (const char* encoding : {"ISO-8859-1", "windows-1252", "iso-8859-15"}) {
    pugi::xml_document document;
    const std::string text = std::string("<?xml version=\"1.0\" encoding=\"") + encoding + "\"?><a>J\xF6rg</a>";
    EXPECT_EQ(xml_text(parse_xml(text, "a", "x", document)), "J\xC3\xB6rg") << encoding;
  }
  pugi::xml_document document;
  EXPECT_EQ(xml_text(parse_xml(utf16("<a>text</a>", true), "a", "x", document)), "text");
}

TEST(Xml, NamesAreLocalAndTextIsJoined) {
  pugi::xml_document document;
  const pugi::xml_node root = parse_xml(
      "<n:a n:k=' v '><n:b> one<!-- no --> two <![CDATA[<3>]]> </n:b><c><d>x</d></c></n:a>", "a", "x", document);
  EXPECT_EQ(xml_text(root, "b"), "one two <3>");
  EXPECT_EQ(xml_attribute(root, "k"), "v");
  EXPECT_EQ(xml_attribute(root, "z"), "");
  EXPECT_EQ(xml_text(xml_path(root, {"c", "d"})), "x");
  EXPECT_FALSE(xml_path(root, {"c", "z", "d"}));
}

TEST(Xml, WalksDescendantsInOrderAndSkipsSubtrees) {
  pugi::xml_document document;
  const pugi::xml_node root =
      parse_xml("<a><b><c/>text<d><e/></d></b><skip><f/></skip><g><h/></g></a>", "a", "x", document);
  std::vector<std::string> names;
  for_each_descendant(root, [&](pugi::xml_node node) {
    names.emplace_back(node.name());
    return names.back() != "skip";
  });
  EXPECT_THAT(names, ElementsAre("b", "c", "d", "e", "skip", "g", "h"));
  names.clear();
  for_each_descendant(root.child("g"), [&](pugi::xml_node node) {
    names.emplace_back(node.name());
    return true;
  });
  EXPECT_THAT(names, ElementsAre("h"));
}

// A chain of definitions that would be 10^9 times "lol", and a file of the system: neither is expanded.
TEST(Xml, EntitiesAreNotExpanded) {
  std::string bomb = "<!DOCTYPE a [<!ENTITY e0 \"lol\">";
  for (int i = 1; i < 10; ++i) {
    bomb += "<!ENTITY e" + std::to_string(i) + " \"";
    for (int k = 0; k < 10; ++k) bomb += "&e" + std::to_string(i - 1) + ";";
    bomb += "\">";
  }
  bomb += "<!ENTITY file SYSTEM \"file:///etc/passwd\">]><a>&e9; &file; &lt;&#65;</a>";
  pugi::xml_document document;
  EXPECT_EQ(xml_text(parse_xml(bomb, "a", "x", document)), "&e9; &file; <A");
}

TEST(Xml, DeepNestingIsHarmless) {
  constexpr int kDepth = 500000;
  std::string text;
  for (int i = 0; i < kDepth; ++i) text += "<a>";
  for (int i = 0; i < kDepth; ++i) text += "</a>";
  pugi::xml_document document;
  int elements = 0;
  for_each_descendant(parse_xml(text, "a", "x", document), [&](pugi::xml_node) { return ++elements > 0; });
  EXPECT_EQ(elements, kDepth - 1);
}

TEST(Xml, TooManyTagsAreRefused) {
  std::string text = "<a>";
  for (int i = 0; i < 4000001; ++i) text += "<b/>";
  pugi::xml_document document;
  EXPECT_DERI_ERROR(parse_xml(text + "</a>", "a", "x", document), HasSubstr("more than 4000000 XML tags"));
}

TEST(Xml, DecimalsAreWholeAndFinite) {
  EXPECT_EQ(parse_decimal("-2.5e1"), -25);
  EXPECT_EQ(parse_decimal("+3"), 3);
  for (const char* text : {"", "+", "+-3", "-", "1 ", " 1", "1,5", "0x10", "nan", "inf", "-inf", "1e999", "1e", "&e9;"})
    EXPECT_FALSE(parse_decimal(text)) << text;
}

}  // namespace
}  // namespace deri
