#include "deri/ecg/recording.hpp"

#include <algorithm>

#include "deri/base/error.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

std::string lead_list(const Recording& recording) {
  std::string list;
  for (const Lead& lead : recording.leads) list += (list.empty() ? "" : ", ") + lead.name;
  return list.empty() ? "no leads" : list;
}

}  // namespace

const Lead* Recording::find(std::string_view name) const {
  const std::string wanted = canonical_lead(name);
  const auto found =
      std::find_if(leads.begin(), leads.end(), [&](const Lead& lead) { return canonical_lead(lead.name) == wanted; });
  return found == leads.end() ? nullptr : &*found;
}

SignalMatrix select_leads(const Recording& recording, const std::vector<std::string>& names) {
  SignalMatrix matrix;
  matrix.rate = recording.rate;
  matrix.length = recording.length();
  matrix.leads.reserve(names.size());
  matrix.values.reserve(names.size() * matrix.length);
  for (const std::string& name : names) {
    const Lead* lead = recording.find(name);
    if (lead == nullptr)
      fail("{}: lead {} is missing; the file has {}", recording.source, canonical_lead(name), lead_list(recording));
    if (lead->samples.size() != matrix.length)
      fail("{}: lead {} has {} samples, the first lead {}; all leads must have one length", recording.source,
           lead->name, lead->samples.size(), matrix.length);
    matrix.leads.push_back(canonical_lead(name));
    matrix.values.insert(matrix.values.end(), lead->samples.begin(), lead->samples.end());
  }
  return matrix;
}

}  // namespace deri
