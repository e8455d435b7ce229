#pragma once
// Numbers that do not say what they are (a MATLAB matrix, a .npy array, a CSV file without a header) as a recording:
// rate, unit and leads come from the options, and nothing is guessed.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/recording.hpp"

namespace deri {

struct SampleMatrix {
  std::size_t rows = 0, columns = 0;
  std::function<double(std::size_t row, std::size_t column)> at;
  std::string what;  // in messages: "a MATLAB matrix"
};

// [leads, samples] or [samples, leads], whichever fits the number of options.leads. NaN and what does not fit a float
// become NaN. `source` and the format are set. Throws Error naming the option that is missing (--rate, --unit, --leads)
// or makes no sense, for a matrix that neither or both of whose sides fit the leads, and for one without samples.
Recording recording_from_matrix(const SampleMatrix& matrix, const ReadOptions& options, const std::string& source,
                                const std::string& format);

// Throws Error, naming the options, unless options.rate, options.unit and options.leads are there as far as `what`
// needs them.
void require_options(const ReadOptions& options, bool rate, bool unit, bool leads, const std::string& what,
                     const std::string& source);

// Throws Error unless 0 < rate <= 1 MHz; returns it.
double checked_rate(double rate, const std::string& source);

// mV per unit, by millivolts_per(). Throws Error for what is no voltage.
double checked_millivolts(const std::string& unit, const std::string& source);

// Throws Error for names of which one is empty or appears twice; returns them in canonical_lead() spelling.
std::vector<std::string> checked_leads(const std::vector<std::string>& names, const std::string& source);

// Throws Error where the options say another rate or other leads than a file that states them itself.
void check_agreement(const Recording& recording, const ReadOptions& options);

// A sample as Lead keeps it: NaN for what is not finite or beyond the range of float.
float to_sample(double value);

}  // namespace deri
