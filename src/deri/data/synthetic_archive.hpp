#pragma once
// Synthetic ECGs (ecg/synth) as a folder in PTB-XL's layout, which every PTB-XL reader takes:
//   ptbxl_database.csv   the columns of PTB-XL 1.0.x, one row per record
//   scp_statements.csv   the codes that occur, with their flags and classes
//   records100/00000/00001_lr.{hea,dat}, records500/00000/00001_hr.{hea,dat}   WFDB, format 16, 1000 steps per mV
//   README.md            what it is and how it was made

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace deri {

struct SyntheticArchiveOptions {
  std::size_t records = 1000;
  std::uint64_t seed = 1;
  std::vector<int> rates{100};  // Hz: 100 (records100), 500 (records500), or both
  double seconds = 10;
  double noise = 1;         // factor on the electrode noise
  std::size_t threads = 0;  // 0: one per core. The files do not depend on it
  bool replace = false;     // an existing folder goes when the new one is whole
  // Called from the caller's thread as records are written: how many of how many.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

// Writes the folder; it appears whole or not at all. The same bytes on every machine for the same options. All records
// of a patient lie in one of the ten folds (strat_fold). Throws Error when `path` exists (without replace), an option
// is out of range, or the disk is full.
void write_synthetic_archive(const std::filesystem::path& path, const SyntheticArchiveOptions& options);

}  // namespace deri
