// The tables of a comparison of systems that write reports: what stands in which column is listed once, the tables are
// made once, and each format only says how a table looks in it.

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/eval/report_comparison.hpp"
#include "deri/eval/result_json.hpp"
#include "deri/eval/svg.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kNotThere = "—";  // in the cell of a system that a column does not have
constexpr const char* kClear = "*";     // behind a difference whose interval excludes 0
constexpr const char* kBoldNote = "The best of a column is in bold.";
constexpr std::size_t kMostColumns = 6;

// One row of figures: those of a system, or of the first system minus another.
struct FigureRow {
  std::string name;
  const PrecisionRecall& micro;
  const PrecisionRecall& macro;
  const ReportScores& overlap;
  const PrecisionRecall* classes = nullptr;
  const Estimate* accuracy = nullptr;
  const ReportSystemScores* system = nullptr;  // none for a difference
};

FigureRow row_of(const ReportSystemScores& scores) {
  FigureRow row{scores.name, scores.findings.micro, scores.findings.macro, scores.overlap};
  if (scores.agreement) {
    row.classes = &scores.agreement->macro;
    row.accuracy = &scores.agreement->accuracy;
  }
  row.system = &scores;
  return row;
}

FigureRow row_of(const ReportSystemDifference& difference) {
  FigureRow row{difference.name, difference.findings.micro, difference.findings.macro, difference.overlap};
  if (difference.agreement) {
    row.classes = &difference.agreement->macro;
    row.accuracy = &difference.agreement->accuracy;
  }
  return row;
}

using Figure = std::function<std::optional<Estimate>(const FigureRow&)>;

struct FigureColumn {
  std::string table;                  // columns of one name stand in one table
  std::vector<std::string> json_key;  // from the outermost object inwards
  std::string heading;
  Figure of;
  int decimals = 3;
  bool is_score = true;  // has an interval, and the highest is best
  bool shown = true;     // in the tables; JSON has it anyway
};

using FigureColumns = std::vector<FigureColumn>;

// Figures of precision and recall under one key.
void add_precision_recall(FigureColumns& columns, const FigureColumn& like, const std::string& key,
                          const std::string& heading, Estimate PrecisionRecall::*which,
                          const std::function<const PrecisionRecall*(const FigureRow&)>& of) {
  FigureColumn column = like;
  column.json_key = {"scores", key};
  column.heading = heading;
  column.of = [which, of](const FigureRow& row) -> std::optional<Estimate> {
    const PrecisionRecall* figures = of(row);
    return figures == nullptr ? std::nullopt : std::optional(figures->*which);
  };
  columns.push_back(std::move(column));
}

void add_finding_columns(FigureColumns& columns) {
  const FigureColumn like{"Findings that the reports name", {}, "", nullptr};
  FigureColumn hidden = like;
  hidden.shown = false;
  const auto micro = [](const FigureRow& row) { return &row.micro; };
  const auto macro = [](const FigureRow& row) { return &row.macro; };
  using Figures = PrecisionRecall;
  add_precision_recall(columns, like, "finding_micro_f1", "micro F1", &Figures::f1, micro);
  add_precision_recall(columns, like, "finding_macro_f1", "macro F1", &Figures::f1, macro);
  add_precision_recall(columns, like, "finding_micro_precision", "micro precision", &Figures::precision, micro);
  add_precision_recall(columns, like, "finding_micro_recall", "micro recall", &Figures::recall, micro);
  add_precision_recall(columns, hidden, "finding_macro_precision", "macro precision", &Figures::precision, macro);
  add_precision_recall(columns, hidden, "finding_macro_recall", "macro recall", &Figures::recall, macro);
}

void add_class_columns(FigureColumns& columns) {
  const FigureColumn like{"The class that the judge gives each report", {}, "", nullptr};
  const auto classes = [](const FigureRow& row) { return row.classes; };
  using Figures = PrecisionRecall;
  add_precision_recall(columns, like, "class_macro_f1", "macro F1", &Figures::f1, classes);
  add_precision_recall(columns, like, "class_macro_precision", "macro precision", &Figures::precision, classes);
  add_precision_recall(columns, like, "class_macro_recall", "macro recall", &Figures::recall, classes);
  columns.push_back({like.table, {"scores", "class_accuracy"}, "accuracy", [](const FigureRow& row) {
                       return row.accuracy == nullptr ? std::nullopt : std::optional(*row.accuracy);
                     }});
}

