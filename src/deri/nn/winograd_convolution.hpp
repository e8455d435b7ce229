#pragma once
// A convolution of kernel 3 and stride 1 over time by minimal filtering (Winograd 1980; Lavin and Gray 2016): m outputs
// y of m + 2 inputs x and 3 taps w cost m + 2 multiplications instead of 3 m,
//   y = A' ((G w) * (B' x)),
// where A, B and G evaluate polynomials at m + 1 points and at infinity. Over all channels, each of the m + 2 positions
// is a product of matrices. Of one record, in the blocked layout of blocked_rows.hpp with W = 16;
// float32, or bfloat16 activations with float32 weights.
//
// m = 4 halves the multiplications; its points are 0, +-3/4, +-3/2, of the sets that were tried the one with the least
// rounding error (a third less than with +-1, +-2): in float32 three to four times that of oneDNN's convolution for y
// and x's gradient, less than that for the weights'. In bfloat16 it is twice that of a convolution that rounds x, w and
// y. m = 2 saves a third of the multiplications, with points 0, +-1 and in bfloat16 1.3 to 1.5 times that error.

#include <cstddef>
#include <cstdint>
#include <memory>

namespace deri {

// What a convolution's output becomes before it is stored: y + bias + sum, with ReLU if asked for.
struct ConvolutionEnd {
  const float* bias = nullptr;  // [out]
  const void* sum = nullptr;    // of y's layout and type; may be where y goes
  bool relu = false;
};

class WinogradConvolution {
 public:
  // Whether this machine can, and the channels are whole panels (multiples of 32).
  static bool available(std::int64_t in, std::int64_t out, bool bfloat16);

  // Of records of `length` time steps, with zeros on both sides; m is `outputs`: 4, or 2 for bfloat16. With `threads`
  // forward() and backward_data() spread a record over so many.
  WinogradConvolution(std::int64_t in, std::int64_t out, std::int64_t length, bool bfloat16, int outputs,
                      int threads = 1);
  ~WinogradConvolution();
  WinogradConvolution(WinogradConvolution&&) noexcept;

  // Takes the weights [out, in, 3] for what follows; those of backward_data() only if asked for.
  void set_weights(const float* weights, bool for_backward);
  // Takes those that `other` has now, without a copy. It must be of the same channels, type and m.
  void share_weights(const WinogradConvolution& other);

  // What the three functions below need as `scratch`, aligned to 64 bytes, for each thread that runs one.
  std::size_t scratch_bytes() const;

  // x [in / 16][length][16] -> y [out / 16][length][16].
  void forward(const void* x, void* y, void* scratch, const ConvolutionEnd& end = {}) const;
  // The gradient of y to that of x.
  void backward_data(const void* y_gradient, void* x_gradient, void* scratch) const;

  // Values of a weight gradient as backward_weights() makes it: before G' has brought it back to the taps.
  std::size_t weight_gradient_values() const;
  // The fewest records for which backward_weights() reads and writes its result no more often than for many of them.
  std::int64_t fewest_records() const;
  // The weights' gradient from `records` records, one after another; added to `gradient`, or in its place.
  void backward_weights(const void* x, const void* y_gradient, std::int64_t records, bool add, float* gradient,
                        void* scratch) const;
  // The same in plain order, [out, in, 3].
  void unpack_weight_gradient(const float* gradient, float* plain) const;

 private:
  class Method;
  template <typename Filter>
  class MethodOf;
  std::unique_ptr<Method> method_;
};

}  // namespace deri
