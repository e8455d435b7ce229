#pragma once
// How amplitudes become a network's input. A store keeps microvolts; the model names its scaling.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace deri {

enum class Scaling {
  kRecordMinmax,  // (x - min) / (max - min + 1e-8) over all leads together: the published scaling,
                  // into [0, 1]
  kLeadZscore,    // (x - mean) / standard deviation, lead by lead; a flat lead becomes zeros
  kMillivolt,     // mV as they are
};

// "record-minmax", "lead-zscore", "millivolt".
const char* scaling_name(Scaling scaling);

// Throws Error for another name, with the nearest one.
Scaling parse_scaling(const std::string& name);

// In place; `values` is [leads, samples], row-major, in mV, without NaN. `leads` divides its size.
void scale(Scaling scaling, std::span<float> values, std::size_t leads);

}  // namespace deri
