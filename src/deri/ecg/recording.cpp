#include "deri/ecg/recording.hpp"

#include <algorithm>
#include <array>

#include "deri/base/error.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

std::string lead_list(const Recording& recording) {
  std::string list;
  for (const Lead& lead : recording.leads) list += (list.empty() ? "" : ", ") + lead.name;
  return list.empty() ? "no leads" : list;
}

Lead combine(const std::string& name, const Lead& i, float i_weight, const Lead& ii, float ii_weight) {
  Lead lead{name, std::vector<float>(i.samples.size()), i.unit};
  for (std::size_t k = 0; k < lead.samples.size(); ++k)
    lead.samples[k] = i_weight * i.samples[k] + ii_weight * ii.samples[k];
  return lead;
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
    if (std::count_if(recording.leads.begin(), recording.leads.end(),
                      [&](const Lead& other) { return other.name == lead->name; }) > 1)
      fail("{}: lead {} appears more than once; correct the names in the file", recording.source, lead->name);
    if (lead->samples.size() != matrix.length)
      fail("{}: lead {} has {} samples, the first lead {}; all leads must have one length", recording.source,
           lead->name, lead->samples.size(), matrix.length);
    if (lead->unit != kMillivolt)
      fail("{}: lead {} is in '{}', which is no voltage", recording.source, lead->name, lead->unit);
    matrix.leads.push_back(canonical_lead(name));
    matrix.values.insert(matrix.values.end(), lead->samples.begin(), lead->samples.end());
  }
  return matrix;
}

std::vector<std::string> derive_limb_leads(std::vector<Lead>& leads) {
  const auto find = [&](const std::string& name) {
    return std::find_if(leads.begin(), leads.end(), [&](const Lead& lead) { return lead.name == name; });
  };
  if (find("I") == leads.end() || find("II") == leads.end()) return {};
  const Lead i = *find("I");
  const Lead ii = *find("II");
  if (i.samples.size() != ii.samples.size() || i.unit != kMillivolt || ii.unit != kMillivolt) return {};

  struct Rule {
    const char* name;
    float i_weight, ii_weight;
  };
  constexpr std::array kRules{Rule{"III", -1, 1}, Rule{"aVR", -0.5F, -0.5F}, Rule{"aVL", 1, -0.5F},
                              Rule{"aVF", -0.5F, 1}};
  std::vector<std::string> added;
  for (const Rule& rule : kRules) {
    if (find(rule.name) != leads.end()) continue;
    leads.push_back(combine(rule.name, i, rule.i_weight, ii, rule.ii_weight));
    added.emplace_back(rule.name);
  }
  const auto rank = [](const Lead& lead) {
    const auto& order = standard_leads();
    return std::find(order.begin(), order.end(), lead.name) - order.begin();
  };
  std::stable_sort(leads.begin(), leads.end(), [&](const Lead& a, const Lead& b) { return rank(a) < rank(b); });
  return added;
}

}  // namespace deri
