#pragma once
// The extremes of samples.

#include <cstddef>
#include <span>

namespace deri {

struct Extent {
  float low = 0, high = 0;  // of the finite samples; without meaning when there is none
  std::size_t finite = 0;   // how many there are
};

Extent extent_of(std::span<const float> samples);

}  // namespace deri
