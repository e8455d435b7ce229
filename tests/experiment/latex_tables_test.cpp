#include <sstream>

#include "experiment/example_results.hpp"
#include "testing/testing.hpp"

#include "deri/experiment/tables.hpp"

namespace deri {
namespace {

using testing::example_results;
using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

// What a LaTeX run would stumble over: braces, environments, and rows of another length than the table's columns.
void expect_sound(const std::string& text) {
  int depth = 0;
  std::size_t columns = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() == '%') continue;
    std::size_t cells = 1;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\') {
        ++i;  // an escaped character, or a command
        continue;
      }
      depth += line[i] == '{' ? 1 : line[i] == '}' ? -1 : 0;
      EXPECT_GE(depth, 0) << line;
      cells += line[i] == '&' ? 1 : 0;
      EXPECT_EQ(std::string("#$_^~%").find(line[i]), std::string::npos) << line;
    }
    EXPECT_EQ(depth, 0) << line;
    if (line.starts_with("\\begin{tabular}")) columns = line.size() - std::string("\\begin{tabular}{}").size();
    if (line.ends_with("\\\\") && line.find("multicolumn") == std::string::npos) {
      EXPECT_EQ(cells, columns) << line;
    }
    EXPECT_FALSE(line.starts_with("[") || line.starts_with("*")) << line;
  }
  for (const char* environment : {"table*", "tabular"})
    EXPECT_EQ(count(text, fmt::format("\\begin{{{}}}", environment)),
              count(text, fmt::format("\\end{{{}}}", environment)));
}

TEST(LatexTables, PercentWithTheIntervalBelow) {
  SuiteResults results = example_results();
  results.columns.resize(2);
  const std::string text = latex_tables(results);
  expect_sound(text);
  EXPECT_THAT(text, HasSubstr("% Needs \\usepackage{booktabs}.\n"));
  EXPECT_THAT(text, HasSubstr("% Not done: MERL, seed 2, failed: out of memory\n"));
  EXPECT_THAT(text, HasSubstr("\\caption{Macro AUROC in percent, zero-shot, test split, protocol strict, 198 to "
                              "206 records; means of 2 trainings (seeds 1, 2). 95 \\% intervals of 1,000 resamples."));
  EXPECT_THAT(text, HasSubstr(" MERL has no result for sub. MERL has 1 of its 2 trainings (seed 1), for super.}\n"));
  const std::size_t begin = text.find("\\begin{tabular}");
  EXPECT_EQ(text.substr(begin, text.find("\\end{table*}") - begin),
            "\\begin{tabular}{lcc}\n"
            "\\toprule\n"
            " & \\multicolumn{2}{c}{ptbxl} \\\\\n"
            "\\cmidrule(lr){2-3}\n"
            "Model & super & sub \\\\\n"
            " & {\\tiny 5} & {\\tiny 19 of 23} \\\\\n"
            "\\midrule\n"
            "DERI & \\textbf{82.0} & 82.0 \\\\\n"
            " & {\\tiny [79.0, 85.0]} & {\\tiny [79.0, 85.0]} \\\\\n"
            "\\quad random encoder & 51.0 & 51.0 \\\\\n"
            " & {\\tiny [48.0, 54.0]} & {\\tiny [48.0, 54.0]} \\\\\n"
            "MERL & 79.0 & --- \\\\\n"
            " & {\\tiny [76.0, 82.0]} & \\\\\n"
            "\\quad random encoder & 55.0 & --- \\\\\n"
            " & {\\tiny [52.0, 58.0]} & \\\\\n"
            "\\bottomrule\n"
            "\\end{tabular}\n");
}

TEST(LatexTables, ColumnsAreGroupedByDataAndFraction) {
  SuiteResults results = example_results();
  ResultColumn probe = results.columns[2];
  results.columns.clear();
  for (const double fraction : {0.01, 0.1, 1.0}) {
    for (const char* label_set : {"super", "sub", "form"}) {
      probe.fraction = fraction;
      probe.label_set = label_set;
      results.columns.push_back(probe);
    }
  }
  const std::string one = latex_tables(results);
  expect_sound(one);
  EXPECT_EQ(count(one, "\\begin{tabular}"), 1U);
  EXPECT_THAT(one, HasSubstr(" & \\multicolumn{3}{c}{ptbxl, 1 \\%} & \\multicolumn{3}{c}{ptbxl, 10 \\%} & "
                             "\\multicolumn{3}{c}{ptbxl, 100 \\%} \\\\\n"
                             "\\cmidrule(lr){2-4}\\cmidrule(lr){5-7}\\cmidrule(lr){8-10}\n"));
  EXPECT_THAT(one, HasSubstr(" ptbxl, 10 \\%: MERL has 1 of its 2 trainings (seed 1)."));

  // Another task on the same data is told apart by its name; what does not fit on a page goes to another table.
  for (const char* task : {"other", "third"}) {
    probe.task = task;
    results.columns.push_back(probe);
  }
  const std::string two = latex_tables(results);
  expect_sound(two);
  EXPECT_EQ(count(two, "\\begin{tabular}"), 2U);
  EXPECT_THAT(two, HasSubstr("{lp: ptbxl, 100 \\%} & \\multicolumn{1}{c}{other: ptbxl, 100 \\%} \\\\\n"));
  EXPECT_THAT(two, HasSubstr("\\multicolumn{1}{c}{ptbxl, 100 \\%}"));  // alone in its table

  results.columns[0].protocol = "published";  // never in one table with strict
  EXPECT_THAT(latex_tables(results), HasSubstr("protocol published, 206 records"));
}

TEST(LatexTables, NamesShowAsThemselves) {
  SuiteResults results = example_results();
  const std::string name = "[A] & 50% of_b #c $d ~e ^f \\g {h} <i> |j|\nk";
  results.models[0] = results.runs[0].model = results.runs[1].model = name;
  for (ResultColumn& column : results.columns) column.models[0].model = name;
  results.columns[0].label_set = "*s";
  results.title = "two\nlines";
  results.models.push_back("*star");
  const std::string text = latex_tables(results);
  expect_sound(text);
  EXPECT_TRUE(text.starts_with("% two lines\n% Needs"));
  EXPECT_THAT(text, HasSubstr("\n{[}A] \\& 50\\% of\\_b \\#c \\$d \\textasciitilde{}e \\textasciicircum{}f "
                              "\\textbackslash{}g \\{h\\} \\textless{}i\\textgreater{} \\textbar{}j\\textbar{} k & "));
  EXPECT_THAT(text, HasSubstr("\n{*}star & --- & --- \\\\\n"));
}

TEST(LatexTables, OfNothing) {
  const std::string text = latex_tables(SuiteResults{});
  EXPECT_THAT(text, HasSubstr("% No evaluation is done.\n"));
  EXPECT_THAT(text, Not(HasSubstr("tabular")));
}

}  // namespace
}  // namespace deri
