#pragma once
// Small archives in the layouts of data sets.

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "deri/base/csv.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri::testing {

// Ten seconds of waves in counts of a microvolt, another for each seed and lead.
inline WfdbSignals waves(int seed, double rate = 500, const std::vector<std::string>& leads = standard_leads()) {
  WfdbSignals signals;
  signals.rate = rate;
  signals.leads = leads;
  signals.length = static_cast<std::size_t>(10 * rate);
  for (std::size_t lead = 0; lead < leads.size(); ++lead)
    for (std::size_t k = 0; k < signals.length; ++k)
      signals.samples.push_back(static_cast<std::int16_t>(
          std::lround((300 + 10 * seed) *
                      std::sin(2 * std::numbers::pi * static_cast<double>(lead + 1) * static_cast<double>(k) / rate))));
  return signals;
}

// folder/NAME.hea and .dat, with its folders.
inline void write_record(const std::filesystem::path& path, const WfdbSignals& signals) {
  make_directories(path.parent_path());
  write_wfdb(path.parent_path(), path.filename(), signals, Survives::kKill);
}

// The rows of a rejected.csv: file and reason.
inline std::vector<std::pair<std::string, std::string>> rejections(const std::filesystem::path& store) {
  CsvReader table(store / "rejected.csv", {"file", "reason"});
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::vector<std::string> cells; table.next(cells);) rows.emplace_back(cells[0], cells[1]);
  return rows;
}

}  // namespace deri::testing
