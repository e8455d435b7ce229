#include "deri/experiment/tables.hpp"

#include <sstream>

#include "experiment/example_results.hpp"
#include "testing/testing.hpp"

namespace deri {
namespace {

using testing::around;
using testing::example_results;
using ::testing::HasSubstr;
using testing::kNotANumber;
using ::testing::Not;
using testing::seed_number;
using testing::undefined;

// The lines of a table, from its number to the blank line after it.
std::string table_number(const std::string& document, int number) {
  const std::size_t caption = document.find(fmt::format("**Table {}.**", number));
  if (caption == std::string::npos) return "";
  const std::size_t begin = document.find("\n\n", caption) + 2;
  return document.substr(begin, document.find("\n\n", begin) + 1 - begin);
}

// Of a row, by the bars that are not escaped.
std::ptrdiff_t cells(const std::string& line) {
  std::ptrdiff_t bars = 0;
  for (std::size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
  return bars - 1;
}

TEST(MarkdownTables, MeansHaveARowPerModelAndOnePerTwin) {
  EXPECT_EQ(table_number(markdown_tables(example_results()), 1),
            "| Model | super (5) | sub (19 of 23) |\n"
            "|---|---|---|\n"
            "| DERI | **0.820** [0.790, 0.850] | 0.820 [0.790, 0.850] |\n"
            "| DERI, untrained | 0.510 [0.480, 0.540] | 0.510 [0.480, 0.540] |\n"
            "| MERL | 0.790 [0.760, 0.820] | — |\n"
            "| MERL, untrained | 0.550 [0.520, 0.580] | — |\n");
}

TEST(MarkdownTables, TheOtherTablesOfATask) {
  const std::string text = markdown_tables(example_results());
  EXPECT_EQ(table_number(text, 2),
            "| Model | Seed | super (5) | sub (19 of 23) |\n"
            "|---|---|---|---|\n"
            "| DERI | 1 | 0.800 [0.770, 0.830] | 0.800 [0.770, 0.830] |\n"
            "| DERI | 2 | 0.840 [0.810, 0.870] | 0.840 [0.810, 0.870] |\n"
            "| MERL | 1 | 0.790 [0.760, 0.820] | — |\n");
  EXPECT_EQ(table_number(text, 3),
            "| Model | super (5) | sub (9 of 23) |\n"
            "|---|---|---|\n"
            "| DERI | **0.841** [0.811, 0.871] | 0.841 [0.811, 0.871] |\n"
            "| MERL | 0.700 [0.670, 0.730] | — |\n");
  EXPECT_EQ(table_number(text, 4),
            "| a | b | Label set | Difference | p |\n"
            "|---|---|---|---|---|\n"
            "| DERI | untrained | super | +0.310 [+0.280, +0.340] | 0.0005 |\n"
            "| MERL | untrained | super | n/a | n/a |\n"
            "| DERI | MERL | super | +0.030 [+0.000, +0.060] | 0.2500 |\n"
            "| DERI | untrained | sub | +0.310 [+0.280, +0.340] | 0.0005 |\n");
  EXPECT_THAT(text, HasSubstr("\nEvery label that counts has 10 positives or more in the test split.\n"));  // the probe
}

TEST(MarkdownTables, CaptionsSayWhatTheNumbersAre) {
  const std::string text = markdown_tables(example_results());
  EXPECT_THAT(text, HasSubstr("\n## zs: zero-shot on ptbxl\n\n**Table 1.** Macro AUROC, zero-shot on ptbxl, test "
                              "split, protocol strict, 198 to 206 records; means of 2 trainings (seeds 1, 2). 95 % "
                              "intervals of 1,000 resamples. The best"));
  EXPECT_THAT(text, HasSubstr("## lp: probe on ptbxl, 10 % of the training records"));
  EXPECT_THAT(text, HasSubstr("protocol strict, 206 records; means of"));
}

TEST(MarkdownTables, RobustnessAndTrainings) {
  const std::string text = markdown_tables(example_results());
  EXPECT_EQ(table_number(text, 8),
            "| Model | 12 leads | 1 lead |\n"
            "|---|---|---|\n"
            "| DERI | **0.820** [0.790, 0.850] | n/a |\n"
            "| MERL | 0.790 [0.760, 0.820] | — |\n");
  EXPECT_EQ(table_number(text, 9),
            "| Model | 0 % | 2.5 % |\n"
            "|---|---|---|\n"
            "| DERI | 0.820 [0.790, 0.850] | 0.700 [0.670, 0.730] |\n"
            "| MERL | — | — |\n");
  EXPECT_EQ(table_number(text, 10),
            "| Model | Seed | State | Best epoch | Validation | Training time | Folder |\n"
            "|---|---|---|---|---|---|---|\n"
            "| DERI | 1 | done | 12 | 0.8123 | 7 min 05 s | runs/DERI-1 |\n"
            "| DERI | 2 | done | 14 | 0.8201 | 7 min 10 s | runs/DERI-2 |\n"
            "| MERL | 1 | done | — | — | — | models/merl |\n"
            "| MERL | 2 | failed: out of memory | — | — | 12 s | runs/MERL-2 |\n");
  EXPECT_THAT(text, HasSubstr("All together took 14 min 27 s."));
}

TEST(MarkdownTables, WhatIsMissingIsSaid) {
  SuiteResults results = example_results();
  results.models.push_back("Third");
  results.runs.push_back({"Third", 1, "missing", "", 0, 0, kNotANumber});
  const std::string text = markdown_tables(results);
  EXPECT_THAT(text,
              HasSubstr("not in the tables:\n\n- MERL, seed 2, failed: out of memory\n- Third, seed 1, missing\n"));
  EXPECT_THAT(text, HasSubstr("\nMERL has no result for sub. MERL has 1 of its 2 trainings (seed 1), for super. Third "
                              "has no finished training.\n"));
  EXPECT_THAT(table_number(text, 1), HasSubstr("| Third | — | — |\n| Third, untrained | — | — |\n"));
  EXPECT_THAT(text, Not(HasSubstr("DERI has")));

  results.runs[3].state = results.runs[4].state = "done";
  EXPECT_THAT(markdown_tables(results), Not(HasSubstr("These runs are not done")));
}

TEST(MarkdownTables, TheBestIsWhatLooksBest) {
  SuiteResults results = example_results();
  results.columns.resize(1);
  ModelNumber &deri = results.columns[0].models[0], &merl = results.columns[0].models[1];
  deri.trained = around(.82041);
  merl.trained = around(.81961);  // the same three decimals
  const std::string both = table_number(markdown_tables(results), 1);
  EXPECT_THAT(both, HasSubstr("| DERI | **0.820** ["));
  EXPECT_THAT(both, HasSubstr("| MERL | **0.820** ["));
  deri.trained = around(.7);
  merl.untrained = around(.9);  // never bold
  const std::string second = table_number(markdown_tables(results), 1);
  EXPECT_THAT(second, HasSubstr("| DERI | 0.700 ["));
  EXPECT_THAT(second, HasSubstr("| MERL | **0.820** ["));
  EXPECT_THAT(second, HasSubstr("| MERL, untrained | 0.900 ["));
  deri.trained = undefined();  // the only number is not the best of anything
  EXPECT_THAT(table_number(markdown_tables(results), 1), HasSubstr("| DERI | n/a |"));
  EXPECT_THAT(table_number(markdown_tables(results), 1), HasSubstr("| MERL | 0.820 ["));
  merl.trained = {.8, kNotANumber, kNotANumber};
  EXPECT_THAT(table_number(markdown_tables(results), 1), HasSubstr("| MERL | 0.800 |"));
}

TEST(MarkdownTables, OneTrainingAndNothingAtAll) {
  SuiteResults results;
  results.title = "Empty";
  EXPECT_EQ(markdown_tables(results), "# Empty\n\nNo evaluation is done.\n\n");
  results.models = {"A"};
  results.columns = {{"t",
                      "zero-shot",
                      "d",
                      "published",
                      "all",
                      0,
                      1,
                      3,
                      3,
                      3,
                      {{"A", {seed_number(7, .6, .5)}, around(.6), around(.5), around(.6), around(.1), .01}},
                      {}}};
  EXPECT_THAT(markdown_tables(results), HasSubstr("protocol published, 1 record; training of seed 7. The best"));
  results.columns[0].models.clear();
  EXPECT_THAT(markdown_tables(results), HasSubstr("1 record; no training. The best"));
  EXPECT_THAT(markdown_tables(results), HasSubstr("A has no finished training."));
}

TEST(MarkdownTables, NamesShowAsThemselves) {
  const std::string name = "a|b *c* [d](e) <f> `g` _h_ \\ i\nj";
  SuiteResults results = example_results();
  results.models[0] = name;
  results.runs[0].model = results.runs[1].model = name;
  results.runs[3].state = "failed: x | y\nz";
  results.columns[0].label_set = "s|t";
  for (ResultColumn& column : results.columns) column.models[0].model = name;
  const std::string text = markdown_tables(results);
  EXPECT_THAT(text, HasSubstr("\n| a\\|b \\*c\\* \\[d\\](e) \\<f\\> \\`g\\` \\_h\\_ \\\\ i j | **0.820**"));
  EXPECT_THAT(text, HasSubstr("| s\\|t (5) |"));
  EXPECT_THAT(text, HasSubstr("- MERL, seed 2, failed: x \\| y z\n"));
  std::istringstream lines(text);
  std::ptrdiff_t header = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() != '|') {
      header = 0;
    } else if (header == 0) {
      header = cells(line);
    } else {
      EXPECT_EQ(cells(line), header) << line;
    }
  }
}

}  // namespace
}  // namespace deri
