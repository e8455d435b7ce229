#pragma once
// The sums of a matrix's columns, and on the way its values in bfloat16: what a linear layer's backward pass makes of
// the gradient of its result.

#include <cstdint>

#include "deri/base/vector_values.hpp"

namespace deri {

// sums [columns] += the sum of x's rows, x [rows, columns]; `rounded`, if any, gets x to the nearest bfloat16.
void add_rows(const float* x, std::int64_t rows, std::int64_t columns, float* sums, BFloat16* rounded);

}  // namespace deri
