#pragma once
// Points of the plane in squares within squares, and the sums over all of them that t-SNE's repulsion needs, far groups
// taken as one point at their centre (Barnes and Hut 1986, van der Maaten 2014).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace deri {

// For a point y_i, with w_ij = 1 / (1 + |y_i - y_j|^2): x, y = sum_j w_ij^2 (y_i - y_j), weight = sum_j w_ij, j != i.
struct Repulsion {
  double x = 0, y = 0, weight = 0;
};

// The sums, every point by itself.
Repulsion exact_repulsion(std::span<const double> x, std::span<const double> y, std::size_t point);

class QuadTree {
 public:
  // `points`: [N, 2], finite, fewer than 2^32. Any number of them may coincide.
  explicit QuadTree(std::span<const double> points);

  // The points as they stand in the tree, neighbours near to each other.
  const std::vector<std::uint32_t>& order() const { return order_; }

  // The sums for point order()[position]. A group of points is taken as one if its extent (the diagonal of the box
  // around it) is below theta times the distance of its centre; with theta in [0, 1] the point is then outside. theta
  // 0: exact.
  Repulsion repulsion(std::size_t position, double theta) const;

 private:
  struct Node {
    double x, y, count;        // centre and number of its points
    double squared_extent;     // of the box around them
    std::uint32_t begin, end;  // positions in order_
    std::uint32_t next;        // the node after this one and all within it
    bool leaf;
  };
  struct Box {
    double left, right, bottom, top;
  };

  Box add_node(const std::vector<std::uint64_t>& codes, std::size_t begin, std::size_t end);

  std::vector<std::uint32_t> order_;
  std::vector<double> x_, y_;  // by position
  std::vector<Node> nodes_;    // each before what is within it
};

}  // namespace deri
