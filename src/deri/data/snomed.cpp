#include "deri/data/snomed.hpp"

#include <algorithm>

#include "deri/base/strings.hpp"
#include "deri/data/prepare.hpp"

namespace deri {
namespace {

// The archive's table of conditions (ConditionNames_SNOMED-CT.csv), in its order. Some codes stand for several
// acronyms.
constexpr SnomedLabel kCsnConditions[] = {
    {"1AVB", "270492004"},    {"2AVB", "195042002"},    {"2AVB1", "54016002"}, {"2AVB2", "28189009"},
    {"3AVB", "27885002"},     {"ABI", "251173003"},     {"ALS", "39732003"},   {"APB", "284470004"},
    {"AQW", "164917005"},     {"ARS", "47665007"},      {"AVB", "233917008"},  {"CCR", "251199005"},
    {"CR", "251198002"},      {"ERV", "428417006"},     {"FQRS", "164942001"}, {"IDC", "698252002"},
    {"IVB", "698252002"},     {"JEB", "426995002"},     {"JPT", "251164006"},  {"LBBB", "164909002"},
    {"LBBBB", "164909002"},   {"LFBBB", "164909002"},   {"LVH", "164873001"},  {"LVQRSAL", "251146004"},
    {"LVQRSCL", "251148003"}, {"LVQRSLL", "251147008"}, {"MI", "164865005"},   {"MIBW", "164865005"},
    {"MIFW", "164865005"},    {"MILW", "164865005"},    {"MISW", "164865005"}, {"PRIE", "164947007"},
    {"PWC", "164912004"},     {"QTIE", "111975006"},    {"RAH", "446358003"},  {"RBBB", "59118001"},
    {"RVH", "89792004"},      {"STDD", "429622005"},    {"STE", "164930006"},  {"STTC", "428750005"},
    {"STTU", "164931005"},    {"TWC", "164934002"},     {"TWO", "59931005"},   {"UW", "164937009"},
    {"VB", "11157007"},       {"VEB", "75532003"},      {"VFW", "13640000"},   {"VPB", "17338001"},
    {"VPE", "195060002"},     {"VET", "251180001"},     {"WAVN", "195101003"}, {"WPW", "74390002"},
    {"SB", "426177001"},      {"SR", "426783006"},      {"AFIB", "164889003"}, {"ST", "427084000"},
    {"AF", "164890007"},      {"SA", "427393009"},      {"SVT", "426761007"},  {"AT", "713422000"},
    {"AVNRT", "233896004"},   {"AVRT", "233897008"},    {"SAAWR", "195101003"}};

std::string_view code_of(std::string_view acronym) {
  for (const SnomedLabel& condition : kCsnConditions)
    if (condition.label == acronym) return condition.code;
  return {};
}

}  // namespace

std::optional<std::vector<std::string>> diagnosis_codes(const std::vector<std::string>& comments) {
  constexpr std::string_view kKey = "dx:";
  for (const std::string& comment : comments) {
    const std::string_view line = trimmed(comment);
    if (line.size() < kKey.size() || !equal_ignoring_case(line.substr(0, kKey.size()), kKey)) continue;
    std::vector<std::string> codes;
    std::string_view rest = line.substr(kKey.size());
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      if (!trimmed(item).empty()) codes.emplace_back(trimmed(item));
    }
    return codes;
  }
  return std::nullopt;
}

std::vector<std::string> required_diagnosis_codes(const std::vector<std::string>& comments) {
  std::optional<std::vector<std::string>> codes = diagnosis_codes(comments);
  if (!codes) throw Rejection("no diagnosis", "its header has no line '#Dx: …': it is no record of this data set");
  return std::move(*codes);
}

const std::vector<std::string>& csn_labels() {
  static const std::vector<std::string> kLabels = {
      "1AVB", "2AVB", "2AVB1", "AF",   "AFIB", "ALS",  "APB", "AQW",  "ARS",  "AT",  "AVB", "CCR", "CR",
      "ERV",  "JEB",  "LBBB",  "LVH",  "MI",   "PRIE", "PWC", "QTIE", "RBBB", "RVH", "SA",  "SR",  "ST",
      "STDD", "STE",  "STTC",  "STTU", "SVT",  "TWC",  "TWO", "UW",   "VB",   "VEB", "VPB", "WPW"};
  return kLabels;
}

std::vector<std::string> csn_exact_labels(const std::vector<std::string>& codes) {
  std::vector<std::string> labels;
  for (const std::string& label : csn_labels())
    if (std::find(codes.begin(), codes.end(), code_of(label)) != codes.end()) labels.push_back(label);
  return labels;
}

std::optional<std::string> csn_published_diagnosis(const std::vector<std::string>& codes) {
  std::string diagnosis;
  for (const std::string& code : codes) {
    const auto found = std::find_if(std::begin(kCsnConditions), std::end(kCsnConditions),
                                    [&](const SnomedLabel& condition) { return condition.code == code; });
    if (found == std::end(kCsnConditions)) return std::nullopt;
    if (!diagnosis.empty()) diagnosis += ',';
    diagnosis += found->label;
  }
  if (diagnosis.empty()) return std::nullopt;
  return diagnosis;
}

std::vector<std::string> csn_published_labels(std::string_view diagnosis) {
  std::vector<std::string> labels;
  for (const std::string& label : csn_labels())
    if (diagnosis.find(label) != std::string_view::npos) labels.push_back(label);
  return labels;
}

}  // namespace deri
