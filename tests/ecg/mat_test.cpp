#include "deri/ecg/mat.hpp"

#include "ecg/mat_testing.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MatWriter;
using ::testing::StartsWith;

std::vector<MatValue> parse(const std::string& content) {
  return parse_mat_variables(content, "x.mat");
}

class MatBothOrders : public ::testing::TestWithParam<bool> {
 protected:
  const MatWriter w_{GetParam()};
  const std::uint32_t machine_ = GetParam() ? 1000 : 0;
};

INSTANTIATE_TEST_SUITE_P(ByteOrders, MatBothOrders, ::testing::Values(false, true));

// ---- Level 4

TEST_P(MatBothOrders, Level4ReadsEveryType) {
  const std::string file = w_.level4(machine_ + 0, 1, 2, "a", w_.numbers<double>({0.5, -2})) +
                           w_.level4(machine_ + 10, 2, 1, "b", w_.numbers<float>({1.5F, -3})) +
                           w_.level4(machine_ + 20, 1, 2, "c", w_.numbers<std::int32_t>({70000, -70000})) +
                           w_.level4(machine_ + 30, 2, 2, "val", w_.numbers<std::int16_t>({1, -2, 3, -32768})) +
                           w_.level4(machine_ + 40, 1, 1, "e", w_.numbers<std::uint16_t>({65535})) +
                           w_.level4(machine_ + 50, 1, 2, "f", "\x01\xFF") + w_.level4(machine_ + 51, 1, 2, "g", "Hi");
  const std::vector<MatValue> values = parse(file);
  ASSERT_EQ(values.size(), 7U);
  EXPECT_THAT(values[0].values, ElementsAre(0.5, -2));
  EXPECT_THAT(values[0].dims, ElementsAre(1, 2));
  EXPECT_THAT(values[1].values, ElementsAre(1.5, -3));
  EXPECT_THAT(values[1].dims, ElementsAre(2, 1));
  EXPECT_THAT(values[2].values, ElementsAre(70000, -70000));
  EXPECT_EQ(values[3].name, "val");
  EXPECT_THAT(values[3].values, ElementsAre(1, -2, 3, -32768));
  EXPECT_THAT(values[4].values, ElementsAre(65535));
  EXPECT_THAT(values[5].values, ElementsAre(1, 255));
  EXPECT_EQ(values[6].kind, MatValue::Kind::kText);
  EXPECT_EQ(values[6].text, "Hi");
}

