#pragma once
// A suite's folder → its results: what the tables and the page are made from.

#include "deri/experiment/suite.hpp"
#include "deri/experiment/suite_folder.hpp"
#include "deri/experiment/suite_page.hpp"

namespace deri {

// Takes what is there; what is missing or failed is said in SuiteResults::runs. Throws Error for files that are
// damaged.
SuiteResults collect_results(const Suite& suite, const SuiteFolder& folder);

// The page's figures, of the first finished training of each model, around `results`.
SuitePageInputs collect_page(const Suite& suite, const SuiteFolder& folder, const SuiteResults& results);

}  // namespace deri