// None for a row that does not have the label set.
Figure label_set_figure(const std::string& label_set, Estimate LabelSetScores::*which) {
  return [label_set, which](const FigureRow& row) -> std::optional<Estimate> {
    if (row.system == nullptr) return std::nullopt;
    for (const LabelSetScores& scores : row.system->label_sets)
      if (scores.label_set == label_set) return scores.*which;
    return std::nullopt;
  };
}

void add_label_set_columns(FigureColumns& columns, const std::vector<ReportSystemScores>& systems) {
  const std::string table = "Labels that a text tower reads from the reports: means over labels";
  std::vector<std::string> seen;
  for (const ReportSystemScores& system : systems) {
    for (const LabelSetScores& scores : system.label_sets) {
      const std::string& set = scores.label_set;
      if (std::find(seen.begin(), seen.end(), set) != seen.end()) continue;
      seen.push_back(set);
      columns.push_back({table,
                         {"label_sets", set, "macro_f1"},
                         fmt::format("{} F1", set),
                         label_set_figure(set, &LabelSetScores::macro_f1)});
      columns.push_back({table,
                         {"label_sets", set, "macro_auroc"},
                         fmt::format("{} AUROC", set),
                         label_set_figure(set, &LabelSetScores::macro_auroc)});
    }
  }
}

void add_overlap_columns(FigureColumns& columns) {
  using Bleus = std::array<Estimate, kBleuOrders>;
  const auto add_bleus = [&](const char* table, const char* key, Bleus ReportScores::*which) {
    for (std::size_t n = 0; n < kBleuOrders; ++n)
      columns.push_back({table,
                         {"scores", fmt::format("{}{}", key, n + 1)},
                         fmt::format("BLEU-{}", n + 1),
                         [which, n](const FigureRow& row) { return std::optional((row.overlap.*which)[n]); }});
  };
  const auto add = [&](const char* key, const char* heading, Estimate ReportScores::*which) {
    columns.push_back({"Other overlap and length", {"scores", key}, heading, [which](const FigureRow& row) {
                         return std::optional(row.overlap.*which);
                       }});
  };
  add_bleus("BLEU of the corpus", "corpus_bleu", &ReportScores::corpus_bleu);
  add_bleus("Mean BLEU of the single reports", "sentence_bleu", &ReportScores::sentence_bleu);
  add("rouge_l", "ROUGE-L", &ReportScores::rouge_l);
  add("meteor", "METEOR", &ReportScores::meteor);
  add("cider_d", "CIDEr-D", &ReportScores::cider_d);
}

// Plain numbers of a system, without an interval.
void add_length_columns(FigureColumns& columns) {
  const auto add = [&](const char* key, const char* heading, int decimals,
                       const std::function<double(const ReportSystemScores&)>& of) {
    columns.push_back({columns.back().table,
                       {key},
                       heading,
                       [of](const FigureRow& row) -> std::optional<Estimate> {
                         if (row.system == nullptr) return std::nullopt;
                         return Estimate{of(*row.system), kNaN, kNaN};
                       },
                       decimals,
                       false});
  };
  add("mean_words", "words per report", 1, [](const ReportSystemScores& scores) { return scores.mean_words; });
  add("distinct", "distinct reports", 0,
      [](const ReportSystemScores& scores) { return static_cast<double>(scores.distinct); });
}

// Every column of every format.
FigureColumns figure_columns(const ReportComparison& comparison) {
  FigureColumns columns;
  add_finding_columns(columns);
  add_class_columns(columns);
  add_label_set_columns(columns, comparison.systems);
  add_overlap_columns(columns);
  add_length_columns(columns);
  return columns;
}

// Not by rounding alone: equal figures of different reports may differ in their last bits.
bool excludes_zero(const Estimate& difference) {
  constexpr double kRounding = 1e-12;
  return difference.low > kRounding || difference.high < -kRounding;
}

