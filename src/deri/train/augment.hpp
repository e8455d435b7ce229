#pragma once
// Training-time changes of a record that keep its meaning.

#include <cstdint>
#include <span>

#include "deri/train/pretrain_config.hpp"

namespace deri {

// Changes one record [leads, samples], mV, in place, drawn from `seed`: gain, then time shift, noise, lead dropout.
void augment(const AugmentConfig& config, std::span<float> record, std::size_t leads, double rate, std::uint64_t seed);

}  // namespace deri
