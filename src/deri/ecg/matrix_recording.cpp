#include "deri/ecg/matrix_recording.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/units.hpp"

namespace deri {
namespace {

// ECG is sampled at up to some 100 kHz (pacemaker spikes); beyond this a rate is a slip.
constexpr double kMaxRate = 1e6;

// Whether the leads are the rows.
bool leads_are_rows(const SampleMatrix& matrix, std::size_t leads, const std::string& source) {
  const bool rows = matrix.rows == leads, columns = matrix.columns == leads;
  if (rows && columns)
    fail("{}: {} of {} x {} and {} leads: which side are the leads cannot be told; save it with another length", source,
         matrix.what, matrix.rows, matrix.columns, leads);
  if (!rows && !columns)
    fail("{}: {} of {} x {} has no side for the {} leads of --leads", source, matrix.what, matrix.rows, matrix.columns,
         leads);
  return rows;
}

}  // namespace

float to_sample(double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return std::abs(value) <= kMost ? static_cast<float>(value) : std::numeric_limits<float>::quiet_NaN();
}

double checked_rate(double rate, const std::string& source) {
  if (!(rate > 0 && rate <= kMaxRate)) fail("{}: a sampling rate of {} Hz makes no sense", source, rate);
  return rate;
}

double checked_millivolts(const std::string& unit, const std::string& source) {
  const std::optional<double> factor = millivolts_per(unit);
  if (!factor) fail("{}: the unit '{}' is not a voltage; V, mV, uV and nV are", source, shown(unit));
  return *factor;
}

std::vector<std::string> checked_leads(const std::vector<std::string>& names, const std::string& source) {
  std::vector<std::string> leads;
  leads.reserve(names.size());
  for (const std::string& name : names) leads.push_back(canonical_lead(printable(name)));
  std::vector<std::string> sorted = leads;
  std::sort(sorted.begin(), sorted.end());
  if (!sorted.empty() && sorted.front().empty()) fail("{}: a lead without a name", source);
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end()) fail("{}: lead {} appears twice", source, shown(*twin));
  return leads;
}

void require_options(const ReadOptions& options, bool rate, bool unit, bool leads, const std::string& what,
                     const std::string& source) {
  std::vector<std::string> missing, arguments;
  if (rate && !options.rate) {
    missing.emplace_back("sampling rate");
    arguments.emplace_back("--rate HZ");
  }
  if (unit && options.unit.empty()) {
    missing.emplace_back("unit");
    arguments.emplace_back("--unit mV|uV|…");
  }
  if (leads && options.leads.empty()) {
    missing.emplace_back("leads");
    arguments.emplace_back("--leads NAME,NAME,…");
  }
  if (missing.empty()) return;
  fail("{}: {} does not say its {}: give {}", source, what, fmt::join(missing, ", "), fmt::join(arguments, " "));
}

void check_agreement(const Recording& recording, const ReadOptions& options) {
  // Rates are often rounded when they are typed or written.
  if (options.rate && !(std::abs(*options.rate - recording.rate) <= 1e-3 * recording.rate))
    fail("{}: says {} Hz itself, --rate says {}", recording.source, recording.rate, *options.rate);
  if (options.leads.empty()) return;
  std::vector<std::string> names;
  for (const Lead& lead : recording.leads) names.push_back(lead.name);
  if (checked_leads(options.leads, recording.source) != names)
    fail("{}: names its leads itself, {}, and --leads says otherwise", recording.source, fmt::join(names, ", "));
}

Recording recording_from_matrix(const SampleMatrix& matrix, const ReadOptions& options, const std::string& source,
                                const std::string& format) {
  require_options(options, true, true, true, matrix.what, source);
  Recording recording;
  recording.source = source;
  recording.format = format;
  recording.rate = checked_rate(*options.rate, source);
  const double factor = checked_millivolts(options.unit, source);
  const std::vector<std::string> names = checked_leads(options.leads, source);
  const bool by_row = leads_are_rows(matrix, names.size(), source);
  const std::size_t length = by_row ? matrix.columns : matrix.rows;
  if (length == 0) fail("{}: {} without samples", source, matrix.what);
  for (std::size_t lead = 0; lead < names.size(); ++lead) {
    std::vector<float> samples(length);
    for (std::size_t i = 0; i < length; ++i)
      samples[i] = to_sample(factor * (by_row ? matrix.at(lead, i) : matrix.at(i, lead)));
    recording.leads.push_back({names[lead], std::move(samples)});
  }
  return recording;
}

}  // namespace deri
