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

TEST_F(Csv, ATableIsReadAtRandom) {
  const CsvTable table(file("id,text\r\n1,\"a,\n\"\"b\"\n2\n3,c,d\n4,"));
  EXPECT_THAT(table.header(), ElementsAre("id", "text"));
  ASSERT_EQ(table.size(), 4U);
  std::vector<std::string> cells = {"left", "over", "cells"};
  table.row(3, cells);
  EXPECT_THAT(cells, ElementsAre("4", ""));
  table.row(0, cells);
  EXPECT_THAT(cells, ElementsAre("1", "a,\n\"b"));
  EXPECT_EQ(table.line(0), 2U);
  EXPECT_EQ(table.line(1), 4U);
  EXPECT_DERI_ERROR(table.row(1, cells), HasSubstr("table.csv:4: 1 cells"));
  EXPECT_DERI_ERROR(table.row(2, cells), HasSubstr("table.csv:5: 3 cells"));
  std::string cell;
  table.cell(0, 1, cell);
  EXPECT_EQ(cell, "a,\n\"b");
  table.cell(1, 0, cell);
  EXPECT_EQ(cell, "2");
  EXPECT_DERI_ERROR(table.cell(1, 1, cell), HasSubstr("table.csv:4"));
  EXPECT_DERI_ERROR(CsvTable(file("a,b\n1,\"2\n")), HasSubstr("table.csv:2: a quoted cell is never closed"));
  EXPECT_DERI_ERROR(CsvTable(file("a,b\n"), {"c"}), HasSubstr("'c'"));
  EXPECT_EQ(CsvTable(file("a\n")).size(), 0U);
}

}  // namespace
}  // namespace deri