Cell difference_cell(const Estimate& difference, int decimals) {
  if (std::isnan(difference.value)) return {"n/a"};
  return {fmt::format("{:+.{}f}{}", difference.value, decimals, excludes_zero(difference) ? kClear : ""),
          fmt::format("[{:+.{}f}, {:+.{}f}]", difference.low, decimals, difference.high, decimals)};
}

enum class RowKind { kSystems, kDifferences };

// The column's cells; of several systems' the highest in bold, as it looks rounded.
std::vector<Cell> column_cells(const FigureColumn& column, const std::vector<FigureRow>& rows, RowKind kind) {
  std::vector<Cell> cells;
  double best = -HUGE_VAL;
  int numbers = 0;
  for (const FigureRow& row : rows) {
    const std::optional<Estimate> figure = column.of(row);
    if (!figure) {
      cells.emplace_back(kNotThere);
      continue;
    }
    best = std::fmax(best, figure->value);
    numbers += std::isnan(figure->value) ? 0 : 1;
    cells.push_back(kind == RowKind::kSystems ? estimate_cell(*figure, column.decimals)
                                              : difference_cell(*figure, column.decimals));
  }
  if (kind == RowKind::kSystems && column.is_score && numbers > 1)
    for (Cell& cell : cells) cell.strong = cell.text == format_number(best, column.decimals);
  return cells;
}

bool anywhere(const FigureColumn& column, const std::vector<FigureRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [&](const FigureRow& row) { return column.of(row).has_value(); });
}

void begin_table(std::vector<Table>& tables, const std::string& caption, const std::string& first_heading,
                 const std::vector<FigureRow>& rows) {
  Table table;
  table.header = {first_heading};
  table.caption = caption;
  table.stacked = true;
  for (const FigureRow& row : rows) table.rows.push_back({Cell(printable(row.name))});
  tables.push_back(std::move(table));
}

// Tables of the columns that any row has.
std::vector<Table> figure_tables(const FigureColumns& columns, const std::vector<FigureRow>& rows, RowKind kind,
                                 const std::string& first_heading) {
  std::vector<Table> tables;
  if (rows.empty()) return tables;
  const bool systems = kind == RowKind::kSystems;
  for (const FigureColumn& column : columns) {
    if (!column.shown || !anywhere(column, rows)) continue;
    const std::string caption = systems ? column.table : fmt::format("{}: differences", column.table);
    if (tables.empty() || tables.back().caption != caption || tables.back().header.size() > kMostColumns)
      begin_table(tables, caption, first_heading, rows);
    Table& table = tables.back();
    table.header.push_back(printable(column.heading));
    const std::vector<Cell> cells = column_cells(column, rows, kind);
    for (std::size_t i = 0; i < rows.size(); ++i) table.rows[i].push_back(cells[i]);
  }
  return tables;
}

std::vector<FigureRow> system_rows(const ReportComparison& comparison) {
  std::vector<FigureRow> rows;
  for (const ReportSystemScores& scores : comparison.systems) rows.push_back(row_of(scores));
  return rows;
}

std::vector<FigureRow> difference_rows(const ReportComparison& comparison) {
  std::vector<FigureRow> rows;
  for (const ReportSystemDifference& difference : comparison.differences) rows.push_back(row_of(difference));
  return rows;
}

std::vector<Cell> finding_row(std::string_view name, const FindingScore& counts) {
  return {Cell(std::string(name)),
          Cell(fmt::format("{}", counts.true_reports)),
          Cell(fmt::format("{}", counts.generated_reports)),
          Cell(fmt::format("{}", counts.both)),
          estimate_cell(counts.score.f1),
          estimate_cell(counts.score.precision),
          estimate_cell(counts.score.recall)};
}

// Of the first system; the means in the last two rows.
Table finding_table(const ReportSystemScores& scores) {
  Table table;
  table.caption = fmt::format("Findings one by one: {}", printable(scores.name));
  table.header = {"Finding", "true", "written", "both", "F1", "precision", "recall"};
  table.stacked = true;
  FindingScore all;
  for (const FindingScore& finding : scores.findings.findings) {
    table.rows.push_back(finding_row(info(finding.finding).name, finding));
    all.true_reports += finding.true_reports;
    all.generated_reports += finding.generated_reports;
    all.both += finding.both;
  }
  for (const bool micro : {true, false}) {
    all.score = micro ? scores.findings.micro : scores.findings.macro;
    table.summary_rows.push_back(table.rows.size());
    table.rows.push_back(finding_row(micro ? "all (micro)" : "mean (macro)", all));
    if (!micro) std::fill_n(table.rows.back().begin() + 1, 3, Cell(""));
  }
  return table;
}

