// The Markdown tables.

#include "deri/experiment/tables.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/progress.hpp"
#include "deri/eval/html_page.hpp"
#include "deri/eval/metrics.hpp"
#include "deri/eval/svg.hpp"
#include "deri/experiment/table_parts.hpp"

namespace deri {
namespace {

constexpr int kDecimals = 3;
constexpr const char* kBestInBold = "The best trained model of a column is in bold.";
constexpr const char* kUntrained = "Untrained: the same networks with random weights.";

using Row = std::vector<std::string>;  // of cells, already Markdown

// Text that shows as itself, in one line and inside a table too.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : one_line(text)) {
    if (std::string_view("\\`*_[]<>#|~&$").find(character) != std::string_view::npos) result += '\\';
    result += character;
  }
  return result;
}

std::string row_text(const Row& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string table_text(const Row& header, const std::vector<Row>& rows) {
  std::string text = row_text(header);
  for (std::size_t i = 0; i < header.size(); ++i) text += "|---";
  text += "|\n";
  for (const Row& row : rows) {
    DERI_CHECK(row.size() == header.size());
    text += row_text(row);
  }
  return text;
}

std::string estimate_markdown(const Estimate& estimate, bool bold = false) {
  const Cell cell = estimate_cell(estimate, kDecimals);
  const std::string value = bold ? fmt::format("**{}**", cell.text) : cell.text;
  return cell.detail.empty() ? value : fmt::format("{} {}", value, cell.detail);
}

// The estimates of one row; none where a cell has no result.
using Estimates = std::vector<const Estimate*>;

// A cell per estimate; in each column, of the rows given, the best in bold.
std::vector<Row> marked_rows(const std::vector<Estimates>& rows) {
  std::vector<Row> cells(rows.size());
  for (std::size_t column = 0; !rows.empty() && column < rows.front().size(); ++column) {
    std::vector<double> values;
    for (const Estimates& row : rows)
      values.push_back(row[column] == nullptr ? std::numeric_limits<double>::quiet_NaN() : row[column]->value);
    const std::vector<bool> best = best_of(values, kDecimals);
    for (std::size_t i = 0; i < rows.size(); ++i)
      cells[i].push_back(rows[i][column] == nullptr ? kMissing : estimate_markdown(*rows[i][column], best[i]));
  }
  return cells;
}

Row with_name(std::string name, Row cells) {
  cells.insert(cells.begin(), std::move(name));
  return cells;
}

std::vector<Row> named_rows(const std::vector<std::string>& models, std::vector<Row> rows) {
  for (std::size_t i = 0; i < models.size(); ++i) rows[i] = with_name(escaped(models[i]), rows[i]);
  return rows;
}

// One of a model's numbers in every column.
Estimates model_estimates(const ColumnGroup& group, const std::string& model, Estimate ModelNumber::*which) {
  Estimates estimates;
  for (const ResultColumn* column : group) {
    const ModelNumber* number = find_model(*column, model);
    estimates.push_back(number == nullptr ? nullptr : &(number->*which));
  }
  return estimates;
}

Row label_set_header(const ColumnGroup& group, Row header, std::size_t ResultColumn::*counted) {
  for (const ResultColumn* column : group) header.push_back(escaped(label_set_text(*column, column->*counted)));
  return header;
}

// Numbers the tables of a document.
class Document {
 public:
  void heading(int level, const std::string& text) {
    text_ += fmt::format("{} {}\n\n", std::string(static_cast<std::size_t>(level), '#'), escaped(text));
  }
  void paragraph(const std::string& text) {
    if (!text.empty()) text_ += fmt::format("{}\n\n", escaped(text));
  }
  void list(const std::vector<std::string>& items) {
    for (const std::string& item : items) text_ += fmt::format("- {}\n", escaped(item));
    text_ += "\n";
  }
  void table(const std::string& caption, const Row& header, const std::vector<Row>& rows) {
    text_ += fmt::format("**Table {}.** {}\n\n{}\n", ++tables_, escaped(caption), table_text(header, rows));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int tables_ = 0;
};

// What a table's numbers are; begins the captions of a group's tables.
std::string subject(const ColumnGroup& group) {
  const ResultColumn& column = *group.front();
  return fmt::format("Macro AUROC, {}, test split, protocol {}, {}", evaluation_text(column), column.protocol,
                     records_text(group));
}

void add_means(Document& document, const ColumnGroup& group, const SuiteResults& results) {
  const std::vector<std::string> models = table_models(results);
  std::vector<Estimates> trained;
  for (const std::string& model : models) trained.push_back(model_estimates(group, model, &ModelNumber::trained));
  const std::vector<Row> cells = marked_rows(trained);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < models.size(); ++i) {
    rows.push_back(with_name(escaped(models[i]), cells[i]));
    rows.push_back(with_name(fmt::format("{}, untrained", escaped(models[i])),
                             marked_rows({model_estimates(group, models[i], &ModelNumber::untrained)}).front()));
  }
  const std::string caption =
      sentences({fmt::format("{}; {}", subject(group), trainings_text(group)), results.interval, kBestInBold,
                 kUntrained, "In brackets after a label set: its labels with both classes in the test split"});
  document.table(caption, label_set_header(group, {"Model"}, &ResultColumn::labels_defined), rows);
  document.paragraph(sentences(missing_results(group, results)));
}

void add_seeds(Document& document, const ColumnGroup& group, const SuiteResults& results) {
  std::vector<Row> rows;
  for (const std::string& model : table_models(results)) {
    std::map<std::uint64_t, Estimates> by_seed;
    for (std::size_t column = 0; column < group.size(); ++column) {
      const ModelNumber* number = find_model(*group[column], model);
      if (number == nullptr) continue;
      for (const SeedNumber& seed : number->seeds) {
        Estimates& estimates = by_seed.try_emplace(seed.seed, group.size(), nullptr).first->second;
        estimates[column] = &seed.trained;
      }
    }
    for (const auto& [seed, estimates] : by_seed)
      rows.push_back(with_name(escaped(model), with_name(fmt::format("{}", seed), marked_rows({estimates}).front())));
  }
  if (rows.empty()) return;
  document.table(fmt::format("{}: each training by itself.", subject(group)),
                 label_set_header(group, {"Model", "Seed"}, &ResultColumn::labels_defined), rows);
}

void add_frequent(Document& document, const ColumnGroup& group, const SuiteResults& results) {
  const bool all_frequent = std::all_of(group.begin(), group.end(), [](const ResultColumn* column) {
    return column->labels_frequent == column->labels_defined;
  });
  if (all_frequent) {
    document.paragraph(
        fmt::format("Every label that counts has {} positives or more in the test split.", kFrequentPositives));
    return;
  }
  const std::vector<std::string> models = table_models(results);
  std::vector<Estimates> estimates;
  for (const std::string& model : models) estimates.push_back(model_estimates(group, model, &ModelNumber::frequent));
  document.table(
      fmt::format("{}: over labels with {} positives or more. {}", subject(group), kFrequentPositives, kBestInBold),
      label_set_header(group, {"Model"}, &ResultColumn::labels_frequent), named_rows(models, marked_rows(estimates)));
}

void add_differences(Document& document, const ColumnGroup& group, const SuiteResults& results) {
  std::vector<Row> rows;
  const auto add = [&](const std::string& a, const std::string& b, const ResultColumn& column,
                       const Estimate& difference, double p_value) {
    rows.push_back({escaped(a), escaped(b), escaped(column.label_set), signed_text(difference), p_text(p_value)});
  };
  for (const ResultColumn* column : group) {
    for (const ModelNumber& number : column->models)
      if (!std::isnan(number.untrained.value))
        add(number.model, "untrained", *column, number.difference, number.p_value);
    for (const ModelDifference& compared : column->comparisons)
      add(compared.a, compared.b, *column, compared.difference, compared.p_value);
  }
  if (rows.empty()) return;
  document.table(sentences({fmt::format("{}: differences of the means over trainings, a minus b", subject(group)),
                            results.interval}),
                 {"a", "b", "Label set", "Difference", "p"}, rows);
}

// A model's estimate at x, if it has one.
const Estimate* point_at(const CurveGroup& group, const std::string& model, double x) {
  for (const RobustnessCurve* curve : group) {
    if (curve->model != model) continue;
    const auto found = std::find(curve->x.begin(), curve->x.end(), x);
    if (found != curve->x.end()) return &curve->auroc[static_cast<std::size_t>(found - curve->x.begin())];
  }
  return nullptr;
}

// Of all curves, in the order in which they come.
std::vector<double> positions_of(const CurveGroup& group) {
  std::vector<double> positions;
  for (const RobustnessCurve* curve : group) {
    DERI_CHECK(curve->x.size() == curve->auroc.size());
    for (const double x : curve->x)
      if (std::find(positions.begin(), positions.end(), x) == positions.end()) positions.push_back(x);
  }
  return positions;
}

std::string position_text(const std::string& axis, double x) {
  if (axis == "noise") return fmt::format("{:g} %", x);
  return fmt::format("{:g} {}", x, axis == "leads" && x == 1 ? "lead" : axis);
}

void add_robustness(Document& document, const CurveGroup& group, const SuiteResults& results) {
  const RobustnessCurve& first = *group.front();
  const std::vector<double> positions = positions_of(group);
  const std::vector<std::string> models = table_models(results);
  Row header = {"Model"};
  for (const double x : positions) header.push_back(escaped(position_text(first.axis, x)));
  std::vector<Estimates> estimates(models.size());
  for (std::size_t i = 0; i < models.size(); ++i)
    for (const double x : positions) estimates[i].push_back(point_at(group, models[i], x));
  const char* what = first.axis == "noise" ? "noise added, its deviation in percent of the lead's" : "leads left";
  document.table(sentences({fmt::format("Macro AUROC, {} on {} ({}), label set {}, test split, by {}; means over "
                                        "trainings",
                                        first.reading, first.data, first.task, first.label_set, what),
                            results.interval, kBestInBold}),
                 header, named_rows(models, marked_rows(estimates)));
}

void add_trainings(Document& document, const SuiteResults& results) {
  std::vector<Row> rows;
  double seconds = 0;
  for (const TrainedRun& run : results.runs) {
    const bool trained_here = !std::isnan(run.best_validation), timed = run.seconds > 0 && std::isfinite(run.seconds);
    if (timed) seconds += run.seconds;
    rows.push_back({escaped(run.model), fmt::format("{}", run.seed), escaped(run.state),
                    trained_here ? fmt::format("{}", run.best_epoch) : kMissing,
                    trained_here ? format_number(run.best_validation, 4) : kMissing,
                    timed ? format_duration(run.seconds) : kMissing, escaped(run.folder)});
  }
  document.table(
      fmt::format("Validation: what the epoch was chosen by. All together took {}.", format_duration(seconds)),
      {"Model", "Seed", "State", "Best epoch", "Validation", "Training time", "Folder"}, rows);
}

}  // namespace

std::string markdown_tables(const SuiteResults& results) {
  Document document;
  document.heading(1, results.title);
  document.paragraph(results.note);
  if (const std::vector<std::string> unfinished = unfinished_runs(results); !unfinished.empty()) {
    document.paragraph("These runs are not done, and their results are not in the tables:");
    document.list(unfinished);
  }
  if (results.columns.empty()) document.paragraph("No evaluation is done.");
  for (const ColumnGroup& group : column_groups(results)) {
    document.heading(2, group_heading(*group.front()));
    add_means(document, group, results);
    add_seeds(document, group, results);
    add_frequent(document, group, results);
    add_differences(document, group, results);
  }
  if (!results.robustness.empty()) document.heading(2, "Robustness");
  for (const CurveGroup& group : curve_groups(results)) add_robustness(document, group, results);
  if (!results.runs.empty()) {
    document.heading(2, "Trainings");
    add_trainings(document, results);
  }
  return document.text();
}

}  // namespace deri
