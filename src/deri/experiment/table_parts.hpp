#pragma once
// What a suite's tables share, in whatever format they are written: which columns stand in one table, the words of its
// caption, numbers as text, and what is said of results that are not there. All text is plain: who writes it into a
// format escapes it.

#include <string>
#include <vector>

#include "deri/experiment/results.hpp"

namespace deri {

inline constexpr const char* kMissing = "—";  // in the cell of a model that a column does not have

// The columns of one task, kind, data set, protocol and fraction, in the suite's order. Never empty.
using ColumnGroup = std::vector<const ResultColumn*>;

std::vector<ColumnGroup> column_groups(const SuiteResults& results);

// Curves to be read against each other: one task, data set, label set, reading and axis. Never empty.
using CurveGroup = std::vector<const RobustnessCurve*>;

std::vector<CurveGroup> curve_groups(const SuiteResults& results);

// The suite's models in its order, then any other that a column or curve has.
std::vector<std::string> table_models(const SuiteResults& results);

// nullptr where the column does not have the model.
const ModelNumber* find_model(const ResultColumn& column, const std::string& model);

// "10 %".
std::string fraction_text(double fraction);

// "zero-shot on ptbxl"; "probe on ptbxl, 10 % of the training records".
std::string evaluation_text(const ResultColumn& column);

// What stands above a group: its task, and the evaluation where the task's name does not say it.
std::string group_heading(const ResultColumn& column);

// "19 of 23", "5" of 5; empty without labels.
std::string label_count_text(std::size_t counted, std::size_t all);

// "sub (19 of 23)".
std::string label_set_text(const ResultColumn& column, std::size_t counted);

// "206 records"; "198 to 206 records" where label sets differ.
std::string records_text(const ColumnGroup& group);

// "training of seed 4"; "means of 3 trainings (seeds 1, 2, 3)"; "no training".
std::string trainings_text(const ColumnGroup& group);

// "0.0005"; "n/a".
std::string p_text(double p_value);

// "+0.012 [-0.004, +0.028]"; "n/a".
std::string signed_text(const Estimate& difference);

// One after the other, each with a full stop at its end; empty ones are left out.
std::string sentences(const std::vector<std::string>& texts);

// `text` in one line: control characters become blanks.
std::string one_line(const std::string& text);

// Which values look highest at so many decimals. None where fewer than two are numbers: nothing to be best of.
std::vector<bool> best_of(const std::vector<double>& values, int decimals);

// What a group lacks, a sentence each: models without a finished training, and means of fewer trainings than planned.
std::vector<std::string> missing_results(const ColumnGroup& group, const SuiteResults& results);

// Runs that are not done: "deri, seed 3, failed: WHY".
std::vector<std::string> unfinished_runs(const SuiteResults& results);

}  // namespace deri
