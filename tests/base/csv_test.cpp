#include "deri/base/csv.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Csv : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& text) {
    const auto path = folder_.path() / "table.csv";
    write_file_atomic(path, text);
    return path;
  }
  TemporaryDirectory folder_;
};

TEST_F(Csv, ReadsQuotesCommasLineBreaksAndWindowsEnds) {
  CsvReader reader(file("\xEF\xBB\xBFid,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n2,\n"));
  EXPECT_THAT(reader.header(), ElementsAre("id", "text"));
  std::vector<std::string> cells;
  ASSERT_TRUE(reader.next(cells));
  EXPECT_THAT(cells, ElementsAre("1", "a, \"b\"\nc"));
  ASSERT_TRUE(reader.next(cells));
  EXPECT_EQ(reader.line(), 4U);
  EXPECT_THAT(cells, ElementsAre("2", ""));
  EXPECT_FALSE(reader.next(cells));
}

TEST_F(Csv, WritesWhatItReads) {
  const std::vector<std::string> cells = {"plain", "a,b", "say \"x\"", "two\nlines", ""};
  CsvReader reader(file("a,b,c,d,e\n" + csv_row(cells)));
  std::vector<std::string> read;
  ASSERT_TRUE(reader.next(read));
  EXPECT_EQ(read, cells);
}

TEST_F(Csv, ErrorsNameFileColumnAndLine) {
  EXPECT_DERI_ERROR(CsvReader(file("a,b\n"), {"report"}),
                    AllOf(HasSubstr("table.csv"), HasSubstr("'report'"), HasSubstr("a, b")));
  EXPECT_DERI_ERROR(CsvReader(file("")), HasSubstr("empty"));
  EXPECT_DERI_ERROR(CsvReader(file("a,a\n")), HasSubstr("twice"));
  std::vector<std::string> cells;
  CsvReader short_row(file("a,b\n1,2\n3\n"));
  short_row.next(cells);
  EXPECT_DERI_ERROR(short_row.next(cells), HasSubstr("table.csv:3"));
  CsvReader open_quote(file("a,b\n1,\"2\n"));
  EXPECT_DERI_ERROR(open_quote.next(cells), HasSubstr("never closed"));
}

}  // namespace
}  // namespace deri
