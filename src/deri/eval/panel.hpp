#pragma once
// The loops behind the linear probes. Labels are computed eight at a time (a panel: a row-major matrix of eight
// columns), for four rows or features at once (a tile): what fits into vector registers.

#include <cstddef>
#include <cstdint>

namespace deri {

inline constexpr std::size_t kPanel = 8, kTile = 4;

constexpr std::size_t rounded_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// out[t][l] += sum_i x[t * across + i * along] panel[i][l] for t < kTile, l < kPanel, i < depth: logits of four rows
// (across = row length, along = 1) or gradients of four features (across = 1, along = row length).
void multiply_tile(const double* x, std::size_t across, std::size_t along, std::size_t depth, const double* panel,
                   double* out);

// y += factor x.
void add_scaled(std::size_t count, double factor, const double* x, double* y);

// sum x y, in four interleaved sums.
double dot(const double* x, const double* y, std::size_t count);

// Step number `step` (from 1) of Adam (Kingma and Ba 2015; beta 0.9 and 0.999, epsilon 1e-8) with the L2 penalty's
// gradient weight_decay x parameters added, as torch.optim.Adam takes it.
void adam_step(std::size_t count, double learning_rate, double weight_decay, std::int64_t step, const double* gradient,
               double* moment1, double* moment2, double* parameters);

}  // namespace deri
