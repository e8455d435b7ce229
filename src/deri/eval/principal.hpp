#pragma once
// Where rows lie along the two directions of their greatest variance (the first two principal components).

#include <cstddef>
#include <span>
#include <vector>

namespace deri {

// The row-major [rows, 2] coordinates of the rows of a [rows, columns] matrix whose columns have mean 0 (approximately:
// by subspace iteration). Of each direction the component largest in magnitude is positive. A direction without
// variance gives zeros. The same for any number of threads (0: as many as the machine has).
std::vector<double> principal_coordinates(std::span<const float> matrix, std::size_t columns, int threads = 0);

}  // namespace deri
