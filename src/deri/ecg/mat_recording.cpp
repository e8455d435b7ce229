#include "deri/ecg/mat_recording.hpp"

#include <algorithm>
#include <vector>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/mat.hpp"
#include "deri/ecg/matrix_recording.hpp"

namespace deri {
namespace {

constexpr double kCpscRate = 500;

bool is_matrix(const MatValue& value) {
  return value.kind == MatValue::Kind::kNumeric && value.dims.size() == 2 && value.values.size() > 1;
}

const MatValue* find_cpsc_struct(const std::vector<MatValue>& variables) {
  const auto found = std::find_if(variables.begin(), variables.end(), [](const MatValue& value) {
    return value.name == "ECG" && value.field("data") != nullptr && value.field("sex") != nullptr &&
           value.field("age") != nullptr;
  });
  return found == variables.end() ? nullptr : &*found;
}

Recording read_cpsc(const MatValue& ecg, const std::string& source, const ReadOptions& options) {
  const MatValue& data = *ecg.field("data");
  const std::vector<std::string>& names = standard_leads();
  if (!is_matrix(data) || data.dims[0] != names.size())
    fail("{}: ECG.data is not the matrix of {} rows that CPSC2018's files have", source, names.size());
  if (!options.unit.empty() && checked_millivolts(options.unit, source) != 1)
    fail("{}: CPSC2018's files are in mV, --unit says {}", source, shown(options.unit));

  Recording recording;
  recording.source = source;
  recording.format = "MATLAB (CPSC2018)";
  recording.rate = kCpscRate;
  for (std::size_t lead = 0; lead < names.size(); ++lead) {
    std::vector<float> samples;
    samples.reserve(data.dims[1]);
    for (std::size_t i = lead; i < data.values.size(); i += names.size()) samples.push_back(to_sample(data.values[i]));
    recording.leads.push_back({names[lead], std::move(samples)});
  }
  const std::string sex = lower_case(trimmed(ecg.field("sex")->text));
  if (sex == "male" || sex == "female") recording.patient.sex = sex;
  const std::vector<double>& age = ecg.field("age")->values;
  if (age.size() == 1 && age[0] >= 0 && age[0] < 1000) recording.patient.age = age[0];
  check_agreement(recording, options);
  return recording;
}

// `val`, or the only matrix.
const MatValue& find_matrix(const std::vector<MatValue>& variables, const std::string& source) {
  std::vector<const MatValue*> found;
  std::vector<std::string> names;
  for (const MatValue& value : variables) {
    if (!is_matrix(value)) continue;
    found.push_back(&value);
    names.push_back(shown(value.name));
  }
  if (found.empty()) fail("{}: holds no matrix of numbers, and no struct ECG of CPSC2018", source);
  const auto val = std::find_if(found.begin(), found.end(), [](const MatValue* value) { return value->name == "val"; });
  if (val != found.end()) return **val;
  constexpr std::size_t kMost = 10;
  if (names.size() > kMost) names.resize(kMost);
  if (found.size() > 1)
    fail("{}: holds several matrices ({}), and which is the ECG cannot be told; save it alone, or as 'val'", source,
         fmt::join(names, ", "));
  return *found.front();
}

}  // namespace

Recording parse_mat(std::string_view content, const std::string& source, const ReadOptions& options) {
  const std::vector<MatValue> variables = parse_mat_variables(content, source);
  if (const MatValue* ecg = find_cpsc_struct(variables); ecg != nullptr) return read_cpsc(*ecg, source, options);
  const MatValue& value = find_matrix(variables, source);
  const SampleMatrix matrix{
      value.dims[0], value.dims[1],
      [&](std::size_t row, std::size_t column) { return value.values[column * value.dims[0] + row]; },
      "a MATLAB matrix"};
  return recording_from_matrix(matrix, options, source, "MATLAB");
}

Recording read_mat(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_mat(read_file(path, kMaxMatBytes), path.string(), options);
}

}  // namespace deri