// What the tables are of, and how to read them.
std::string introduction(const ReportComparison& comparison) {
  const BootstrapOptions& bootstrap = comparison.options.bootstrap;
  return fmt::format(
      "{} records. True reports have {:.1f} words on average; {} are distinct. In brackets: {:g} % intervals, "
      "bootstrap over records, {} resamples. {}",
      comparison.records, comparison.true_mean_words, comparison.true_distinct, 100 * bootstrap.confidence,
      bootstrap.resamples,
      comparison.options.present_only ? "What a report calls uncertain is no finding."
                                      : "What a report calls uncertain is a finding.");
}

std::string difference_note() {
  return fmt::format("Differences are paired by record; {} marks an interval that excludes 0.", kClear);
}

// Characters, which is what a column's width is counted in.
std::size_t width_of(const std::string& text) {
  return decode_utf8(text).size();
}

std::string plain_text(const Cell& cell) {
  return cell.detail.empty() ? cell.text : fmt::format("{} {}", cell.text, cell.detail);
}

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  return to_the_right ? fmt::format("{}{}", blanks, text) : fmt::format("{}{}", text, blanks);
}

std::string terminal_table(const Table& table) {
  std::vector<std::vector<std::string>> lines{table.header};
  for (const std::vector<Cell>& row : table.rows) {
    lines.emplace_back();
    for (const Cell& cell : row) lines.back().push_back(plain_text(cell));
  }
  std::vector<std::size_t> widths(table.header.size(), 0);
  for (const std::vector<std::string>& line : lines)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], width_of(line[c]));
  std::string text = fmt::format("{}\n", table.caption);
  for (const std::vector<std::string>& line : lines) {
    std::vector<std::string> cells;
    for (std::size_t c = 0; c < line.size(); ++c) cells.push_back(padded(line[c], widths[c], c >= table.text_columns));
    text += fmt::format("  {}\n", fmt::join(cells, "  "));
  }
  return text;
}

// Text that shows as itself in Markdown, inside a table too.
std::string markdown_escaped(const std::string& text) {
  std::string result;
  for (const char character : text) {
    if (std::string_view("\\`*_[]<>#|~&$").find(character) != std::string_view::npos) result += '\\';
    result += character;
  }
  return result;
}

std::string markdown_cell(const Cell& cell) {
  const std::string text = markdown_escaped(cell.text);
  return fmt::format("{}{}{}", cell.strong ? fmt::format("**{}**", text) : text, cell.detail.empty() ? "" : " ",
                     cell.detail);
}

std::string markdown_row(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string markdown_table(const Table& table) {
  std::vector<std::string> header, rule;
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    header.push_back(markdown_escaped(table.header[c]));
    rule.emplace_back(c < table.text_columns ? "---" : "---:");
  }
  std::string text =
      fmt::format("**{}**\n\n{}{}", markdown_escaped(table.caption), markdown_row(header), markdown_row(rule));
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(markdown_cell(cell));
    text += markdown_row(cells);
  }
  return text;
}

// What every format shows, in its order.
struct ComparisonTables {
  std::vector<Table> systems, differences;
  Table findings;
};

ComparisonTables comparison_tables(const ReportComparison& comparison) {
  DERI_CHECK(!comparison.systems.empty());
  const FigureColumns columns = figure_columns(comparison);
  return {figure_tables(columns, system_rows(comparison), RowKind::kSystems, "System"),
          figure_tables(columns, difference_rows(comparison), RowKind::kDifferences,
                        fmt::format("{} minus", printable(comparison.systems.front().name))),
          finding_table(comparison.systems.front())};
}

