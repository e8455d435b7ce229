#pragma once
// ECGs made worse on purpose: fewer leads, more noise. How a model's numbers fall tells how it will do on what is not a
// clean 12-lead recording.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace deri {

// The leads that are left: 12 all twelve, 8 I II V1-V6, 6 the limb leads, 4 I II III V2, 3 I II V2 (both of the
// PhysioNet/CinC challenge 2021), 2 I II, 1 I. Throws Error for another number.
std::vector<std::string> lead_subset(std::int64_t count);

struct Degradation {
  std::vector<std::string> leads_left;  // the others become 0 mV; none is computed from those that are left
  double noise = 0;  // white, its deviation a share of each lead's own: 0.25 adds a quarter (signal-to-noise 12 dB)
};

// Degrades [leads, samples] mV in place; row i is the lead names[i]. Noise is drawn from `seed`.
void degrade(const Degradation& degradation, const std::vector<std::string>& names, std::span<float> millivolts,
             std::uint64_t seed);

}  // namespace deri
