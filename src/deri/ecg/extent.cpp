#include "deri/ecg/extent.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "deri/base/vector_clones.hpp"

namespace deri {
namespace {

DERI_VECTOR_CLONES std::size_t count_finite(std::span<const float> samples) {
  std::size_t finite = 0;
  constexpr std::size_t kBlock = 4096;  // whose count fits a lane as wide as a sample
  for (std::size_t begin = 0; begin < samples.size(); begin += kBlock) {
    std::int32_t in_block = 0;
    for (const float value : samples.subspan(begin, std::min(kBlock, samples.size() - begin)))
      in_block += std::abs(value) <= std::numeric_limits<float>::max() ? 1 : 0;
    finite += static_cast<std::size_t>(in_block);
  }
  return finite;
}

struct Order {
  std::int32_t low, high;
};

// A float's bits as an integer of the same order: those of negative floats run backwards. Its own inverse. Extremes of
// integers become vector instructions; those of floats do not, as NaN would be treated otherwise.
inline std::int32_t flip(std::int32_t bits) {
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

DERI_VECTOR_CLONES Order extremes(std::span<const float> finite_samples) {
  Order order{std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min()};
  for (const float value : finite_samples) {
    const std::int32_t bits = flip(std::bit_cast<std::int32_t>(value));
    order.low = std::min(order.low, bits);
    order.high = std::max(order.high, bits);
  }
  return order;
}

}  // namespace

Extent extent_of(std::span<const float> samples) {
  Extent extent;
  extent.finite = count_finite(samples);
  if (extent.finite == samples.size()) {
    const Order order = extremes(samples);
    extent.low = std::bit_cast<float>(flip(order.low));
    extent.high = std::bit_cast<float>(flip(order.high));
    return extent;
  }
  extent.low = std::numeric_limits<float>::infinity();
  extent.high = -extent.low;
  for (const float value : samples) {
    if (!std::isfinite(value)) continue;
    extent.low = std::min(extent.low, value);
    extent.high = std::max(extent.high, value);
  }
  return extent;
}

}  // namespace deri