// Paragraphs and tables one after the other, an empty line between.
std::string document(const ReportComparison& comparison, const std::string& opening,
                     const std::function<std::string(const std::string&)>& prose,
                     const std::function<std::string(const Table&)>& table) {
  const ComparisonTables tables = comparison_tables(comparison);
  std::string text = fmt::format("{}\n", prose(opening));
  for (const Table& each : tables.systems) text += fmt::format("\n{}", table(each));
  if (!tables.differences.empty()) text += fmt::format("\n{}\n", prose(difference_note()));
  for (const Table& each : tables.differences) text += fmt::format("\n{}", table(each));
  return text + fmt::format("\n{}", table(tables.findings));
}

Json finding_json(const FindingScore& finding) {
  return {{"finding", info(finding.finding).name},          {"true_reports", finding.true_reports},
          {"generated_reports", finding.generated_reports}, {"both", finding.both},
          {"f1", estimate_json(finding.score.f1)},          {"precision", estimate_json(finding.score.precision)},
          {"recall", estimate_json(finding.score.recall)}};
}

Json figure_json(const FigureColumn& column, const Estimate& figure, RowKind kind) {
  if (!column.is_score) return column.decimals == 0 ? Json(std::llround(figure.value)) : json_number(figure.value);
  Json json = estimate_json(figure);
  if (kind == RowKind::kDifferences) json["excludes_zero"] = excludes_zero(figure);
  return json;
}

void add_figures(Json& json, const FigureColumns& columns, const FigureRow& row, RowKind kind) {
  for (const FigureColumn& column : columns) {
    const std::optional<Estimate> figure = column.of(row);
    if (!figure) continue;
    Json* at = &json;
    for (const std::string& key : column.json_key) at = &(*at)[key];
    *at = figure_json(column, *figure, kind);
  }
}

Json system_json(const FigureColumns& columns, const ReportSystemScores& scores) {
  Json json = {{"name", scores.name}};
  add_figures(json, columns, row_of(scores), RowKind::kSystems);
  if (scores.agreement) json["classes"] = scores.agreement->classes;
  json["findings"] = Json::array();
  for (const FindingScore& finding : scores.findings.findings) json["findings"].push_back(finding_json(finding));
  return json;
}

Json difference_json(const FigureColumns& columns, const std::string& first, const ReportSystemDifference& difference) {
  Json json = {{"first", first}, {"other", difference.name}};
  add_figures(json, columns, row_of(difference), RowKind::kDifferences);
  return json;
}

}  // namespace

std::string to_text(const ReportComparison& comparison) {
  return document(
      comparison, introduction(comparison), [](const std::string& text) { return text; }, terminal_table);
}

std::string to_markdown(const ReportComparison& comparison) {
  return document(comparison, fmt::format("{} {}", introduction(comparison), kBoldNote), markdown_escaped,
                  markdown_table);
}

void add_to_page(HtmlPage& page, const ReportComparison& comparison) {
  const ComparisonTables tables = comparison_tables(comparison);
  page.paragraph(fmt::format("{} {}", introduction(comparison), kBoldNote));
  for (const Table& table : tables.systems) page.table(table);
  if (!tables.differences.empty()) page.paragraph(difference_note());
  for (const Table& table : tables.differences) page.table(table);
  page.begin_details(tables.findings.caption);
  page.table(tables.findings);
  page.end_details();
}

Json to_json(const ReportComparison& comparison) {
  DERI_CHECK(!comparison.systems.empty());
  const FigureColumns columns = figure_columns(comparison);
  const BootstrapOptions& bootstrap = comparison.options.bootstrap;
  Json json = {{"records", comparison.records},
               {"resamples", bootstrap.resamples},
               {"confidence", bootstrap.confidence},
               {"seed", bootstrap.seed},
               {"present_only", comparison.options.present_only},
               {"truth", {{"mean_words", comparison.true_mean_words}, {"distinct", comparison.true_distinct}}},
               {"systems", Json::array()},
               {"differences", Json::array()}};
  for (const ReportSystemScores& scores : comparison.systems) json["systems"].push_back(system_json(columns, scores));
  for (const ReportSystemDifference& difference : comparison.differences)
    json["differences"].push_back(difference_json(columns, comparison.systems.front().name, difference));
  return json;
}

}  // namespace deri