TEST_P(MatBothOrders, Level4RefusesWhatContradictsItself) {
  const std::string good = w_.level4(machine_ + 30, 2, 2, "val", w_.numbers<std::int16_t>({1, 2, 3, 4}));
  EXPECT_EQ(parse(good).size(), 1U);
  const std::vector<std::pair<std::string, const char*>> cases{
      {good.substr(0, good.size() - 1), "promises 8 bytes of numbers where 7 are left"},
      {good.substr(0, 22), "promises 4 bytes of name where 2 are left"},
      {good.substr(0, 19), "not a MAT-file"},
      {good + good.substr(0, 10), "a variable's header makes no sense"},
      {good + std::string(20, '\0'), "a variable's header makes no sense"},
      {w_.level4(machine_ + 30, 2, 1, "z", w_.numbers<std::int16_t>({1, 2, 3, 4}), 1), "'z' is complex"},
      {w_.level4(machine_ + 0, 0xFFFFFFFF, 0xFFFFFFFF, "z", "12345678"), "promises 4294967295 x 4294967295"},
      {w_.level4(machine_ + 0, 3, 1, "z", std::string(16, ' ')), "promises 24 bytes of numbers where 16 are left"},
      {w_.level4(machine_ + 60, 1, 1, "z", "12345678"), "not a MAT-file"},
      {w_.level4(machine_ + 100, 1, 1, "z", "12345678"), "not a MAT-file"},
      {w_.level4(machine_ + 3, 1, 1, "z", "12345678"), "not a MAT-file"},
  };
  for (const auto& [file, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(parse(file), AllOf(StartsWith("x.mat: "), HasSubstr(message)));
  }
}

TEST(Mat, Level4RefusesVaxNumbers) {
  const MatWriter w;
  EXPECT_DERI_ERROR(parse(w.level4(2000, 1, 1, "z", "12345678")), HasSubstr("VAX"));
}

// ---- Level 5

TEST_P(MatBothOrders, Level5ReadsNumbersOfEveryStorage) {
  const std::string file = w_.header() + w_.array(6, {1, 2}, "d", w_.element(9, w_.numbers<double>({0.25, -1e300}))) +
                           w_.array(7, {1, 1}, "f", w_.small_element(7, w_.number(1.5F))) +
                           w_.array(6, {1, 3}, "i1", w_.small_element(1, "\x01\xFF\x80")) +
                           w_.array(6, {1, 3}, "u1", w_.small_element(2, "\x01\xFF\x80")) +
                           w_.array(10, {2, 1}, "i2", w_.small_element(3, w_.numbers<std::int16_t>({-5, 6}))) +
                           w_.array(11, {1, 1}, "u2", w_.small_element(4, w_.number<std::uint16_t>(40000))) +
                           w_.array(12, {1, 1}, "i4", w_.small_element(5, w_.number<std::int32_t>(-7))) +
                           w_.array(13, {1, 1}, "u4", w_.small_element(6, w_.number<std::uint32_t>(4000000000))) +
                           w_.array(14, {1, 1}, "i8", w_.element(12, w_.number<std::int64_t>(-8))) +
                           w_.array(15, {1, 1}, "u8", w_.element(13, w_.number<std::uint64_t>(1ULL << 63))) +
                           w_.array(6, {0, 0}, "none", w_.element(9, "")) +
                           w_.array(6, {1, 1, 2}, "longname", w_.element(9, w_.numbers<double>({3, 4})));
  const std::vector<MatValue> values = parse(file);
  ASSERT_EQ(values.size(), 12U);
  EXPECT_THAT(values[0].values, ElementsAre(0.25, -1e300));
  EXPECT_THAT(values[1].values, ElementsAre(1.5));
  EXPECT_THAT(values[2].values, ElementsAre(1, -1, -128));
  EXPECT_THAT(values[3].values, ElementsAre(1, 255, 128));
  EXPECT_THAT(values[4].values, ElementsAre(-5, 6));
  EXPECT_THAT(values[4].dims, ElementsAre(2, 1));
  EXPECT_THAT(values[5].values, ElementsAre(40000));
  EXPECT_THAT(values[6].values, ElementsAre(-7));
  EXPECT_THAT(values[7].values, ElementsAre(4e9));
  EXPECT_THAT(values[8].values, ElementsAre(-8));
  EXPECT_THAT(values[9].values, ElementsAre(9223372036854775808.0));
  EXPECT_TRUE(values[10].values.empty());
  EXPECT_EQ(values[11].name, "longname");
  EXPECT_THAT(values[11].dims, ElementsAre(1, 1, 2));
}

TEST_P(MatBothOrders, Level5ReadsTextStructsAndWhatIsCompressed) {
  const std::string inner = w_.structure("", {"deep"}, w_.array(6, {1, 1}, "", w_.small_element(2, "\x07")));
  const std::string values = w_.array(4, {1, 3}, "", w_.element(17, w_.numbers<std::uint16_t>({'a', 0xFC, 0x20AC}))) +
                             w_.array(4, {1, 2}, "", w_.small_element(16, "ok")) + inner + w_.element(14, "");
  const std::string file = w_.header() +
                           w_.compressed(w_.structure("s", {"wide", "narrow", "inner", "empty"}, values)) +
                           w_.compressed(w_.array(6, {1, 1}, "n", w_.small_element(2, "\x05"))) +
                           w_.element(14, w_.array_start(1, {1, 1}, "c"));
  const std::vector<MatValue> variables = parse(file);
  ASSERT_EQ(variables.size(), 3U);
  const MatValue& s = variables[0];
  EXPECT_EQ(s.kind, MatValue::Kind::kStruct);
  ASSERT_EQ(s.fields.size(), 4U);
  EXPECT_EQ(s.field("wide")->text, "a\xC3\xBC\xE2\x82\xAC");
  EXPECT_EQ(s.field("narrow")->text, "ok");
  EXPECT_THAT(s.field("inner")->field("deep")->values, ElementsAre(7));
  EXPECT_TRUE(s.field("empty")->values.empty());
  EXPECT_EQ(s.field("other"), nullptr);
  EXPECT_THAT(variables[1].values, ElementsAre(5));
  EXPECT_EQ(variables[2].kind, MatValue::Kind::kOther);
}

TEST(Mat, SurrogatePairsBecomeOneCharacter) {
  const MatWriter w;
  const std::string text = w.element(17, w.numbers<std::uint16_t>({0xD83D, 0xDE00, 0xDC00, 0xD800}));
  EXPECT_EQ(parse(w.header() + w.array(4, {1, 4}, "t", text))[0].text, "\xF0\x9F\x98\x80\xEF\xBF\xBD");
}

TEST_P(MatBothOrders, Level5RefusesWhatContradictsItself) {
  const std::string head = w_.header();
  const std::string one = w_.element(9, w_.number(1.0));
  const std::string array = w_.array(6, {1, 1}, "x", one);
  const std::string bomb = w_.numbers<std::uint32_t>({14, 200U << 20}) + std::string(1 << 16, '\0');
  const std::string beyond_limit = w_.numbers<std::uint32_t>({14, 300U << 20}) + std::string(512 << 10, '\0');
  std::string bad_sum = w_.compressed(array);
  bad_sum.back() = static_cast<char>(bad_sum.back() ^ 1);
  std::string nested = array;
  for (int i = 0; i < 20; ++i) nested = w_.structure("s", {"f"}, nested);
  const std::vector<std::pair<std::string, const char*>> cases{
      {head + array.substr(0, array.size() - 1), "an element promises 56 bytes where 55 are left"},
      {head + "abcd", "cut short within an element's tag"},
      {head.substr(0, 100), "not a MAT-file"},
      {"", "not a MAT-file"},
      {head + w_.element(14, w_.small_element(6, "abcd")), "without array flags"},
      {head + w_.element(14, w_.element(6, "12345678").replace(8, 4, w_.number<std::uint32_t>(6))), "tag"},
      {head + w_.array(6, {1}, "x", one), "without dimensions"},
      {head + w_.array(6, std::vector<std::int32_t>(40, 1), "x", one), "without dimensions"},
      {head + w_.array(6, {1, -1}, "x", one), "a side of -1"},
      {head + w_.array(6, std::vector<std::int32_t>(8, 0x7FFFFFFF), "x", one), "impossible size"},
      {head + w_.array(6, {1, 2}, "x", one), "'x' promises 2 numbers and has 8 bytes of 8 each"},
      {head + w_.array(6, {0x7FFFFFFF, 0x7FFFFFFF}, "x", one), "promises 4611686014132420609 numbers"},
      {head + w_.array(6, {1, 1}, "x", w_.small_element(3, "abc")), "has 3 bytes of 2 each"},
      {head + w_.array(6, {1, 1}, "x", w_.element(8, "12345678")), "numbers of unknown type 8"},
      {head + w_.array(0x806, {1, 1}, "x", one + one), "'x' is complex"},
      {head + w_.array(6, {1, 1}, "x", ""), "tag"},
      {head + w_.array(4, {1, 1}, "x", w_.element(9, "12345678")), "text of type 9"},
      {head + w_.numbers<std::uint32_t>({5U << 16 | 1, 0}), "a small element promises 5 bytes"},
      {head + w_.element(14, w_.array_start(2, {1, 1}, "s") + w_.small_element(5, w_.number<std::int32_t>(0)) +
                                 w_.element(1, "abc")),
       "field names of 's'"},
      {head + w_.element(14, w_.array_start(2, {1, 1}, "s") + w_.small_element(5, w_.number<std::int32_t>(8)) +
                                 w_.element(1, "abc")),
       "field names of 's'"},
      {head + w_.structure("s", {"f"}, ""), "tag"},
      {head + w_.structure("s", {"f"}, one), "a field of 's' is no array"},
      {head + nested, "nested more than 8 deep"},
      {head + w_.compressed("abc"), "ends 5 bytes early"},
      {head + w_.element(15, "this is no deflate stream"), "cannot be inflated"},
      {head + bad_sum, "cannot be inflated"},
      {head + w_.compressed(array + array), "holds more than it says"},
      {head + w_.compressed(array.substr(0, array.size() - 8)), "ends 8 bytes early"},
      {head + w_.compressed(bomb), "promises 209715200: it is damaged"},
      {head + w_.numbers<std::uint32_t>({15, 1U << 20}) + MatWriter::deflated(beyond_limit) + std::string(1 << 20, 'x'),
       "more compressed data than is read"},
  };
  for (const auto& [file, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(parse(file), AllOf(StartsWith("x.mat: "), HasSubstr(message)));
  }
}

TEST(Mat, EveryTruncationIsRefusedOrReadsLess) {
  const MatWriter w;
  const std::string number = w.array(6, {1, 2}, "x", w.element(9, w.numbers<double>({1, 2})));
  const std::string file = w.header() + w.compressed(w.structure("s", {"f"}, number)) + number;
  ASSERT_EQ(parse(file).size(), 2U);
  for (std::size_t size = 0; size < file.size(); ++size) {
    try {
      EXPECT_LT(parse(file.substr(0, size)).size(), 2U) << size;
    } catch (const Error&) {
      SUCCEED();
    }
  }
}

TEST(Mat, ManyTinyVariablesAreRefused) {
  const MatWriter w;
  std::string file = w.header();
  for (int i = 0; i < 70000; ++i) file += w.element(14, "");
  EXPECT_DERI_ERROR(parse(file), HasSubstr("more than 65536 variables"));
}

TEST(Mat, Level73SaysWhatToDo) {
  std::string file = "MATLAB 7.3 MAT-file, Platform: GLNXA64";
  file.resize(512, ' ');
  EXPECT_DERI_ERROR(parse(file), HasSubstr("-v7 "));
  EXPECT_DERI_ERROR(parse("\x89HDF\r\n\x1a\n and so on"), HasSubstr("-v7 "));
}

TEST(Mat, OtherFilesAreNotTakenForIt) {
  for (const std::string& file :
       {std::string(4096, '\0'), std::string("r 2 250 3\nr.dat 16 200(100)/mV 16 0 100 600 0 I\n"),
        std::string("<?xml version=\"1.0\"?><RestingECG/>")})
    EXPECT_DERI_ERROR(parse(file), HasSubstr("not a MAT-file"));
}

}  // namespace
}  // namespace deri
