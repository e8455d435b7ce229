#include "deri/data/subset.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "deri/base/error.hpp"

namespace deri {
namespace {

// A number in 0 .. greatest: draws under the smallest mask of ones that covers it, until one is not too large.
std::uint32_t draw(std::mt19937& generator, std::uint32_t greatest) {
  std::uint32_t mask = greatest;
  for (const int shift : {1, 2, 4, 8, 16}) mask |= mask >> shift;
  std::uint32_t value = 0;
  do {
    value = static_cast<std::uint32_t>(generator()) & mask;
  } while (value > greatest);
  return value;
}

TrainTest cut_permutation(std::size_t count, std::size_t tests, double share, std::uint32_t seed) {
  if (!(share > 0 && share < 1) || tests == 0 || tests >= count)
    fail("{} records cannot be split at a share of {}: choose one between 0 and 1 that leaves both sides a record",
         count, share);
  const std::vector<std::size_t> order = numpy_permutation(count, seed);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(tests);
  return {{middle, order.end()}, {order.begin(), middle}};
}

}  // namespace

std::vector<std::size_t> numpy_permutation(std::size_t count, std::uint32_t seed) {
  if (count > std::numeric_limits<std::uint32_t>::max()) fail("{} records are too many to shuffle", count);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 generator(seed);  // seeded by one word, as NumPy's is
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[draw(generator, static_cast<std::uint32_t>(i - 1))]);
  return order;
}

TrainTest split_off_test(std::size_t count, double share, std::uint32_t seed) {
  const double tests = std::ceil(share * static_cast<double>(count));
  return cut_permutation(count, tests > 0 ? static_cast<std::size_t>(std::min(tests, 1e15)) : 0, share, seed);
}

TrainTest split_off_train(std::size_t count, double share, std::uint32_t seed) {
  const double trains = std::floor(share * static_cast<double>(count));
  const bool valid = trains > 0 && trains < static_cast<double>(count);
  return cut_permutation(count, valid ? count - static_cast<std::size_t>(trains) : 0, share, seed);
}

std::vector<std::size_t> training_subset(const std::vector<std::size_t>& items, double share, std::uint32_t seed) {
  if (share == 1) return items;
  std::vector<std::size_t> chosen;
  for (const std::size_t index : split_off_train(items.size(), share, seed).train) chosen.push_back(items[index]);
  return chosen;
}

}  // namespace deri
