// The LaTeX tables.

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "deri/eval/html_page.hpp"
#include "deri/experiment/table_parts.hpp"
#include "deri/experiment/tables.hpp"

namespace deri {
namespace {

constexpr int kDecimals = 1;              // of percent
constexpr std::size_t kMostColumns = 10;  // of figures, on the width of a page of two columns

// Text that shows as itself anywhere in a table.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : one_line(text)) {
    switch (character) {
      case '\\':
        result += "\\textbackslash{}";
        break;
      case '~':
        result += "\\textasciitilde{}";
        break;
      case '^':
        result += "\\textasciicircum{}";
        break;
      case '<':
        result += "\\textless{}";
        break;
      case '>':
        result += "\\textgreater{}";
        break;
      case '|':
        result += "\\textbar{}";
        break;
      // At the start of a row these would be read as options of the line break before it.
      case '[':
        result += "{[}";
        break;
      case '*':
        result += "{*}";
        break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}':
        result += '\\';
        [[fallthrough]];
      default:
        result += character;
    }
  }
  return result;
}

Estimate percent(const Estimate& estimate) {
  return {100 * estimate.value, 100 * estimate.low, 100 * estimate.high};
}

// Groups that share a table: of one kind and protocol, as many as the page is wide.
using TableGroups = std::vector<ColumnGroup>;

std::size_t columns_of(const TableGroups& groups) {
  std::size_t count = 0;
  for (const ColumnGroup& group : groups) count += group.size();
  return count;
}

std::vector<TableGroups> packed(const std::vector<ColumnGroup>& groups) {
  std::vector<TableGroups> tables;
  for (const ColumnGroup& group : groups) {
    const auto fits = [&](const TableGroups& table) {
      const ResultColumn &like = *table.front().front(), &column = *group.front();
      return std::tie(like.kind, like.protocol) == std::tie(column.kind, column.protocol) &&
             columns_of(table) + group.size() <= kMostColumns;
    };
    if (tables.empty() || !fits(tables.back())) tables.emplace_back();
    tables.back().push_back(group);
  }
  return tables;
}

ColumnGroup all_columns(const TableGroups& groups) {
  ColumnGroup columns;
  for (const ColumnGroup& group : groups) columns.insert(columns.end(), group.begin(), group.end());
  return columns;
}

// "ptbxl, 10 %"; with the task where that alone would not tell the groups apart.
std::string group_heading(const ColumnGroup& group, const TableGroups& table) {
  const ResultColumn& column = *group.front();
  const auto same = [&](const ColumnGroup& other) {
    return std::tie(other.front()->data, other.front()->fraction) == std::tie(column.data, column.fraction);
  };
  const bool told_apart = std::count_if(table.begin(), table.end(), same) == 1;
  const std::string data = told_apart ? column.data : fmt::format("{}: {}", column.task, column.data);
  return column.fraction == 0 ? data : fmt::format("{}, {}", data, fraction_text(column.fraction));
}

std::string header_text(const TableGroups& table) {
  std::string groups, rules, names = "Model", counts;
  std::size_t first = 2;  // column 1 holds the models
  for (const ColumnGroup& group : table) {
    groups += fmt::format(" & \\multicolumn{{{}}}{{c}}{{{}}}", group.size(), escaped(group_heading(group, table)));
    rules += fmt::format("\\cmidrule(lr){{{}-{}}}", first, first + group.size() - 1);
    first += group.size();
    for (const ResultColumn* column : group) {
      names += fmt::format(" & {}", escaped(column->label_set));
      const std::string count = label_count_text(column->labels_defined, column->labels);
      counts += count.empty() ? " &" : fmt::format(" & {{\\tiny {}}}", count);
    }
  }
  return fmt::format("{} \\\\\n{}\n{} \\\\\n{} \\\\\n", groups, rules, names, counts);
}

