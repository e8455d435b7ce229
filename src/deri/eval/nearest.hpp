#pragma once
// The nearest neighbours of every row among the other rows, by comparing all pairs.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace deri {

struct Neighbours {
  std::size_t each = 0;                 // neighbours per row
  std::vector<std::uint32_t> index;     // [rows, each], the nearest first, of equal distances the lower index
  std::vector<float> squared_distance;  // [rows, each], Euclidean, summed in float
};

// The `each` nearest of every row of the row-major [rows, columns] matrix, itself not counted. Takes O(rows^2 columns)
// time and room for a copy of the matrix. The same for any number of threads (0: as many as the machine has). Squares
// of differences must not overflow. Needs each < rows and rows < 2^32.
Neighbours nearest_neighbours(std::span<const float> matrix, std::size_t columns, std::size_t each, int threads = 0);

}  // namespace deri
