#pragma once
// A suite's results as tables for people: in Markdown for documents, in LaTeX for papers.

#include <string>

#include "deri/experiment/results.hpp"

namespace deri {

// GitHub's Markdown, a document of its own: the runs that are not done, in words; per task (and fraction, for a probe)
// the means with a row for each model and one for its untrained twin, every training by itself, the means over frequent
// labels, and the differences; robustness; the trainings. Numbers that are not defined are "n/a", results that are
// absent "—". Names may hold any text: it is escaped.
std::string markdown_tables(const SuiteResults& results);

// The means alone, in percent with one decimal and the interval below, best in bold, columns grouped by data set and
// fraction, for a document that has \usepackage{booktabs}. What is absent is said in the caption. UTF-8.
std::string latex_tables(const SuiteResults& results);

}  // namespace deri
