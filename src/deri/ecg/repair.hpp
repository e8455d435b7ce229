#pragma once
// Missing samples: small holes are filled, and what cannot be trusted is refused with a reason.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deri/ecg/recording.hpp"

namespace deri {

struct RepairOptions {
  // A straight line over 0.2 s may cost one QRS complex; over more it would invent a pause.
  double max_gap_seconds = 0.2;
  double max_missing_share = 0.05;  // of a lead's samples
  // No heart makes more, and a store's int16 microvolts end at 32.767 mV; the rest is room for
  // resampling's overshoot.
  double max_millivolts = 32;
  bool keep_flat_leads = false;  // one value throughout does not reject: the lead was off, the others may do
};

struct RepairReport {
  std::vector<std::size_t> repaired;     // samples filled in, per lead
  std::optional<std::string> rejection;  // why the recording must not be used, naming the lead

  std::size_t total_repaired() const;
};

// A sample that is not finite counts as missing. Gaps up to max_gap_seconds are filled by linear
// interpolation, at the ends by the nearest sample. The recording is rejected, and `signal` left as
// it is, when it has no samples, or a lead has none that is finite, a longer gap, a larger share of
// missing samples, one value throughout (a lead that was off; unless
// keep_flat_leads), or an amplitude beyond
// max_millivolts. Throws nothing; the first lead that fails is the one named.
RepairReport repair(SignalMatrix& signal, const RepairOptions& options = {});

}  // namespace deri
