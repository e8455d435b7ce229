#pragma once
// Seeds and random numbers that are the same on every machine: integer arithmetic and IEEE operations only.

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace deri {

// FNV-1a, 64 bit.
std::uint64_t fnv1a(std::string_view bytes);

// splitmix64's output function for one state (Steele, Lea, Flood 2014).
std::uint64_t splitmix64(std::uint64_t state);

// A seed for one purpose out of a run's seed: mix_seed(seed, {fnv1a("augment"), epoch, record}).
std::uint64_t mix_seed(std::uint64_t seed, std::initializer_list<std::uint64_t> parts);

// splitmix64 in counter mode: period 2^64, one word of state, which is all there is to save.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Uniform in 0 .. n-1, unbiased. n > 0.
  std::uint64_t below(std::uint64_t n);
  bool chance(double probability) { return uniform() < probability; }
  // Standard normal (Marsaglia's polar method over portable_log).
  double normal();
  double normal(double mean, double deviation) { return mean + deviation * normal(); }

  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  template <typename T>
  const T& pick(const std::vector<T>& items) {
    return items[below(items.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace deri
