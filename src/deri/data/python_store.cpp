#include "deri/data/python_store.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/npy.hpp"
#include "deri/data/store_format.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr double kRate = 500;  // MIMIC-IV-ECG's

// The array of a split ("train", "val") under either name; nothing if there is none.
std::optional<fs::path> array_of(const fs::path& folder, const std::string& split) {
  for (const std::string& name : {split + ".npy", "mimic_ecg_" + split + ".npy"}) {
    std::error_code ignored;
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

std::int16_t to_thousandths(double value) {
  constexpr double kLimit = 32767;
  return std::isfinite(value) ? static_cast<std::int16_t>(std::clamp(std::round(1000 * value), -kLimit, kLimit)) : 0;
}

// One .npy file of int16, float or double.
class ArrayFile {
 public:
  explicit ArrayFile(const fs::path& path) : file_(path), header_(parse_npy(file_.bytes(), path.string())) {
    const std::string name = path.string();
    const bool known = header_.dtype == "<i2" || header_.dtype == "<f4" || header_.dtype == "<f8";
    if (!known) fail("{}: holds '{}' where '<i2', '<f4' or '<f8' is expected", name, header_.dtype);
    if (header_.data_offset % alignof(double) != 0) fail("{}: the .npy data is not aligned", name);
    const auto& shape = header_.shape;
    constexpr std::int64_t kMostSamples = 10'000'000;
    if (shape.size() != 3 || shape[1] != static_cast<std::int64_t>(mimic_leads().size()) || shape[2] <= 0 ||
        shape[2] > kMostSamples)
      fail("{} has the shape [{}] where [records, {}, samples] is expected", name, fmt::join(shape, ", "),
           mimic_leads().size());
  }

  std::size_t rows() const { return static_cast<std::size_t>(header_.shape[0]); }
  std::int64_t samples() const { return header_.shape[2]; }
  std::size_t row_items() const { return static_cast<std::size_t>(header_.shape[1] * header_.shape[2]); }
  const NpyHeader& header() const { return header_; }

  std::span<const std::int16_t> row(std::size_t index) const {
    const std::byte* at = file_.bytes().data() + header_.data_offset + index * row_items() * header_.item_bytes;
    if (header_.dtype == "<i2") return {reinterpret_cast<const std::int16_t*>(at), row_items()};
    return header_.dtype == "<f4" ? converted(reinterpret_cast<const float*>(at))
                                  : converted(reinterpret_cast<const double*>(at));
  }

 private:
  template <typename T>
  std::span<const std::int16_t> converted(const T* values) const {
    thread_local std::vector<std::int16_t> thousandths;
    thousandths.resize(row_items());
    std::transform(values, values + row_items(), thousandths.begin(),
                   [](T value) { return to_thousandths(static_cast<double>(value)); });
    return thousandths;
  }

  MappedFile file_;
  NpyHeader header_;
};

class TwoArrays : public SignalRows {
 public:
  TwoArrays(const fs::path& train, const fs::path& validation) : train_(train), validation_(validation) {}

  const ArrayFile& train() const { return train_; }
  const ArrayFile& validation() const { return validation_; }
  std::span<const std::int16_t> row(std::size_t index) const override {
    return index < train_.rows() ? train_.row(index) : validation_.row(index - train_.rows());
  }

 private:
  ArrayFile train_, validation_;
};

std::string cell_or(const std::vector<std::string>& cells, std::optional<std::size_t> column,
                    const std::string& otherwise) {
  return column && !cells[*column].empty() ? cells[*column] : otherwise;
}

// Appends the rows of a table. `ids` counts them: the released table may list a study more than once.
void read_table(const fs::path& path, const std::string& split, std::size_t expected,
                std::unordered_map<std::string, std::size_t>& ids, std::vector<StoreRecord>& records) {
  CsvReader table(path);
  const auto optional_column = [&](const char* name) {
    return table.has_column(name) ? std::optional(table.column(name)) : std::nullopt;
  };
  const std::size_t report = table.column(table.has_column("total_report") ? "total_report" : "report");
  const auto study = optional_column("study_id"), subject = optional_column("subject_id");
  std::vector<std::string> cells;
  std::size_t row = 0;
  for (; table.next(cells); ++row) {
    if (row == expected) fail("{} lists more records than its array holds: {}", path.string(), expected);
    StoreRecord record;
    record.source = fmt::format("{}:{}", path.filename().string(), row);
    record.id = cell_or(cells, study, fmt::format("{}-{}", split, row));
    if (const std::size_t twins = ids[record.id]++; twins > 0) record.id = fmt::format("{}-{}", record.id, twins + 1);
    record.patient = cell_or(cells, subject, "");
    record.split = split;
    record.report = cells[report];
    records.push_back(std::move(record));
  }
  if (row < expected) fail("{} lists {} records where its array holds {}", path.string(), row, expected);
}

// Cheap even where the arrays are large: a few records of each.
std::uint64_t fingerprint_of(const fs::path& folder, const TwoArrays& arrays) {
  constexpr std::size_t kSampled = 16;
  std::uint64_t mixed = 0;
  const auto mix_text = [&](std::string_view text) {
    for (const char c : text) mixed = (mixed ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  };
  for (const char* table : {"train.csv", "val.csv"}) {
    const MappedFile file(folder / table);
    mix_text(fmt::format("{} {}", table, file.bytes().size()));
  }
  std::size_t first = 0;
  for (const ArrayFile* array : {&arrays.train(), &arrays.validation()}) {
    mix_text(fmt::format("{} [{}]", array->header().dtype, fmt::join(array->header().shape, ", ")));
    for (std::size_t i = 0; i < std::min(kSampled, array->rows()); ++i)
      mixed = store_format::chain_checksum(mixed, signal_hash(arrays.row(first + i * array->rows() / kSampled)));
    first += array->rows();
  }
  return mixed;
}

}  // namespace

bool is_python_store(const fs::path& folder) {
  return array_of(folder, "train").has_value() && array_of(folder, "val").has_value();
}

PythonStore open_python_store(const fs::path& folder) {
  const auto train = array_of(folder, "train"), validation = array_of(folder, "val");
  if (!train || !validation) fail("{} has no train.npy and val.npy", folder.string());
  PythonStore store;
  auto arrays = std::make_unique<TwoArrays>(*train, *validation);
  if (arrays->train().samples() != arrays->validation().samples())
    fail("{}: its records have {} samples, those of {} {}", train->string(), arrays->train().samples(),
         validation->string(), arrays->validation().samples());
  store.info.rate = kRate;
  store.info.leads = mimic_leads();
  store.info.samples = arrays->train().samples();
  store.info.made_by["data_set"] = "a folder of the released Python code";
  std::unordered_map<std::string, std::size_t> ids;
  read_table(folder / "train.csv", kTrain, arrays->train().rows(), ids, store.records);
  read_table(folder / "val.csv", kValidation, arrays->validation().rows(), ids, store.records);
  store.fingerprint = fingerprint_of(folder, *arrays);
  store.signals = std::move(arrays);
  return store;
}

}  // namespace deri
