#pragma once
// A convolution over time of one record on one thread, forward and backward, in oneDNN's blocked layout (see
// blocked_rows.hpp): by oneDNN's direct kernels, or by minimal filtering (winograd_convolution.hpp) where that is
// faster. Records are spread over the threads by the caller: then nothing between the convolutions needs to wait or
// leaves the core's cache.

#include <cstddef>
#include <cstdint>
#include <memory>

namespace deri {

// Memory for the kernels' intermediate values and, per thread, handles; one for each thread.
class ConvolutionScratch {
 public:
  ConvolutionScratch();
  ~ConvolutionScratch();
  ConvolutionScratch(ConvolutionScratch&&) noexcept;

 private:
  friend class BlockedConvolution;
  struct State;
  std::unique_ptr<State> state_;
};

// Time steps that a convolution leaves of `length`.
inline std::int64_t convolved_length(std::int64_t length, std::int64_t stride) {
  return (length - 1) / stride + 1;
}

struct ConvolutionShape {
  std::int64_t in, out;  // channels; `in` is rounded up to whole blocks, the channels that are added are zeros
  std::int64_t kernel;   // odd; padding is kernel / 2
  std::int64_t stride;
  std::int64_t length;  // time steps of the input

  std::int64_t out_length() const { return convolved_length(length, stride); }
};

enum class ConvolutionMethod {
  kFastest,
  kDirect,
  kWinograd,  // where the shape and the machine allow it, otherwise direct
};

// The m of minimal filtering (winograd_convolution.hpp) for each part of a convolution, 0 where it is direct.
struct WinogradOutputs {
  int data = 0;     // forward and backward_data()
  int weights = 0;  // backward_weights()
};
WinogradOutputs winograd_outputs(const ConvolutionShape& shape, bool bfloat16, ConvolutionMethod method);

class BlockedConvolution {
 public:
  // Channels that lie side by side on this machine: 16 with AVX-512, else 8; 0 when this build has no oneDNN.
  static int block_width();
  // Whether this machine has kernels for the gradients: below AVX2 oneDNN's are plain loops.
  static bool has_backward_kernels();

  // Activations are bfloat16 or float32; weights and their gradients come and go as float32.
  BlockedConvolution(const ConvolutionShape& shape, bool bfloat16,
                     ConvolutionMethod method = ConvolutionMethod::kFastest);
  ~BlockedConvolution();
  BlockedConvolution(BlockedConvolution&&) noexcept;

  const ConvolutionShape& shape() const { return shape_; }
  std::int64_t in_channels() const { return in_; }  // rounded up
  std::int64_t out_length() const { return shape_.out_length(); }
  // Values of one record.
  std::size_t in_values() const { return static_cast<std::size_t>(in_ * shape_.length); }
  std::size_t out_values() const { return static_cast<std::size_t>(shape_.out * out_length()); }

  // Takes the weights [out, in, kernel] for what follows; those of backward_data() only if asked for.
  void set_weights(const float* weights, bool for_backward);

  // x [in / W][length][W] -> y [out / W][out_length][W]. These may run in several threads at once, each with its own
  // scratch.
  void forward(const void* x, void* y, ConvolutionScratch& scratch) const;
  // The gradient of y to that of x.
  void backward_data(const void* y_gradient, void* x_gradient, ConvolutionScratch& scratch) const;

  // Values of a weight gradient as backward_weights() makes it.
  std::size_t weight_gradient_values() const;
  // Prepares backward_weights(): its kernel is made once, before the threads begin.
  void prepare_backward();
  // The most records that backward_weights() takes at once. More would not be faster: they would leave the cache.
  std::int64_t most_records() const;
  // The weights' gradient from `records` records, one after another in x and y_gradient; added to `gradient`, or in its
  // place.
  void backward_weights(const void* x, const void* y_gradient, std::int64_t records, bool add, float* gradient,
                        ConvolutionScratch& scratch) const;
  // The same in plain order, [out, in, kernel].
  void unpack_weight_gradient(const float* gradient, float* plain) const;

 private:
  struct Kernels;
  ConvolutionShape shape_;
  std::int64_t in_;
  std::unique_ptr<Kernels> kernels_;
};

}  // namespace deri