// Two lines: the values, and below them their intervals.
std::string row_text(const std::string& name, const std::vector<const Estimate*>& estimates,
                     const std::vector<bool>& bold) {
  std::string values = name, intervals;
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const Cell cell = estimates[i] == nullptr ? Cell("---") : estimate_cell(percent(*estimates[i]), kDecimals);
    values += bold[i] ? fmt::format(" & \\textbf{{{}}}", cell.text) : fmt::format(" & {}", cell.text);
    intervals += cell.detail.empty() ? " &" : fmt::format(" & {{\\tiny {}}}", cell.detail);
  }
  return fmt::format("{} \\\\\n{} \\\\\n", values, intervals);
}

std::string rows_text(const ColumnGroup& columns, const std::vector<std::string>& models) {
  std::vector<std::vector<bool>> bold(models.size());
  for (const ResultColumn* column : columns) {
    std::vector<double> values;
    for (const std::string& model : models) {
      const ModelNumber* number = find_model(*column, model);
      values.push_back(number == nullptr ? std::numeric_limits<double>::quiet_NaN() : 100 * number->trained.value);
    }
    const std::vector<bool> best = best_of(values, kDecimals);
    for (std::size_t i = 0; i < models.size(); ++i) bold[i].push_back(best[i]);
  }
  std::string rows;
  for (std::size_t i = 0; i < models.size(); ++i) {
    std::vector<const Estimate*> trained, untrained;
    for (const ResultColumn* column : columns) {
      const ModelNumber* number = find_model(*column, models[i]);
      trained.push_back(number == nullptr ? nullptr : &number->trained);
      untrained.push_back(number == nullptr ? nullptr : &number->untrained);
    }
    rows += row_text(escaped(models[i]), trained, bold[i]);
    rows += row_text("\\quad random encoder", untrained, std::vector<bool>(columns.size(), false));
  }
  return rows;
}

std::string caption_text(const TableGroups& table, const SuiteResults& results) {
  const ColumnGroup columns = all_columns(table);
  const ResultColumn& column = *columns.front();
  std::vector<std::string> caption = {
      fmt::format("Macro AUROC in percent, {}, test split, protocol {}, {}; {}", column.kind, column.protocol,
                  records_text(columns), trainings_text(columns)),
      results.interval, "Best trained model in bold", "Random encoder: the same networks with random weights",
      "Below a label set: its labels with both classes in the test split"};
  for (const ColumnGroup& group : table)
    for (const std::string& missing : missing_results(group, results))
      caption.push_back(table.size() == 1 ? missing : fmt::format("{}: {}", group_heading(group, table), missing));
  return sentences(caption);
}

std::string table_text(const TableGroups& table, const SuiteResults& results) {
  const ColumnGroup columns = all_columns(table);
  return fmt::format(
      "\\begin{{table*}}[t]\n"
      "\\centering\n"
      "\\footnotesize\n"
      "\\setlength{{\\tabcolsep}}{{3pt}}\n"
      "\\caption{{{}}}\n"
      "\\begin{{tabular}}{{l{}}}\n"
      "\\toprule\n"
      "{}"
      "\\midrule\n"
      "{}"
      "\\bottomrule\n"
      "\\end{{tabular}}\n"
      "\\end{{table*}}\n\n",
      escaped(caption_text(table, results)), std::string(columns.size(), 'c'), header_text(table),
      rows_text(columns, table_models(results)));
}

}  // namespace

std::string latex_tables(const SuiteResults& results) {
  std::string text = fmt::format("% {}\n% Needs \\usepackage{{booktabs}}.\n", one_line(results.title));
  for (const std::string& run : unfinished_runs(results)) text += fmt::format("% Not done: {}\n", one_line(run));
  if (results.columns.empty()) text += "% No evaluation is done.\n";
  text += "\n";
  for (const TableGroups& table : packed(column_groups(results))) text += table_text(table, results);
  return text;
}

}  // namespace deri
