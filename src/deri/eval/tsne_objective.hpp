#pragma once
// What t-SNE minimises, and its gradient (van der Maaten and Hinton 2008; van der Maaten 2014):
//   p_j|i = exp(-b_i |x_i - x_j|^2) / sum over i's neighbours,  p_ij = (p_j|i + p_i|j) / 2N,
//   w_ij  = 1 / (1 + |y_i - y_j|^2),  q_ij = w_ij / Z,  Z = sum of w over all ordered pairs,
//   KL    = sum_ij p_ij log(p_ij / q_ij),  dKL/dy_i = 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deri/eval/nearest.hpp"

namespace deri {

// p_j|i of one point from its squared distances to its neighbours, b such that the perplexity exp(-sum p log p) is the
// wanted one, in [1, number of distances]. Where more neighbours than that share the smallest distance, they share the
// probability. Distances are not negative, and finite.
std::vector<double> conditional_affinities(std::span<const float> squared_distances, double perplexity);

// The p_ij that are not 0, by rows: row i's are [begin[i], begin[i + 1]), columns rising. Symmetric; sums to 1.
struct Affinities {
  std::vector<std::size_t> begin;
  std::vector<std::uint32_t> column;
  std::vector<double> value;

  std::size_t points() const { return begin.empty() ? 0 : begin.size() - 1; }
};

Affinities symmetric_affinities(const Neighbours& neighbours, double perplexity, int threads = 0);

// [N, 2]: dKL/dy with `exaggeration` p in place of p. The repulsion is that of QuadTree with theta; 0: exact. The same
// for any number of threads.
std::vector<double> tsne_gradient(const Affinities& affinities, std::span<const double> points, double theta,
                                  int threads = 0, double exaggeration = 1);

// KL, exact.
double tsne_divergence(const Affinities& affinities, std::span<const double> points, int threads = 0);

}  // namespace deri
