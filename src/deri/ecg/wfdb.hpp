#pragma once
// WFDB records (PhysioNet's format: a text header NAME.hea and binary signal files): the format of
// PTB-XL, MIMIC-IV-ECG and the PhysioNet challenges. Described in the WFDB Applications Guide,
// header(5) and signal(5).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/files.hpp"
#include "deri/ecg/recording.hpp"
#include "deri/ecg/wfdb_folder.hpp"

namespace deri {

// What becomes of signals with several samples per frame, that is of a record whose signals differ in rate.
enum class WfdbFrames {
  kExpand,   // the recording has the rate of its fastest signal; a slower one keeps each value until its next
  kAverage,  // the recording has the frame rate; of several samples it has the integer mean, as WFDB's tools
};

struct WfdbOptions {
  bool verify_checksums = true;  // refuse a signal whose 16-bit sum is not the one its header gives
  WfdbFrames frames = WfdbFrames::kExpand;
};

// Reads a record; `header` is the path of NAME.hea, the suffix may be left out. All signal formats of signal(5): 8, 16,
// 24, 32, 61, 80, 160, 212, 310, 311 and, compressed, 508, 516, 524; one or several signal files, byte offsets, skew
// (the samples are put back in line; the frames at the end that not every signal has are left out), several samples per
// frame, records of several segments of fixed or variable layout (a signal that a segment lacks, and a gap, become
// NaN). Voltages come out in mV, other signals in the unit they have. A sample that marks itself invalid (-32768 in
// format 16, -2048 in format 212 …) becomes NaN. A signal without a description is named "signal N", from 1. Age and
// sex are taken from comments such as "Age: 63" and "Sex: F".
//
// Throws Error, naming the file, for a header that is malformed or promises more than the signal file holds (nothing is
// allocated before that is known), a signal file that is missing, a name that would lead out of the header's folder, a
// gain of zero, and a wrong checksum.
Recording read_wfdb(const std::filesystem::path& header, const WfdbOptions& options = {});

// The same from files kept elsewhere; `name` is the record's, without suffix.
Recording read_wfdb(const WfdbFolder& folder, const std::string& name, const WfdbOptions& options = {});

// What a record on disk holds: integers, and how they become mV.
struct WfdbSignals {
  double rate = 0;                 // Hz
  std::vector<std::string> leads;  // their names
  std::size_t length = 0;          // samples per lead
  // Row-major [leads, length]; mV = (sample - baseline) / gain; -32768 marks a missing sample.
  std::vector<std::int16_t> samples;
  double gain = 1000;                 // steps per mV
  int baseline = 0;                   // the sample value of 0 mV
  std::vector<std::string> comments;  // a line each, without '#'
};

// Integers at 1000 steps per mV: rounded, clipped to -32767 .. 32767, NaN as -32768. Age and sex
// become comments unless the recording's comments give them already. Throws Error when the leads
// differ in length.
WfdbSignals to_wfdb_signals(const Recording& recording);

// Writes folder/NAME.dat (format 16, leads interleaved) and then folder/NAME.hea; each appears
// whole or not at all. `folder` must exist. Throws Error for a name WFDB does not allow (letters,
// digits, '_' and '-' only) and for what the system refuses.
void write_wfdb(const std::filesystem::path& folder, const std::string& name, const WfdbSignals& signals,
                Survives survives = Survives::kPowerCut);
void write_wfdb(const std::filesystem::path& folder, const std::string& name, const Recording& recording,
                Survives survives = Survives::kPowerCut);

}  // namespace deri
