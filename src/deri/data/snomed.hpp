#pragma once
// Diagnoses as the PhysioNet/CinC challenges write them into a WFDB header: a comment "Dx: 164889003,59118001" of
// SNOMED CT codes; and the code tables of the data sets that are labelled so.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

// The codes of the first comment "Dx: …", in its order; nothing if there is none.
std::optional<std::vector<std::string>> diagnosis_codes(const std::vector<std::string>& comments);

// The same. Throws Rejection where there is none: the file is no record of such a data set.
std::vector<std::string> required_diagnosis_codes(const std::vector<std::string>& comments);

struct SnomedLabel {
  std::string_view label, code;
};

// CPSC2018: the nine classes in the order of its labels 1 to 9, under the published benchmark's names.
inline constexpr std::array<SnomedLabel, 9> kCpscLabels{{{"NORM", "426783006"},
                                                         {"AFIB", "164889003"},
                                                         {"1AVB", "270492004"},
                                                         {"CLBBB", "164909002"},
                                                         {"CRBBB", "59118001"},
                                                         {"PAC", "284470004"},
                                                         {"VPC", "164884008"},
                                                         {"STD", "429622005"},
                                                         {"STE", "164931005"}}};

// Chapman-Shaoxing-Ningbo: the 38 labels of the published benchmark, alphabetically.
const std::vector<std::string>& csn_labels();

// Those of the 38 whose SNOMED code is among `codes`, alphabetically.
std::vector<std::string> csn_exact_labels(const std::vector<std::string>& codes);

// The diagnosis as the published benchmark's files spell it: acronyms joined by commas, of several with one code the
// first of the archive's table. Nothing if a code is not in that table: such a record is not in the benchmark.
std::optional<std::string> csn_published_diagnosis(const std::vector<std::string>& codes);

// Those of the 38 that the published benchmark gives to a diagnosis: whatever occurs in the text, so "AFIB" is AF too,
// "1AVB" AVB, "STE" ST. 13 % of its positives are false for that reason.
std::vector<std::string> csn_published_labels(std::string_view diagnosis);

}  // namespace deri
