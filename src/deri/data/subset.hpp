#pragma once
// The random subsets of the published protocol: the rows that scikit-learn's train_test_split chooses, which are those
// of NumPy's legacy generator (Mersenne Twister 19937, RandomState(seed).permutation).

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deri {

// The seed of every split of the published work.
inline constexpr std::uint32_t kPublishedSeed = 42;

// numpy.random.RandomState(seed).permutation(count). Throws Error for more than 2^32 items.
std::vector<std::size_t> numpy_permutation(std::size_t count, std::uint32_t seed);

struct TrainTest {
  std::vector<std::size_t> train, test;  // indices in the order train_test_split gives them
};

// train_test_split(range(count), test_size=share, random_state=seed): ceil(share * count) of them for the test, the
// rest for training. Throws Error unless 0 < share < 1 leaves both sides an item.
TrainTest split_off_test(std::size_t count, double share, std::uint32_t seed = kPublishedSeed);

// train_test_split(range(count), train_size=share, random_state=seed): floor(share * count) of them for training, the
// rest for the test. Throws Error as split_off_test does.
TrainTest split_off_train(std::size_t count, double share, std::uint32_t seed = kPublishedSeed);

// The items of a training set that linear probing on `share` of it uses (0.01, 0.1; 1: all, in their order).
std::vector<std::size_t> training_subset(const std::vector<std::size_t>& items, double share,
                                         std::uint32_t seed = kPublishedSeed);

}  // namespace deri
