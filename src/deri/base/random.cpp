#include "deri/base/random.hpp"

#include <cmath>

#include "deri/base/error.hpp"
#include "deri/base/portable_math.hpp"

namespace deri {
namespace {
constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;
}

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

std::uint64_t splitmix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t mix_seed(std::uint64_t seed, std::initializer_list<std::uint64_t> parts) {
  std::uint64_t mixed = splitmix64(seed + kGolden);
  for (const std::uint64_t part : parts) mixed = splitmix64((mixed + kGolden) ^ splitmix64(part + kGolden));
  return mixed;
}

std::uint64_t Rng::next() {
  return splitmix64(state_ += kGolden);
}

double Rng::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::uint64_t Rng::below(std::uint64_t n) {
  DERI_CHECK(n > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // a multiple of n: no value is favoured
  std::uint64_t value = next();
  while (value >= limit) value = next();
  return value % n;
}

double Rng::normal() {
  double u = 0, s = 0;
  do {
    u = uniform(-1, 1);
    const double v = uniform(-1, 1);
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  return u * std::sqrt(-2 * portable_log(s) / s);  // its twin is dropped: the state stays one word
}

}  // namespace deri
