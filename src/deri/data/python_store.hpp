#pragma once
// The folders that the released Python code prepares MIMIC-IV-ECG into, opened as stores:
//   train.npy, val.npy   int16 or floating point [N, 12, samples], leads in MIMIC's order, 500 Hz;
//                        int16 in thousandths. Also under the names mimic_ecg_train.npy, mimic_ecg_val.npy
//   train.csv, val.csv   one row per record, in the same order: total_report, and study_id, subject_id where present
// train.* is the training split, val.* the validation split. The released code scales each record into [0, 1] before it
// stores it: amplitudes are lost there, and what Store calls microvolts is a thousandth of the record's range.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "deri/data/store.hpp"

namespace deri {

// Whether a folder has the two arrays.
bool is_python_store(const std::filesystem::path& folder);

struct PythonStore {
  StoreInfo info;
  std::vector<StoreRecord> records;
  std::unique_ptr<SignalRows> signals;
  // Of the tables, the shapes and a sample of the signals: in the place of a checksum.
  std::uint64_t fingerprint = 0;
};

// Maps the arrays and reads the tables. Throws Error when a file is missing or malformed, the arrays do not have the
// shape above, or a table has more or fewer rows than its array.
PythonStore open_python_store(const std::filesystem::path& folder);

}  // namespace deri
