#pragma once
// t-SNE (van der Maaten and Hinton 2008) with Barnes and Hut's sums (van der Maaten 2014): a picture in the plane in
// which near rows of a matrix stay near. Distances between far groups, their sizes and the axes mean nothing.

#include <cstddef>
#include <span>
#include <vector>

namespace deri {

struct TsneOptions {
  double perplexity = 30;  // at least 1: about how many neighbours each point keeps
  int iterations = 1000;
  int exaggerated_iterations = 250;  // the first of them
  double exaggeration = 12;          // what attraction is multiplied by in them
  double learning_rate = 0;          // 0: max(N / exaggeration / 4, 50)
  double theta = 0.5;                // in [0, 1]: the larger, the faster and coarser (quad_tree.hpp); 0: exact
  int threads = 0;                   // 0: as many as the machine has; the result does not depend on it
};

struct TsneResult {
  std::vector<double> points;  // [N, 2], of mean 0
  double kl_divergence = 0;    // at the end, exact, without exaggeration
  double perplexity = 0;       // used: the wanted one, or (N - 1) / 3 if that is less, and at least 1; 0 for one point
};

// `matrix`: row-major [N, columns]; distances are Euclidean, so rows compared by cosine come normalised. Starts from
// the rows' first two principal components. Few points (N <= 500) are always computed exactly. Time grows with N^2
// columns + iterations N log N, memory with N (columns + 6 perplexity). Throws Error for an empty or ragged matrix,
// values that are not finite, and options out of their range.
TsneResult tsne(std::span<const float> matrix, std::size_t columns, const TsneOptions& options = {});

}  // namespace deri
